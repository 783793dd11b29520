"""Commands of agents that are known: which output format each is asked for, and what it is asked to do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from ..agents.common.command import Prepared
from ..agents.registry import UnknownAgent, agent_kind


def prepared(argv: Sequence[str]) -> Prepared:
    """`argv` with the flags for an output that can be read, where the user gave none."""
    words = tuple(argv)
    name = PurePath(words[0]).name.removesuffix(".exe").removesuffix(".cmd")
    try:
        prepare = agent_kind(name).prepare
    except UnknownAgent:
        prepare = None
    return Prepared(words, name) if prepare is None else prepare(words, name)
