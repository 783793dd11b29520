"""Copilot CLI's command line."""

from __future__ import annotations

from ..common.command import Prepared, flag_value, has_flag, is_bare, with_flags


def prepared(argv: tuple[str, ...], name: str) -> Prepared:
    """`argv` of the program `name`, with what makes its output readable, where the user gave none."""
    if not has_flag(argv, "-p", "--prompt"):
        return Prepared(argv, name, interactive=is_bare(argv))
    prompt = flag_value(argv, "-p", "--prompt")
    output_format = flag_value(argv, "--output-format")
    if output_format not in ("", "json"):
        return Prepared(argv, name, prompt=prompt)
    added = () if output_format else ("--output-format", "json")
    return Prepared(with_flags(argv, added), name, "copilot-events", added, prompt, flag_value(argv, "--model"))
