"""Commands of agents that are known: which output format each is asked for, and what it is asked to do.

Pure: command lines in, command lines out. Flags as in AGENT_FORMATS 2, 5, 7 and 8.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import PurePath

from msgspec import Struct

from ..agents.gemini.todos import told_model


class Prepared(Struct, frozen=True):
    """A command to run. `format`: name of the reader for its output, "" when only the output itself can tell.

    `added`: what was put into the command line. `interactive`: it would draw a screen of its own on a terminal.
    """

    argv: tuple[str, ...]
    agent: str
    format: str = ""
    added: tuple[str, ...] = ()
    prompt: str = ""
    model: str = ""
    interactive: bool = False


def prepared(argv: Sequence[str]) -> Prepared:
    """`argv` with the flags for an output that can be read, where the user gave none."""
    words = tuple(argv)
    name = PurePath(words[0]).name.removesuffix(".exe").removesuffix(".cmd")
    prepare = _KNOWN.get(name)
    return Prepared(words, name) if prepare is None else prepare(words, name)


def _claude(argv: tuple[str, ...], name: str) -> Prepared:
    if not _has(argv, "-p", "--print"):
        return Prepared(argv, name, interactive=_is_bare(argv))
    prompt = _value(argv, "-p", "--print") or _last(argv)
    asked = _value(argv, "--output-format")
    if asked not in ("", "stream-json"):
        return Prepared(argv, name, prompt=prompt)
    added = () if asked else ("--output-format", "stream-json")
    added += () if _has(argv, "--verbose") else ("--verbose",)
    return Prepared(_with(argv, added), name, "claude-stream", added, prompt, _value(argv, "--model"))


def _codex(argv: tuple[str, ...], name: str) -> Prepared:
    place = next((index for index, word in enumerate(argv) if word in ("exec", "e")), 0)
    if not place:
        return Prepared(argv, name, interactive=_is_bare(argv))
    added = () if _has(argv, "--json", "--experimental-json") else ("--json",)
    words = (*argv[: place + 1], *added, *argv[place + 1 :])
    prompt = _last(argv[place:])
    return Prepared(words, name, "codex-exec", added, prompt, _value(argv, "-m", "--model"))


def _gemini(argv: tuple[str, ...], name: str) -> Prepared:
    prompt = _value(argv, "-p", "--prompt") or ("" if _has(argv, "-i", "--prompt-interactive") else _last(argv))
    if not prompt:
        return Prepared(argv, name, interactive=_is_bare(argv))
    asked = _value(argv, "-o", "--output-format")
    if asked not in ("", "stream-json"):
        return Prepared(argv, name, prompt=prompt)
    added = () if asked else ("--output-format", "stream-json")
    model = told_model(_value(argv, "-m", "--model"))
    return Prepared(_with(argv, added), name, "gemini-stream", added, prompt, model)


def _opencode(argv: tuple[str, ...], name: str) -> Prepared:
    place = argv.index("run") if "run" in argv else 0
    if not place:
        return Prepared(argv, name, interactive=_is_bare(argv))
    prompt, asked = _last(argv[place:]), _value(argv, "--format")
    if asked not in ("", "json"):
        return Prepared(argv, name, prompt=prompt)
    added = () if asked else ("--format", "json")
    words = (*argv[: place + 1], *added, *argv[place + 1 :])
    return Prepared(words, name, "opencode-run", added, prompt, _value(argv, "-m", "--model"))


_KNOWN: dict[str, Callable[[tuple[str, ...], str], Prepared]] = {
    "claude": _claude,
    "codex": _codex,
    "gemini": _gemini,
    "opencode": _opencode,
}


def _has(argv: tuple[str, ...], *flags: str) -> bool:
    return any(word.partition("=")[0] in flags for word in _options(argv))


def _options(argv: tuple[str, ...]) -> tuple[str, ...]:
    """The words before `--`."""
    return argv[: argv.index("--")] if "--" in argv else argv


def _value(argv: tuple[str, ...], *flags: str) -> str:
    """What stands behind the first of `flags`, or with it behind `=`; "" when nothing does."""
    for word, following in zip(_options(argv), (*argv[1:], ""), strict=False):
        flag, equals, value = word.partition("=")
        if flag in flags:
            return value if equals else "" if following.startswith("-") else following
    return ""


def _last(argv: tuple[str, ...]) -> str:
    """The last word, when it can be a prompt: no flag, and not the value of one."""
    if "--" in argv:
        return " ".join(argv[argv.index("--") + 1 :])
    if len(argv) < 2 or argv[-1].startswith("-"):
        return ""
    before = argv[-2]
    return "" if before.startswith("-") and before not in _SWITCHES and "=" not in before else argv[-1]


_SWITCHES = frozenset(
    {
        "-p",
        "--print",
        "--verbose",
        "--json",
        "--experimental-json",
        "-y",
        "--yolo",
        "-c",
        "--continue",
        "--full-auto",
        "--skip-git-repo-check",
        "--dangerously-skip-permissions",
        "--dangerously-bypass-approvals-and-sandbox",
        "--include-partial-messages",
    }
)


def _with(argv: tuple[str, ...], added: tuple[str, ...]) -> tuple[str, ...]:
    """Flags at the end, before `--`."""
    place = len(_options(argv))
    return (*argv[:place], *added, *argv[place:])


def _is_bare(argv: tuple[str, ...]) -> bool:
    """Nothing but flags or a prompt: no subcommand that prints and ends."""
    words = argv[1:]
    if any(word in ("-h", "--help", "-v", "-V", "--version") for word in words):
        return False
    return not words or words[0].startswith("-") or " " in words[0]
