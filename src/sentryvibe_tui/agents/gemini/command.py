"""Gemini CLI's command line (docs/agents.md#command-lines)."""

from __future__ import annotations

from ..common.command import Prepared, flag_value, has_flag, is_bare, last_word, with_flags
from .todos import told_model


def prepared(argv: tuple[str, ...], name: str) -> Prepared:
    """`argv` of the program `name`, with what makes its output readable, where the user gave none."""
    stays = has_flag(argv, "-i", "--prompt-interactive")
    prompt = flag_value(argv, "-p", "--prompt") or ("" if stays else last_word(argv))
    if not prompt:
        return Prepared(argv, name, interactive=is_bare(argv))
    output_format = flag_value(argv, "-o", "--output-format")
    if output_format not in ("", "stream-json"):
        return Prepared(argv, name, prompt=prompt)
    added = () if output_format else ("--output-format", "stream-json")
    model = told_model(flag_value(argv, "-m", "--model"))
    return Prepared(with_flags(argv, added), name, "gemini-stream", added, prompt, model)
