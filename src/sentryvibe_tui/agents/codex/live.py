"""Codex' daemon, which runs the threads of all its screens and says over a socket how each stands (seen with 0.171).

JSON-RPC without `jsonrpc`, a message a frame, on a WebSocket over a Unix socket below CODEX_HOME.
Whoever connects is told of every thread's status. Nothing subscribes here: a subscriber is asked for approvals.
A daemon that is not there is looked for again; of one that refuses what it is asked is told once.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ...errors import BadJson
from ...model.activity import PROCESS_GONE
from ...model.facts import BuildEnded
from ...wire.json import decode, encode
from ..common.folders import home
from ..common.live import Sighting, merged, polled
from .processes import LOOK_EVERY, Holders, holders
from .threads import RpcRefusal, Threads

log = logging.getLogger("sentryvibe_tui.agents")

RETRY = 1.0
"""Seconds between two looks for a daemon that is not there."""
ANSWER = 10.0
"""Seconds that it may take to connect."""
LARGEST = 32 * 1024 * 1024
"""Bytes of a message at most."""


def witness(environ: Mapping[str, str]) -> Codex:
    """CODEX_HOME moves the daemon's socket and the sessions."""
    moved = environ.get("CODEX_HOME")
    folder = Path(moved) if moved else home(environ) / ".codex"
    return Codex(folder / "app-server-control" / "app-server-control.sock", folder / "sessions")


class Codex:
    """The daemon, and the processes that have sessions. Without the daemon's word theirs goes on."""

    def __init__(self, socket: Path, sessions: Path, tell: Callable[[str], None] = log.warning) -> None:
        self._socket, self._sessions, self._tell = socket, sessions, tell

    def sightings(self) -> AsyncIterator[Sighting]:
        processes = Holders(partial(holders, self._sessions))
        return merged(self._daemon(), polled(processes.look, LOOK_EVERY))

    async def _daemon(self) -> AsyncIterator[Sighting]:
        try:
            async for sighting in Daemon(self._socket).sightings():
                yield sighting
        except RpcRefusal as error:
            self._tell(f"{error}; its approvals and questions are not seen, what its sessions write is")


class Daemon:
    """`socket` may be a link: to where a path is short enough for a socket."""

    def __init__(self, socket: Path, retry: float = RETRY) -> None:
        self._socket, self._retry = socket, retry

    async def sightings(self) -> AsyncIterator[Sighting]:
        """Raises RpcRefusal for a daemon that is not understood."""
        from websockets.exceptions import WebSocketException

        at_work: Mapping[str, str] = {}
        while True:
            threads = Threads(at_work)
            try:
                async for sighting in self._sightings(threads):
                    yield sighting
                at_work = threads.at_work()
            except (FileNotFoundError, ConnectionRefusedError):
                for gone in _ends(at_work):
                    yield gone
                at_work = {}
            except (OSError, WebSocketException) as error:
                log.debug("Codex' daemon is out of reach: %s", error)
                at_work = {**at_work, **threads.at_work()}
            await asyncio.sleep(self._retry)

    async def _sightings(self, threads: Threads) -> AsyncIterator[Sighting]:
        """Until the daemon hangs up."""
        path = _real(self._socket)
        from websockets.asyncio.client import unix_connect
        from websockets.exceptions import ConnectionClosed

        async with unix_connect(
            path, "ws://localhost/", open_timeout=ANSWER, max_size=LARGEST, compression=None, ping_interval=None
        ) as link:
            while True:
                for asked in threads.asks(time.monotonic()):
                    await link.send(encode(asked).decode(), text=True)
                try:
                    async with asyncio.timeout(threads.due_in(time.monotonic())):
                        frame = await link.recv()
                except TimeoutError:
                    continue
                except ConnectionClosed:
                    return
                for sighting in threads.feed(_message(frame), time.monotonic()):
                    yield sighting


def _real(socket: Path) -> str:
    """Where the link leads. Raises FileNotFoundError."""
    return os.path.realpath(socket, strict=True)


def _message(frame: str | bytes) -> dict[str, Any]:
    """What is no JSON object says nothing."""
    try:
        return decode(frame.encode() if isinstance(frame, str) else frame, dict[str, Any])
    except BadJson:
        return {}


def _ends(at_work: Mapping[str, str]) -> Iterator[Sighting]:
    end = BuildEnded("interrupted", error=PROCESS_GONE, source="socket")
    return (Sighting(session, end, int(time.time() * 1000), directory) for session, directory in at_work.items())
