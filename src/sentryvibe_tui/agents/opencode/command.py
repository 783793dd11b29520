"""opencode's command line (docs/agents.md#command-lines)."""

from __future__ import annotations

from ..common.command import Prepared, flag_value, is_bare, last_word


def prepared(argv: tuple[str, ...], name: str) -> Prepared:
    """`argv` of the program `name`, with what makes its output readable, where the user gave none."""
    place = argv.index("run") if "run" in argv else 0
    if not place:
        return Prepared(argv, name, interactive=is_bare(argv))
    prompt, output_format = last_word(argv[place:]), flag_value(argv, "--format")
    if output_format not in ("", "json"):
        return Prepared(argv, name, prompt=prompt)
    added = () if output_format else ("--format", "json")
    words = (*argv[: place + 1], *added, *argv[place + 1 :])
    return Prepared(words, name, "opencode-run", added, prompt, flag_value(argv, "-m", "--model"))
