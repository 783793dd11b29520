"""Frames of the watch link, both ways (docs/protocol.md#frames). The SSE fallback carries the same."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable

from msgspec import Raw, Struct

from ..errors import BadJson, CannotUnpack
from ..model.state import BuildState, Millis
from ..model.updates import Entry
from .json import ABSENT, decode, encode, plain, present
from .state import decode_state, encode_state
from .times import Time
from .updates import WireUpdate, decode_updates

PROTOCOL = 2
LARGE_STATE = 64 * 1024
"""Bytes of a `state-recovery` above which a protocol-2 watcher gets it gzipped in a binary frame."""
MAX_FRAME = 256 * 1024 * 1024
"""Bytes of the largest text that a compressed frame may hold."""


class AgentSign(Struct, frozen=True, rename="camel"):
    """What the server last heard of a build's agent: when (epoch ms), and how many events wait in its outbox."""

    last_event_at: Millis | None = None
    outbox: int = 0


class Connected(Struct, frozen=True):
    epoch: str = ""
    protocol: int = 1
    server_version: str = ""
    client_id: str = ""


class Batch(Struct, frozen=True):
    """Entries of one build, and whole states (v1), in order. Ids are empty where an original server does not say."""

    project_id: str
    session_id: str
    build_id: str
    changes: tuple[Entry | BuildState, ...]
    unknown: int = 0


class Recovery(Struct, frozen=True):
    """A whole state, or none when there is no build. `epoch` is empty from an original server."""

    state: BuildState | None
    session_id: str = ""
    session_status: str = ""
    epoch: str = ""


class RecoveryFailed(Struct, frozen=True):
    error: str = ""


class Heartbeat(Struct, frozen=True):
    """`version` is the head of the build `build_id`: all up to it was sent (docs/protocol.md#marks).

    `others`: heads of other builds of the project that go on.
    """

    epoch: str = ""
    build_id: str = ""
    version: int | None = None
    watchers: int | None = None
    agent: AgentSign | None = None
    others: dict[str, int] = {}


class HeartbeatAck(Struct, frozen=True):
    pass


class Unknown(Struct, frozen=True):
    """A frame this reader does not know, or cannot read (`reason`)."""

    type: str
    reason: str = ""


class Broken(Struct, frozen=True):
    """A compressed frame that cannot be unpacked, or would be too large: its link is no good."""

    reason: str


Frame = Connected | Batch | Recovery | RecoveryFailed | Heartbeat | HeartbeatAck | Unknown | Broken


class _Frame(Struct, frozen=True, rename="camel"):
    type: str
    epoch: str | None = None
    protocol: int | None = None
    server_version: Raw = ABSENT
    client_id: str | None = None
    project_id: str | None = None
    session_id: str | None = None
    build_id: str | None = None
    session_status: str | None = None
    updates: list[WireUpdate] | None = None
    state: Raw = ABSENT
    error: Raw = ABSENT
    version: int | None = None
    watchers: int | None = None
    agent: AgentSign | None = None
    others: dict[str, int] | None = None
    timestamp: Time = None


# --------------------------------------------------------------------------- watcher's side


def decode_frame(data: str | bytes, now: Millis) -> Frame:
    """What a server sent. Never raises: what cannot be read is `Unknown` or `Broken`, with the reason."""
    try:
        wire = decode(frame_text(data), _Frame)
        return _frame(wire, now)
    except CannotUnpack as error:
        return Broken(str(error))
    except BadJson as error:
        return Unknown("", str(error))


def frame_text(data: str | bytes) -> bytes:
    """The JSON of a frame, packed or not. Raises CannotUnpack."""
    if isinstance(data, str):
        return data.encode("utf-8", "surrogatepass")
    return unpacked(data) if data[:2] == b"\x1f\x8b" else data


def unpacked(data: bytes) -> bytes:
    """The text of a gzip member, which says at its end how large it is: what says more than MAX_FRAME, or turns out to
    be something else than it says, is given up. Raises ValueError."""
    size = int.from_bytes(data[-4:], "little")
    if size > MAX_FRAME:
        raise CannotUnpack(f"a compressed frame of {size} bytes; {MAX_FRAME} are taken")
    unpacking = zlib.decompressobj(wbits=31)
    try:
        text = unpacking.decompress(data, size + 1)
    except zlib.error as error:
        raise CannotUnpack(f"a broken compressed frame ({error})") from None
    if not unpacking.eof or unpacking.unused_data or len(text) != size:
        raise CannotUnpack("a compressed frame that is cut or larger than it says")
    return text


