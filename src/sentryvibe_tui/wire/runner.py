"""What an original runner tells of itself and of its builds' ends
(docs/protocol.md#original-runners): flat events, by HTTP and WebSocket."""

from __future__ import annotations

from msgspec import Raw, Struct

from ..errors import BadJson
from ..model.events import BuildEvent
from ..model.state import Millis
from .base import Wire
from .envelope import decode_event
from .ids import RULE, is_id
from .json import decode
from .times import Time, millis


class RunnerEvent(Struct, frozen=True):
    """`event` is None when it says nothing of a build that is kept here. Ids are empty where it does not say."""

    kind: str
    project_id: str = ""
    session_id: str = ""
    build_id: str = ""
    event: BuildEvent | None = None
    at: Millis | None = None


class _Runner(Wire, frozen=True):
    type: str
    project_id: str | None = None
    session_id: str | None = None
    build_id: str | None = None
    command_id: str | None = None
    timestamp: Time = None


_OF_BUILDS = frozenset(
    {
        "build-completed",
        "build-failed",
        "build-cancelled",
        "build-summary",
        "autofix-started",
        "template-selected",
        "error",
    }
)


def decode_runner_event(body: bytes) -> RunnerEvent:
    """Raises BadJson, naming the field."""
    wire = decode(body, _Runner)
    ids = (("projectId", wire.project_id), ("sessionId", wire.session_id), ("buildId", wire.build_id))
    for name, value in ids:
        if value and not is_id(value):
            raise BadJson(f"{RULE} - at `$.{name}`")
    event = decode_event(Raw(body)) if wire.type in _OF_BUILDS else None
    build_id = wire.build_id or (f"build-{wire.command_id}" if wire.command_id else "")
    return RunnerEvent(wire.type, wire.project_id or "", wire.session_id or "", build_id, event, millis(wire.timestamp))
