"""Codex's command line (docs/agents.md#command-lines)."""

from __future__ import annotations

from ..common.command import Prepared, flag_value, has_flag, is_bare, last_word


def prepared(argv: tuple[str, ...], name: str) -> Prepared:
    """`argv` of the program `name`, with what makes its output readable, where the user gave none."""
    place = next((index for index, word in enumerate(argv) if word in ("exec", "e")), 0)
    if not place:
        return Prepared(argv, name, interactive=is_bare(argv))
    added = () if has_flag(argv, "--json", "--experimental-json") else ("--json",)
    words = (*argv[: place + 1], *added, *argv[place + 1 :])
    prompt = last_word(argv[place:])
    return Prepared(words, name, "codex-exec", added, prompt, flag_value(argv, "-m", "--model"))
