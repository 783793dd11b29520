"""How one agent's hooks differ from those of others."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from .values import Record

if TYPE_CHECKING:
    from ...model.state import BuildState, Millis
    from ..redact import Redactor
    from .reader import Counts, Reported


class Payloads(Protocol):
    """Reads one payload at a time, of as many sessions as there are, and masks what it reports."""

    counts: Counts

    def knows(self, session: str) -> bool: ...

    def resume(self, name: str, state: BuildState) -> None:
        """Goes on with a session of which there is a build."""
        ...

    def read(self, payload: Record, received: Millis | None = None) -> list[Reported]: ...


def _never(_: Record) -> bool:
    return False


def _nobody(_name: str, _response: object) -> str:
    return ""


class HookDialect(Struct, frozen=True):
    """`agent_id`: of the builds that its payloads tell of.

    `is_aside`: whether a payload is of what the program does for itself, and tells of no build.
    `spawned`: the id of the subagent that a call of this name left at work, by its answer; "" for every other call.
    `reader`: of payloads that have another shape than Claude Code's; None for that one.
    `tells_outcome`: whether a call's end says that it failed; what it does not say, a session file may.
    `stand_in`: with the id of a subagent behind it, what stands for its call where that is not known.
    """

    agent_id: str
    is_aside: Callable[[Record], bool] = _never
    spawned: Callable[[str, object], str] = _nobody
    tells_outcome: bool = True
    stand_in: str = ""
    reader: Callable[[Redactor | None], Payloads] | None = None
