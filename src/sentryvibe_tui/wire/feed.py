"""Frames of the builds feed, beside those that every link has (docs/protocol.md#builds-feed)."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Raw, Struct

from ..errors import BadJson, CannotUnpack
from ..model.state import Millis
from ..model.summary import BuildKey, BuildSummary
from .base import Wire
from .frames import Frame, Unknown, decode_frame, frame_text
from .json import decode, encode
from .summary import decode_summary


class BuildsRecovery(Struct, frozen=True):
    """All builds that the feed is about, as of `version` of the server's list. `host`: the server's machine."""

    epoch: str
    version: int
    builds: tuple[BuildSummary, ...]
    host: str = ""


class BuildsUpdate(Struct, frozen=True):
    """What changed after `since` up to `version`; who has less than `since` has a gap."""

    epoch: str
    since: int
    version: int
    builds: tuple[BuildSummary, ...]
    removed: tuple[BuildKey, ...] = ()


FeedFrame = Frame | BuildsRecovery | BuildsUpdate


class _Builds(Wire, frozen=True):
    epoch: str = ""
    since: int = 0
    version: int = 0
    builds: list[Raw] = []
    removed: list[BuildKey] = []
    host: str = ""


def decode_feed(data: str | bytes, now: Millis) -> FeedFrame:
    """What a server sent. Never raises, as `decode_frame`."""
    frame = decode_frame(data, now)
    if not isinstance(frame, Unknown) or frame.type not in ("builds-recovery", "builds-update"):
        return frame
    try:
        wire = decode(frame_text(data), _Builds)
        builds = tuple(map(decode_summary, wire.builds))
    except (BadJson, CannotUnpack) as error:
        return Unknown(frame.type, str(error))
    if frame.type == "builds-recovery":
        return BuildsRecovery(wire.epoch, wire.version, builds, wire.host)
    return BuildsUpdate(wire.epoch, wire.since, wire.version, builds, tuple(wire.removed))


def encode_builds_recovery(epoch: str, version: int, builds: Iterable[bytes], host: str) -> bytes:
    """`builds` are encoded summaries."""
    head = encode({"type": "builds-recovery", "epoch": epoch, "version": version, "host": host})
    return b'%b,"builds":[%b]}' % (head[:-1], b",".join(builds))


def encode_builds_update(
    epoch: str, since: int, version: int, builds: Iterable[bytes], removed: Iterable[BuildKey]
) -> bytes:
    head = encode(
        {"type": "builds-update", "epoch": epoch, "since": since, "version": version, "removed": list(removed)}
    )
    return b'%b,"builds":[%b]}' % (head[:-1], b",".join(builds))
