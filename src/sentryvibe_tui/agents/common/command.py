"""Command lines of agents: what is asked of them, and the flags for an output that can be read.

Pure: command lines in, command lines out.
"""

from __future__ import annotations

from msgspec import Struct


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


def has_flag(argv: tuple[str, ...], *flags: str) -> bool:
    """Whether one of `flags` is given, alone or with `=`."""
    return any(word.partition("=")[0] in flags for word in options(argv))


def options(argv: tuple[str, ...]) -> tuple[str, ...]:
    """The words before `--`."""
    return argv[: argv.index("--")] if "--" in argv else argv


def flag_value(argv: tuple[str, ...], *flags: str) -> str:
    """What stands behind the first of `flags`, or with it behind `=`; "" when nothing does."""
    for word, following in zip(options(argv), (*argv[1:], ""), strict=False):
        flag, equals, value = word.partition("=")
        if flag in flags:
            return value if equals else "" if following.startswith("-") else following
    return ""


def last_word(argv: tuple[str, ...]) -> str:
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


def with_flags(argv: tuple[str, ...], added: tuple[str, ...]) -> tuple[str, ...]:
    """Flags at the end, before `--`."""
    place = len(options(argv))
    return (*argv[:place], *added, *argv[place:])


def is_bare(argv: tuple[str, ...]) -> bool:
    """Nothing but flags or a prompt: no subcommand that prints and ends."""
    words = argv[1:]
    if any(word in ("-h", "--help", "-v", "-V", "--version") for word in words):
        return False
    return not words or words[0].startswith("-") or " " in words[0]
