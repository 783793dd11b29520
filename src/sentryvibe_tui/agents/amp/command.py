"""Amp's command line."""

from __future__ import annotations

from ..common.command import Prepared, flag_value, has_flag, is_bare, with_flags


def prepared(argv: tuple[str, ...], name: str) -> Prepared:
    """`argv` of the program `name`, with what makes its output readable, where the user gave none."""
    if not has_flag(argv, "-x", "--execute"):
        return Prepared(argv, name, interactive=is_bare(argv))
    added = () if has_flag(argv, "--stream-json") else ("--stream-json",)
    return Prepared(with_flags(argv, added), name, "amp-stream", added, flag_value(argv, "-x", "--execute"))
