"""Cursor CLI's command line."""

from __future__ import annotations

from ..common.command import Prepared, flag_value, has_flag, is_bare, last_word, with_flags


def prepared(argv: tuple[str, ...], name: str) -> Prepared:
    """`argv` of the program `name`, with what makes its output readable, where the user gave none."""
    if not has_flag(argv, "-p", "--print"):
        return Prepared(argv, name, interactive=is_bare(argv))
    prompt = flag_value(argv, "-p", "--print") or last_word(argv)
    output_format = flag_value(argv, "--output-format")
    if output_format not in ("", "stream-json"):
        return Prepared(argv, name, prompt=prompt)
    added = () if output_format else ("--output-format", "stream-json")
    return Prepared(with_flags(argv, added), name, "cursor-stream", added, model=flag_value(argv, "-m", "--model"))
