"""Who watches a server, as it tells who may know."""

from __future__ import annotations

from msgspec import Struct

from ..model.state import Millis


class WatcherRow(Struct, frozen=True, rename="camel"):
    """A link of a watcher: who and from where, by what way since when (epoch ms), and what it watches ("" as project:
    the list of builds). `behind`: entries it was not given yet; `waiting`: bytes that it has not taken; `recoveries`:
    whole states it began from; `frames`, `bytes`: sent so far."""

    name: str = ""
    address: str = ""
    transport: str = ""
    protocol: int = 0
    since: Millis = 0
    project_id: str = ""
    session_id: str = ""
    build_id: str = ""
    behind: int = 0
    waiting: int = 0
    recoveries: int = 0
    frames: int = 0
    bytes: int = 0


class ServerWatchers(Struct, frozen=True):
    """The links of one server, the oldest first. `trouble`: why it does not tell."""

    server: str
    rows: tuple[WatcherRow, ...] = ()
    trouble: str = ""
