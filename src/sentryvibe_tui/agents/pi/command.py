"""pi's command line."""

from __future__ import annotations

from ..common.command import Prepared, flag_value, has_flag, is_bare, last_word, with_flags


def prepared(argv: tuple[str, ...], name: str) -> Prepared:
    """`argv` of the program `name`, with what makes its output readable, where the user gave none."""
    mode = flag_value(argv, "--mode")
    if mode not in ("", "json") or not (mode or has_flag(argv, "-p", "--print")):
        return Prepared(argv, name, interactive=not mode and is_bare(argv))
    prompt = flag_value(argv, "-p", "--print") or last_word(argv)
    added = () if mode else ("--mode", "json")
    return Prepared(with_flags(argv, added), name, "pi-session", added, prompt, flag_value(argv, "--model"))
