"""Commands of agents that are known: which output format each is asked for, and what it is asked to do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from ...agents.common.command import Prepared
from ...agents.registry import program_kind


def prepare_argv(argv: Sequence[str]) -> Prepared:
    """`argv` with the flags for an output that can be read, where the user gave none."""
    words = tuple(argv)
    name = PurePath(words[0]).name.removesuffix(".exe").removesuffix(".cmd")
    kind = program_kind(name)
    return Prepared(words, name) if kind is None or kind.prepare is None else kind.prepare(words, name)
