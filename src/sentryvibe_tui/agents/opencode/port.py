"""What opencode's own server tells at once and its database never: who is asked what, and when a session is at work.

A screen has a server when it was started with `--port`. Watching asks for nothing and answers nothing
(docs/agents.md#opencode).
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

from ...errors import BadJson
from ...model.events import ActivityReported
from ...model.facts import RequestOpened, RequestResolved, TurnEnded
from ...wire.json import decode
from ..common.live import Sighting
from ..common.reader import Counts
from ..common.values import Record, as_object, text
from .events import Events
from .processes import OpencodeProcess, listening

log = logging.getLogger("sentryvibe_tui.agents")

LOOK_EVERY = 1.0
"""Seconds between two looks for servers."""
TRIES = 20
"""Looks at one process for its port; one without a server never has one."""
OPEN, SILENCE = 5.0, 45.0
"""Seconds to connect, and without a word (a heartbeat comes every ten) until the server is taken for gone."""

WAITING = 1_000
"""Sightings that wait to be taken; a server that tells more waits with them."""

_LISTS = (("/permission", "permission.asked"), ("/question", "question.asked"))
_ADDED = (RequestOpened, RequestResolved, ActivityReported, TurnEnded)
"""The rest is in the database, whole."""

Root = Callable[[str], tuple[str, str]]
"""Of a session: its root, and the call that it works for."""


class EventFeed:
    """Reads one server's events. `root` knows the sessions that began before."""

    def __init__(self, directory: str, root: Root) -> None:
        self._directory, self._root = directory, root
        self._events = Events(Counts(), "socket")
        self.waiting: dict[str, str] = {}
        """The call of each open request, by the request's id."""

    def read(self, record: Record) -> Iterator[Sighting]:
        properties = as_object(record.get("properties"))
        session = text(properties, "sessionID")
        if session and self._events.place(session)[0] == session:
            self._events.put(session, *self._root(session))
        for number, report in enumerate(self._events.read(record)):
            if isinstance(report.event, RequestOpened):
                self.waiting[report.event.request.id] = report.event.request.tool_call_id
            elif isinstance(report.event, RequestResolved):
                self.waiting.pop(report.event.id, None)
            if isinstance(report.event, _ADDED):
                ident = f"port-{text(record, 'id')}-{number}" if text(record, "id") else ""
                yield Sighting(report.session, report.event, report.at, self._directory, ident)


class Ports:
    """Finds the servers of `processes` and listens to them."""

    def __init__(
        self,
        processes: Callable[[], Sequence[OpencodeProcess]],
        root: Root,
        listening: Callable[[int], list[int]] = listening,
    ) -> None:
        self._processes, self._root, self._listening = processes, root, listening
        self._tries: dict[tuple[int, str], int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._pending_calls: dict[tuple[OpencodeProcess, int], dict[str, str]] = {}
        """Of each server that is heard: the call of each of its open requests, by the request's id."""

    @property
    def is_any_heard(self) -> bool:
        return bool(self._pending_calls)

    def waiting_calls(self, directory: str, processes: Sequence[OpencodeProcess]) -> frozenset[str] | None:
        """The calls that wait for a person by the servers of `processes`, which may have a session of `directory`.

        None when any of them is not heard. A server of all directories tells of its own one only.
        """
        pending = list(self._pending_calls.items())
        own_processes = {process for (process, _), _ in pending if process.directory == directory}
        if not processes or not own_processes.issuperset(processes):
            return None
        return frozenset(
            call for (process, _), open_ in pending if process in own_processes for call in list(open_.values())
        )

    async def sightings(self) -> AsyncIterator[Sighting]:
        queue: asyncio.Queue[Sighting] = asyncio.Queue(WAITING)
        self._tasks.add(asyncio.create_task(self._find(queue)))
        try:
            while True:
                yield await queue.get()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _find(self, queue: asyncio.Queue[Sighting]) -> None:
        while True:
            for process in self._processes():
                key = (process.pid, process.start)
                if self._tries.get(key, 0) >= TRIES:
                    continue
                self._tries[key] = self._tries.get(key, 0) + 1
                ports = await asyncio.to_thread(self._listening, process.pid)
                if ports:
                    self._tries[key] = TRIES
                    self._tasks |= {asyncio.create_task(self._listen(process, port, queue)) for port in ports}
            await asyncio.sleep(LOOK_EVERY)

    async def _listen(self, process: OpencodeProcess, port: int, queue: asyncio.Queue[Sighting]) -> None:
        """Until the server is gone, or what listens there is none."""
        import httpx

        feed, password = EventFeed(process.directory, self._root), os.environ.get("OPENCODE_SERVER_PASSWORD", "")
        login = ("opencode", password) if password else None
        base, timeout = f"http://127.0.0.1:{port}", httpx.Timeout(OPEN, read=SILENCE)
        try:
            async with (
                httpx.AsyncClient(base_url=base, auth=login, timeout=timeout, trust_env=False, verify=False) as client,
                client.stream("GET", "/event") as events,
            ):
                if not _is(events, "text/event-stream"):
                    log.info("what listens at %s is no server of opencode that can be read: %s", base, events)
                    return
                for record in await _open(client):
                    await _put(feed, record, queue)
                self._pending_calls[process, port] = feed.waiting
                async for line in events.aiter_lines():
                    if line.startswith("data:"):
                        await _put(feed, _record(line[5:]), queue)
        except (httpx.HTTPError, BadJson) as error:
            log.info("opencode's server at %s is heard no longer: %s", base, error)
        finally:
            if self._pending_calls.pop((process, port), None) is not None:
                self._tries.pop((process.pid, process.start), None)  # it was one: it is looked for again


async def _put(feed: EventFeed, record: Record, queue: asyncio.Queue[Sighting]) -> None:
    try:
        for sighting in feed.read(record):
            await queue.put(sighting)
    except Exception:  # one event that makes no sense must not hide those behind it
        log.info("an event of opencode's server is left out: %s", text(record, "type"), exc_info=True)


async def _open(client: Any) -> list[Record]:
    """The requests that are open already, as the events that told of them."""
    records: list[Record] = []
    for path, kind in _LISTS:
        answer = await client.get(path)
        if _is(answer, "application/json"):
            items: list[object] = decode(answer.content, list[object])
            records += [{"type": kind, "properties": item} for item in items if isinstance(item, dict)]
    return records


def _is(answer: Any, kind: str) -> bool:
    """An unknown path is answered with a page, and 200."""
    return answer.status_code == 200 and answer.headers.get("content-type", "").startswith(kind)


def _record(data: str) -> Record:
    try:
        return decode(data.encode(), Record)
    except BadJson:
        return {}
