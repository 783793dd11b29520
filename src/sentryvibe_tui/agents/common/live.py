"""What an agent's own register says of the sessions that run right now."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Protocol

from msgspec import Struct

from ...model.state import Millis

LiveState = Literal["working", "waiting-person", "waiting-machine", "idle"]


class LiveSession(Struct, frozen=True):
    """One process at work on a session. `what`: what it waits for; `since`: of that state; `cwd`: where it works."""

    session: str
    pid: int
    state: LiveState
    what: str = ""
    since: Millis | None = None
    cwd: str = ""


class LiveSessions(Protocol):
    """Reads the register. A process that is gone is in it no longer, whatever the register says."""

    def running(self) -> Iterable[LiveSession]:
        """The sessions that run now; none when there is no register, or none that can be read."""
        ...
