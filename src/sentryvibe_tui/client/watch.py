"""A watch under way: link, transport and hydration put together as an async iterator of WatchEvents."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from typing import Any

from msgspec import Raw

from ..model.state import BuildState, Millis
from ..model.summary import BuildSummary
from ..wire.address import Address, parse_address
from ..wire.frames import decode_frame
from . import rest as reading
from .link import CloseLink, Emit, Hydrate, Link, LinkAction, Open, SendFrame, Transport
from .rest import NoAnswer, ProjectRef
from .watching import LinkChanged, LinkStatus, WatchEvent

TRY_WEBSOCKET_AGAIN = 180.0
"""Seconds on the event stream after which a WebSocket is tried beside it."""
UNREAD = 20_000
"""Events nobody has taken; above it the watch stops reading, and the server resynchronises it later."""

Input = Callable[[Millis], tuple[LinkAction, ...]]


def _steady() -> Callable[[], Millis]:
    """Epoch milliseconds that follow the monotonic clock: a clock that is set moves no timer."""
    start = time.time() - time.monotonic()
    return lambda: int((start + time.monotonic()) * 1000)


class Watch:
    """Implements `watching.Watching` over a server.

    `wait`: a project that does not exist yet is looked for again; `probe`: after giving up, a quiet try once a minute;
    `keeps`: the build that it begins with is shown to its end, whatever other builds the project has;
    `stay`: the watch does not end when it gave up or was refused, so that `retry_now` works (default: as `probe`).
    """

    def __init__(
        self,
        server: Address | str,
        project: ProjectRef | str,
        session: str | None = None,
        *,
        wait: bool = False,
        probe: bool = False,
        stay: bool | None = None,
        keeps: bool = False,
        clock: Callable[[], Millis] | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.server = parse_address(server) if isinstance(server, str) else server
        self.project = ProjectRef(project) if isinstance(project, str) else project
        self.session = session or ""
        self._clock = clock or _steady()
        self._stay = probe if stay is None else stay
        self._link = Link(self.project.id, self.session, chance=chance, wait=wait, probe=probe, keeps=keeps)
        self._inbox: asyncio.Queue[Input] = asyncio.Queue(64)
        self._events: list[WatchEvent] = []
        self._news, self._taken = asyncio.Event(), asyncio.Event()
        self._runner: asyncio.Task[None] | None = None
        self._connection: asyncio.Task[None] | None = None
        self._aside: set[asyncio.Task[None]] = set()
        self._outgoing: asyncio.Queue[bytes] = asyncio.Queue()
        self._blocked_until = 0.0

    @property
    def status(self) -> LinkStatus:
        return self._link.status

    @property
    def state(self) -> BuildState:
        return self._link.state

    # ----------------------------------------------------------------------- Watching

    async def events(self) -> AsyncIterator[WatchEvent]:
        """What happens, until the watch is closed; without `stay` also until it gave up or was refused."""
        self._runner = asyncio.create_task(self._run(), name="watch")
        self._runner.add_done_callback(lambda _: self._news.set())
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                events, self._events = self._events, []
                self._taken.set()
                for event in events:
                    yield event
                if self._runner.done() and not self._events:
                    break
            if not self._runner.cancelled():
                self._runner.result()
        finally:
            await self.aclose()

    def retry_now(self) -> None:
        """Try the link at once, also after giving up."""
        self._put(self._link.retry_now)

    def turn_to(self, server: Address) -> None:
        """Watch there from now on: another server has the same builds."""
        self.server = server
        self.retry_now()

    async def aclose(self) -> None:
        """Ends the watch; `events` then ends too. No task stays behind."""
        runner = self._runner
        if runner is not None and not runner.done():
            runner.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.wait([runner])

    async def builds(self) -> tuple[BuildSummary, ...]:
        return await reading.builds(self.server, self.project.id)

    async def build(self, session_id: str, build_id: str) -> BuildState | None:
        return await reading.build(self.server, self.project.id, session_id, build_id)

    async def whole_tool(self, session_id: str, tool_id: str) -> tuple[Raw | None, Raw | None]:
        return await reading.whole_tool(self.server, session_id, tool_id)

    # ----------------------------------------------------------------------- driving

    async def _run(self) -> None:
        try:
            self._perform(self._link.start(self._clock()))
            while self._stay or not self._is_final:
                await self._room()
                step = await self._next_input()
                self._perform(step(self._clock()))
        finally:
            tasks = [*self._aside] + ([self._connection] if self._connection else [])
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if not self._is_final:
                self._tell(LinkChanged(LinkStatus("closed", self.status.transport)))

    @property
    def _is_final(self) -> bool:
        return self.status.phase in ("gave-up", "refused")

    async def _next_input(self) -> Input:
        due = self._link.next_deadline()
        wait = None if due is None else max(0, due - self._clock()) / 1000
        try:
            async with asyncio.timeout(wait):
                return await self._inbox.get()
        except TimeoutError:
            return self._link.tick

    async def _room(self) -> None:
        while len(self._events) > UNREAD:
            self._taken.clear()
            await self._taken.wait()

    def _put(self, step: Input) -> None:
        """From outside the driver: never waits."""
        self._aside_do(self._inbox.put(step))

    def _tell(self, event: WatchEvent) -> None:
        self._events.append(event)
        self._news.set()

    def _perform(self, actions: tuple[LinkAction, ...]) -> None:
        for action in actions:
            match action:
                case Emit(event):
                    self._tell(event)
                case SendFrame(data):
                    self._outgoing.put_nowait(data)
                case Open():
                    self._cut()
                    self._outgoing = asyncio.Queue()
                    ear = _Ear(self, self._outgoing)
                    self._connection = asyncio.create_task(self._connect(action, ear), name="connection")
                case CloseLink():
                    self._cut()
                case Hydrate():
                    self._aside_do(self._hydrate())

    def _cut(self) -> None:
        """Nothing that the old connection still says is heard."""
        if self._connection is not None:
            self._connection.cancel()
            self._aside.add(self._connection)
            self._connection.add_done_callback(self._aside.discard)
            self._connection = None

    def _aside_do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._aside.add(task)
        task.add_done_callback(self._aside.discard)

    async def _connect(self, opening: Open, ear: _Ear) -> None:
        """One connection from the first try to its end; what it says goes into the inbox, whatever goes wrong."""
        way = await asyncio.to_thread(_transport)
        try:
            await self._any_way(opening, ear)
        except way.Ended as end:
            code, reason, after = end.code, end.reason, end.retry_after
            await ear.tell(lambda now: self._link.closed(now, code, reason, after))
        except way.Failed as failure:
            status, reason, after = failure.status, failure.reason, failure.retry_after
            await ear.tell(lambda now: self._link.failed(now, status, reason, after))
        except Exception as error:
            words = f"{type(error).__name__}: {error}"
            await ear.tell(lambda now: self._link.failed(now, None, words))

    async def _any_way(self, opening: Open, ear: _Ear) -> None:
        """WebSocket first; the event stream when that is blocked, or refused, which a proxy can do as well."""
        way = _transport()
        blocked, refusal = "", None
        if time.monotonic() >= self._blocked_until:
            try:
                await way.connect(self.server, opening, ear)
            except way.Blocked as block:
                blocked = str(block)
            except way.Failed as failure:
                if failure.status is None:
                    raise
                refusal = failure
        stream = await asyncio.to_thread(_event_stream)
        back = asyncio.create_task(self._back_to_websocket(opening, ear))
        try:
            await stream(self.server, opening, ear)
        except way.Failed as failure:
            if refusal is not None:
                raise refusal from None
            if failure.status is None and blocked:
                raise way.Failed(f"{blocked}; {failure.reason}", None, failure.retry_after) from None
            raise
        finally:
            back.cancel()

    async def _back_to_websocket(self, opening: Open, ear: _Ear) -> None:
        """While the event stream serves: tries a WebSocket beside it, and changes over when one gets through."""
        await ear.on_stream.wait()
        while True:
            self._blocked_until = time.monotonic() + TRY_WEBSOCKET_AGAIN
            await asyncio.sleep(TRY_WEBSOCKET_AGAIN)
            if await _transport().reaches(self.server, opening):
                self._blocked_until = 0.0
                await ear.tell(self._link.reopen)
                return

    async def _hydrate(self) -> None:
        connection = self._connection
        try:
            answer = await reading.hydrate(self.server, self.project.id, self.session)
        except NoAnswer as error:
            reason = str(error)
            step: Input = lambda now: self._link.hydrate_failed(reason, now)  # noqa: E731
        else:
            step = lambda now: self._link.hydrated(answer, now)  # noqa: E731
        await self._inbox.put(lambda now: step(now) if self._connection is connection else ())


def _transport():
    """Imported with the first connection, in a thread: a screen is drawn before."""
    from . import transport

    return transport


def _event_stream():
    import httpx

    from .sse import stream

    del httpx
    return stream


class _Ear:
    """What one connection hears, for as long as it is the current one."""

    def __init__(self, watch: Watch, outgoing: asyncio.Queue[bytes]) -> None:
        self._watch, self._outgoing = watch, outgoing
        self.on_stream = asyncio.Event()

    @property
    def is_current(self) -> bool:
        return self._watch._outgoing is self._outgoing  # pyright: ignore[reportPrivateUsage]

    async def tell(self, step: Input) -> None:
        inbox = self._watch._inbox  # pyright: ignore[reportPrivateUsage]
        await inbox.put(lambda now: step(now) if self.is_current else ())

    async def opened(self, transport: Transport) -> None:
        if transport == "sse":
            self.on_stream.set()
        link = self._watch._link  # pyright: ignore[reportPrivateUsage]
        await self.tell(lambda now: link.opened(now, transport))

    async def frame(self, data: str | bytes) -> None:
        link = self._watch._link  # pyright: ignore[reportPrivateUsage]
        await self.tell(lambda now: link.frame(decode_frame(data, now), now))

    async def heard(self, rtt_ms: float) -> None:
        link = self._watch._link  # pyright: ignore[reportPrivateUsage]
        await self.tell(lambda now: link.heard(now, rtt_ms))

    async def arriving(self) -> None:
        link = self._watch._link  # pyright: ignore[reportPrivateUsage]
        await self.tell(link.arriving)

    async def next_message(self) -> bytes:
        return await self._outgoing.get()
