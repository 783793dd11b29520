"""How one agent's hooks differ from those of others."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from .values import Record


def _never(_: Record) -> bool:
    return False


def _nobody(_name: str, _response: object) -> str:
    return ""


class HookDialect(Struct, frozen=True):
    """`agent_id`: of the builds that its payloads tell of.

    `is_aside`: whether a payload is of what the program does for itself, and tells of no build.
    `spawned`: the id of the subagent that a call of this name left at work, by its answer; "" for every other call.
    `stand_in`: with the id of a subagent behind it, what stands for its call where that is not known.
    """

    agent_id: str
    is_aside: Callable[[Record], bool] = _never
    spawned: Callable[[str, object], str] = _nobody
    stand_in: str = ""
