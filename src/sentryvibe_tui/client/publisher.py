"""The agent's side of the wire: what is published reaches the server once and in order, whatever fails between."""

from __future__ import annotations

import asyncio
import logging
import random
import sqlite3
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Literal, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from ..errors import BadJson, OutboxUnusable
from ..model.events import About, BuildEvent
from ..model.facts import BuildEnded, Noticed
from ..model.state import Millis
from ..wire.address import Address
from ..wire.clip import fitted
from ..wire.envelope import EventEnvelope, encode_array, encode_posted
from ..wire.ids import MAX_ID
from ..wire.json import decode, encode
from ..wire.local import address_of
from .backoff import LONGEST_ASKED, delay
from .dial import http_client
from .limits import PUBLISHER, PublisherLimits
from .outbox import Outbox, Waiting
from .rest import error_text
from .transport import seconds

log = logging.getLogger("sentryvibe_tui.publisher")

BODY_EVENTS, BODY_BYTES = 256, 512 * 1024
BACKLOG = 4 * 1024 * 1024
"""Bytes on the way above which who can wait should: more makes nothing faster."""
CLIP_SIZE = 128 * 1024
"""To how much a value or text is cut that makes an event larger than a body."""

_UNWELCOME = frozenset({400, 409, 413, 415, 422})
"""Statuses that speak of one event: trying it again won't help, the others may pass.

Our servers and the original's answer with a JSON object; what does not, but for a 413, comes from something between.
"""

T = TypeVar("T")
Verdict = Literal["taken", "unwelcome", "differs", "later"]


class _Answer(Struct, frozen=True):
    accepted: int | None = None
    field: str = ""