def _frame(wire: _Frame, now: Millis) -> Frame:
    state = present(wire.state)
    match wire.type:
        case "connected":
            version = plain(wire.server_version)
            return Connected(wire.epoch or "", wire.protocol or 1, str(version or ""), wire.client_id or "")
        case "batch-update":
            return _batch(wire, now)
        case "state-update" if state is not None:
            return Batch(wire.project_id or "", wire.session_id or "", "", (decode_state(state),))
        case "state-recovery":
            known = None if state is None else decode_state(_unquoted(state))
            return Recovery(known, wire.session_id or "", wire.session_status or "", wire.epoch or "")
        case "state-recovery-failed":
            return RecoveryFailed(str(plain(wire.error) or ""))
        case "heartbeat":
            others = wire.others or {}
            return Heartbeat(wire.epoch or "", wire.build_id or "", wire.version, wire.watchers, wire.agent, others)
        case "heartbeat-ack":
            return HeartbeatAck()
        case other:
            return Unknown(other)


def _unquoted(state: Raw) -> bytes:
    """v2 sends the state as it stored it: as a JSON text within a string."""
    text = bytes(state)
    return decode(text, str).encode() if text.startswith(b'"') else text


def _batch(wire: _Frame, now: Millis) -> Batch:
    decoded = decode_updates(wire.updates or (), now)
    changes = tuple(item if isinstance(item, Entry) else decode_state(item) for item in decoded.items)
    return Batch(wire.project_id or "", wire.session_id or "", wire.build_id or "", changes, decoded.unknown)


HEARTBEAT = b'{"type":"heartbeat"}'
"""A watcher's answer to a heartbeat, and its own sign of life."""


def encode_get_state(build_id: str = "", since: int | None = None, epoch: str = "") -> bytes:
    """A watcher's question for what it lacks; without arguments as the original asks it."""
    asked = {"type": "get-state", "buildId": build_id or None, "since": since, "epoch": epoch or None}
    return encode({name: value for name, value in asked.items() if value is not None})


# --------------------------------------------------------------------------- server's side


class GetState(Struct, frozen=True, rename="camel"):
    build_id: str = ""
    since: int | None = None
    epoch: str = ""


class Subscribe(Struct, frozen=True, rename="camel"):
    project_id: str
    session_id: str = ""


class Alive(Struct, frozen=True):
    """The watcher's heartbeat."""


ClientFrame = GetState | Subscribe | Alive | Unknown


class _Type(Struct, frozen=True):
    type: str


def decode_asked(data: str | bytes) -> ClientFrame:
    """What a watcher sent. Never raises."""
    text = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    try:
        match decode(text, _Type).type:
            case "get-state":
                return decode(text, GetState)
            case "subscribe":
                return decode(text, Subscribe)
            case "heartbeat" | "heartbeat-ack" | "ping":
                return Alive()
            case other:
                return Unknown(other)
    except BadJson as error:
        return Unknown("", str(error))


def encode_connected(client_id: str, project_id: str, session_id: str, epoch: str, version: str, now: Millis) -> bytes:
    return encode(
        {
            "type": "connected",
            "clientId": client_id,
            "projectId": project_id,
            "sessionId": session_id or None,
            "timestamp": now,
            "epoch": epoch,
            "serverVersion": version,
            "protocol": PROTOCOL,
        }
    )


def encode_batch(project_id: str, session_id: str, build_id: str, updates: Iterable[bytes], now: Millis) -> bytes:
    """A `batch-update` of encoded updates (`wire.updates.encode_entry`)."""
    return encode(
        {
            "type": "batch-update",
            "projectId": project_id,
            "sessionId": session_id,
            "buildId": build_id,
            "updates": Raw(b"[" + b",".join(updates) + b"]"),
            "timestamp": now,
        }
    )


def encode_recovery(state: BuildState | None, epoch: str, now: Millis) -> bytes:
    """A `state-recovery` of a whole state, or of none."""
    shown_state = state if state is not None and state.id else None
    return encode(
        {
            "type": "state-recovery",
            "state": None if shown_state is None else Raw(encode_state(shown_state)),
            "sessionId": shown_state.session_id if shown_state else None,
            "sessionStatus": shown_state.status if shown_state else None,
            "epoch": epoch,
            "timestamp": now,
        }
    )


def compressed(text: bytes) -> bytes:
    """`text` as the payload of a binary frame."""
    return gzip.compress(text, compresslevel=1, mtime=0)


def encode_heartbeat(mark: Heartbeat, now: Millis) -> bytes:
    return encode(
        {
            "type": "heartbeat",
            "timestamp": now,
            "epoch": mark.epoch,
            "buildId": mark.build_id,
            "version": mark.version,
            "watchers": mark.watchers,
            "agent": mark.agent,
            **({"others": mark.others} if mark.others else {}),
        }
    )
