"""Droid's command line."""

from __future__ import annotations

from ..common.command import Prepared, flag_value, is_bare, last_word, with_flags


def prepared(argv: tuple[str, ...], name: str) -> Prepared:
    """`argv` of the program `name`, with what makes its output readable, where the user gave none."""
    if "exec" not in argv[1:2]:
        return Prepared(argv, name, interactive=is_bare(argv))
    prompt = last_word(argv) if len(argv) > 2 else ""
    output_format = flag_value(argv, "-o", "--output-format")
    if output_format not in ("", "stream-json"):
        return Prepared(argv, name, prompt=prompt)
    added = () if output_format else ("--output-format", "stream-json")
    model = flag_value(argv, "-m", "--model")
    return Prepared(with_flags(argv, added), name, "droid-stream", added, model=model)