class Publisher:
    """Publishes one build's events. An async context manager; `publish` never waits.

    `source` names the input (a file, a session): its n-th event gets the id `source:n`, so that reading the same
    input again changes nothing. `report` hears what a person should know.
    """

    def __init__(
        self,
        server: Address | str,
        about: About,
        outbox_dir: Path,
        *,
        source: str = "",
        report: Callable[[str], None] = log.warning,
        chance: Callable[[], float] = random.random,
        limits: PublisherLimits = PUBLISHER,
    ) -> None:
        self.server = address_of(server)
        self.about = about
        self.dropped = self.differing = 0
        self.last_error = ""
        self.is_original = False
        """The server takes events as the original does: it says not how many, and creates no builds for them."""
        self.refusal = 0
        """The HTTP status (401, 403, 404) with which the server itself takes none of what is sent; else 0."""
        self._source = (source or uuid.uuid4().hex)[: MAX_ID - 24]
        self._dir, self._limits = outbox_dir, limits
        self._report, self._chance = report, chance
        self._count = self._loss = self._notices = 0
        self._pending: list[Waiting] = []
        self._pending_size = 0
        self._storing = self._storing_size = 0
        self._published, self._stored, self._settled = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._thread = ThreadPoolExecutor(1, "outbox")
        self._next: list[Waiting] = []
        self._removed: asyncio.Future[None] | None = None
        self._at_once = BODY_EVENTS
        self._most_at_once = BODY_EVENTS
        self._running: dict[tuple[str, str, str], None] = {}

    # ----------------------------------------------------------------------- doors

    async def __aenter__(self) -> Publisher:
        """Opens the outbox and sends what an earlier run left. Raises OutboxUnusable."""
        try:
            self._outbox = await self._blocking(
                lambda: Outbox(self._dir, self.server.identity, self.about.project_id, self._limits, self.server.base)
            )
        except (OSError, sqlite3.Error) as error:
            self._thread.shutdown()
            raise OutboxUnusable(f"cannot keep events in {self._dir}: {error}") from None
        if self._outbox.damage:
            self._report(self._outbox.damage)
        headers = {"Content-Type": "application/json", **self.server.headers}
        self._client = http_client(self.server, headers=headers, timeout=self._limits.timeout)
        self._stored.set()
        self._tasks = [asyncio.create_task(work) for work in (self._send_all(), self._beat(), self._keep_all())]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Stops at once; what is not acknowledged stays in the outbox for the next run.

        Raises OutboxUnusable.
        """
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._tasks:
            self._tasks = []
            await self._store()
            await self._client.aclose()
            await self._close_outbox()
        self._thread.shutdown()

    async def _close_outbox(self) -> None:
        try:
            await self._blocking(self._outbox.close)
        except (OSError, sqlite3.Error) as error:
            self._thread.shutdown()
            raise OutboxUnusable(f"cannot close the outbox {self._outbox.path}: {error}") from None

    def publish(self, event: BuildEvent, at: Millis | None = None, event_id: str = "") -> None:
        """Takes an event of the build that it is about; never waits and never fails.

        `at` is when the agent says it happened (epoch ms, default: now), `event_id` its identity in the build.
        """
        self.send(EventEnvelope(self.about, event, event_id, at))

    def send(self, envelope: EventEnvelope) -> None:
        """Takes an event of any build; what is published from now on is about that one."""
        self.about = envelope.about
        event = envelope.event
        self._count += 1
        self._add(event, envelope.at, envelope.event_id or f"{self._source}:{self._count}")
        if isinstance(event, BuildEnded):
            self._running.pop(self._build, None)
        else:
            self._running[self._build] = None

    @property
    def _build(self) -> tuple[str, str, str]:
        return self.about.project_id, self.about.session_id, self.about.build_id

    @property
    def depth(self) -> int:
        """Events that are not acknowledged yet."""
        return len(self._pending) + self._storing + (self._outbox.depth if self._tasks else 0)

    @property
    def is_busy(self) -> bool:
        """So much is on the way that who can wait should."""
        return self._size > BACKLOG

    @property
    def _size(self) -> int:
        return self._pending_size + self._storing_size + (self._outbox.size if self._tasks else 0)

    @property
    def parked(self) -> int:
        """Events that the server refused for good; they stay in the outbox's file, set aside."""
        return self._outbox.parked

    async def drain(self, timeout: float | None = None) -> bool:
        """Waits until everything is acknowledged or set aside; False when `timeout` seconds did not suffice."""
        return await self._sink_to(0, timeout)

    async def calm(self, timeout: float | None = None) -> bool:
        """Waits until it is far from busy, and always has something to send; False as with `drain`."""
        return await self._sink_to(BACKLOG // 2, timeout)

    async def _sink_to(self, size: int, timeout: float | None) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while self._size > size:
                    self._settled.clear()
                    await self._settled.wait()
        return self._size <= size

    # ----------------------------------------------------------------------- keeping

    def _add(self, event: BuildEvent, at: Millis | None, event_id: str) -> None:
        posted = EventEnvelope(self.about, event, event_id, at if at is not None else time.time_ns() // 1_000_000)
        body = encode_posted(posted)
        if len(body) > BODY_BYTES:
            body = encode_posted(replace(posted, event=fitted(event, CLIP_SIZE)))
        if self._pending_size + len(body) > self._limits.outbox_bytes:
            self._no_room(1)
            return
        self._pending.append(Waiting("\n".join((*self._build, event_id)), body))
        self._pending_size += len(body)
        self._published.set()

    def _no_room(self, count: int) -> None:
        if not self._loss:
            self._report("the outbox is full: events are being lost until the server is back")
        self._loss += count
        self.dropped += count

    async def _keep_all(self) -> None:
        """What is published goes to the disk at once, also while a post is under way or the server is left alone."""
        while True:
            await self._published.wait()
            self._published.clear()
            await self._store()
            self._stored.set()
            self._settled.set()

    async def _store(self) -> None:
        """While this fails, what was published waits in memory."""
        pending, size = self._pending, self._pending_size
        if not pending:
            return
        self._pending, self._pending_size, self._storing, self._storing_size = [], 0, len(pending), size
        try:
            refused = await self._blocking(lambda: self._outbox.put(pending))
        except sqlite3.Error as error:
            self._pending, self._pending_size = pending + self._pending, size + self._pending_size
            self._storing = self._storing_size = 0
            self._trouble(f"cannot write the outbox {self._outbox.path}: {error}")
            await asyncio.sleep(self._limits.disk_again)
            self._published.set()
            return
        finally:
            self._storing = self._storing_size = 0
        if refused:
            self._no_room(refused)

    async def _blocking(self, work: Callable[[], T]) -> T:
        return await asyncio.shield(self._in_thread(work))

    def _in_thread(self, work: Callable[[], T]) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._thread, work)

    # ----------------------------------------------------------------------- sending

    async def _send_all(self) -> None:
        failures = 0
        while True:
            await self._stored.wait()
            self._stored.clear()
            while self._outbox.depth:
                try:
                    failures = await self._send_some(failures)
                except sqlite3.Error as error:
                    self._trouble(f"the outbox {self._outbox.path} fails: {error}")
                    await asyncio.sleep(self._limits.disk_again)

    async def _send_some(self, failures: int) -> int:
        """One body; answers how many tries in a row have failed now."""
        events = self._next or await self._oldest()
        if not events:
            return failures
        self._next, following = [], self._oldest(events[-1].n)
        verdict, wait = await self._post(events)
        after = await following
        if verdict == "later":
            await self._pause(max(delay(failures, self._chance()), min(wait, LONGEST_ASKED)) / 1000)
            return failures + 1
        removed, self._removed = self._removed, None
        if removed is not None:
            await asyncio.shield(removed)
        if verdict == "taken":
            self._acknowledge(events)
            self._next = after
        elif verdict == "differs" and len(events) == 1:
            self._pass_over(events)
        else:
            await self._split(events)
        return 0

    def _oldest(self, after: int = 0) -> asyncio.Future[list[Waiting]]:
        """The next body."""
        return self._in_thread(lambda: self._outbox.first(self._at_once, BODY_BYTES, after))

    async def _pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def _acknowledge(self, events: list[Waiting]) -> None:
        """They leave the outbox while the next ones are on their way."""
        self._removed = removed = self._in_thread(lambda: self._outbox.done(events))
        removed.add_done_callback(lambda _: self._settled.set())
        self._at_once = min(self._at_once * 2, self._most_at_once)
        if self._loss:
            self._tell_loss()

    def _pass_over(self, events: list[Waiting]) -> None:
        """The server has other events under their ids: what it took first stays."""
        if not self.differing:
            self._report(f"what was published before stays, though the input says otherwise now: {self.last_error}")
        self.differing += len(events)
        self.last_error = ""
        self._acknowledge(events)

    async def _split(self, events: list[Waiting]) -> None:
        """One of them is refused for good: it is looked for, and set aside."""
        if len(events) > 1:
            self._at_once = (len(events) + 1) // 2
            return
        await self._in_thread(lambda: self._outbox.park(events[0], self.last_error))
        self._settled.set()
        self._report(f"the server refuses an event, it is set aside: {self.last_error}")

    def _tell_loss(self) -> None:
        """The build's log says that something is missing from it."""
        lost, self._loss = self._loss, 0
        self._notices += 1
        words = f"{lost} events were lost: the publisher's outbox was full"
        self._add(Noticed(words, "error"), None, f"{uuid.uuid4().hex}:{self._notices}")

    async def _post(self, events: list[Waiting]) -> tuple[Verdict, Millis]:
        """Sends events in one body; how it went, and how long the server wants to be left alone."""
        body = events[0].body if len(events) == 1 else encode_array(event.body for event in events)
        try:
            answer = await self._client.post(self.server.http("build-events"), content=body)
        except Exception as error:  # whatever it is, the events wait and the sender lives on
            self._trouble(f"cannot reach the server: {error or type(error).__name__}")
            return "later", 0
        status, is_servers = answer.status_code, answer.content.lstrip().startswith(b"{")
        if status == 200 and is_servers:
            self.last_error, self.refusal = "", 0
            if len(events) == 1 and not _is_ours(answer.content):
                self._most_at_once, self.is_original = 1, True
            return "taken", 0
        reason = f"HTTP {status} {error_text(answer.content)}".strip()
        if status == 409 and _answer(answer.content).field == "eventId":
            self.last_error = reason
            return "differs", 0
        if status in _UNWELCOME and (is_servers or status == 413):
            self.last_error = reason
            return "unwelcome", 0
        self.refusal = status if status in (401, 403, 404) and is_servers else 0
        self._trouble(reason)
        return "later", seconds(answer.headers.get("Retry-After"))

    def _trouble(self, reason: str) -> None:
        if not self.last_error:
            self._report(f"{reason}; events wait in the outbox")
        self.last_error = reason

    # ----------------------------------------------------------------------- sign of life

    async def _beat(self) -> None:
        """Tells a busy agent from a gone one, while a build runs or events wait. An original server knows it not."""
        while True:
            await asyncio.sleep(self._limits.heartbeat_every)
            waiting = (self._build,) if self._count and self.depth else ()
            for project_id, session_id, build_id in tuple(self._running) or waiting:
                sign = {"projectId": project_id, "sessionId": session_id, "buildId": build_id, "outbox": self.depth}
                with suppress(Exception):  # whatever it is, the next one may arrive
                    answer = await self._client.post(self.server.http("build-heartbeats"), content=encode(sign))
                    if answer.status_code in (404, 405):
                        return


def _is_ours(body: bytes) -> bool:
    """Our servers say how many events they accepted, and take arrays; the original's take one event a body."""
    return _answer(body).accepted is not None


def _answer(body: bytes) -> _Answer:
    try:
        return decode(body, _Answer)
    except BadJson:
        return _Answer()
