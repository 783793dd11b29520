"""Drives a link: sockets, timers and tasks around `reconnect.ReconnectingLink`, as an async iterator of its events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from typing import Any, Generic, cast

from ..model.state import Millis
from ..wire.address import Address
from .limits import LinkLimits
from .reconnect import CloseLink, E, Emit, Opening, ReconnectingLink, SendFrame, Transport
from .watching import LinkChanged, LinkStatus

Input = Callable[[Millis], tuple[object, ...]]


def steady() -> Callable[[], Millis]:
    """Epoch milliseconds that follow the monotonic clock: a clock that is set moves no timer."""
    start = time.time() - time.monotonic()
    return lambda: int((start + time.monotonic()) * 1000)


class Driver(Generic[E]):
    """Events of a link to `server`. A heir says what a frame is (`_frame`), and does what is not common (`_do`).

    `stay`: it does not end when the link gave up or was refused, so that `retry_now` works.
    """

    def __init__(
        self,
        server: Address,
        link: ReconnectingLink[E],
        stay: bool,
        clock: Callable[[], Millis] | None,
        limits: LinkLimits,
    ) -> None:
        self.server = server
        self._driven = link
        self._clock = clock or steady()
        self._stay, self._limits = stay, limits
        self._inbox: asyncio.Queue[Input] = asyncio.Queue(64)
        self._events: list[E | LinkChanged] = []
        self._news, self._drained = asyncio.Event(), asyncio.Event()
        self._runner: asyncio.Task[None] | None = None
        self._connection: asyncio.Task[None] | None = None
        self._side_tasks: set[asyncio.Task[None]] = set()
        self._outgoing: asyncio.Queue[bytes] = asyncio.Queue()
        self._blocked_until = 0.0

    @property
    def status(self) -> LinkStatus:
        return self._driven.status

    def _frame(self, data: str | bytes, now: Millis) -> tuple[object, ...]:
        """What the link makes of a frame."""
        raise NotImplementedError

    def _do(self, action: object) -> None:
        """Actions beyond those of every link."""
        raise NotImplementedError

    async def events(self) -> AsyncIterator[E | LinkChanged]:
        """What happens, until the watch is closed; without `stay` also until it gave up or was refused."""
        self._runner = asyncio.create_task(self._run(), name="watch")
        self._runner.add_done_callback(lambda _: self._news.set())
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                events, self._events = self._events, []
                self._drained.set()
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
        self._put(self._driven.retry_now)

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

    # ----------------------------------------------------------------------- driving

    async def _run(self) -> None:
        try:
            self._perform(self._driven.start(self._clock()))
            while self._stay or not self._is_final:
                await self._room()
                step = await self._next_input()
                self._perform(step(self._clock()))
        finally:
            tasks = [*self._side_tasks] + ([self._connection] if self._connection else [])
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if not self._is_final:
                self._tell(LinkChanged(LinkStatus("closed", self.status.transport)))

    @property
    def _is_final(self) -> bool:
        return self.status.phase in ("gave-up", "refused")

    async def _next_input(self) -> Input:
        due = self._driven.next_deadline()
        wait = None if due is None else max(0, due - self._clock()) / 1000
        try:
            async with asyncio.timeout(wait):
                return await self._inbox.get()
        except TimeoutError:
            return self._driven.tick

    async def _room(self) -> None:
        while len(self._events) > self._limits.unread:
            self._drained.clear()
            await self._drained.wait()

    def _put(self, step: Input) -> None:
        """From outside the driver: never waits."""
        self._aside_do(self._inbox.put(step))

    def _tell(self, event: E | LinkChanged) -> None:
        self._events.append(event)
        self._news.set()

    def _perform(self, actions: tuple[object, ...]) -> None:
        for action in actions:
            match action:
                case Emit():
                    self._tell(cast("E | LinkChanged", action.event))  # pyright: ignore[reportUnknownMemberType]
                case SendFrame(data):
                    self._outgoing.put_nowait(data)
                case CloseLink():
                    self._cut()
                case _:
                    self._do(action)

    def _open(self, opening: Opening) -> None:
        self._cut()
        ear = Ear(self, self._outgoing)
        self._connection = asyncio.create_task(self._connect(opening, ear), name="connection")

    def _cut(self) -> None:
        """Nothing that the old connection still says is heard."""
        self._outgoing = asyncio.Queue()
        if self._connection is not None:
            self._connection.cancel()
            self._side_tasks.add(self._connection)
            self._connection.add_done_callback(self._side_tasks.discard)
            self._connection = None

    def _aside_do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._side_tasks.add(task)
        task.add_done_callback(self._side_tasks.discard)

    async def _connect(self, opening: Opening, ear: Ear) -> None:
        """One connection from the first try to its end; what it says goes into the inbox, whatever goes wrong."""
        try:
            end = await self._end_of_connection(opening, ear)
        except Exception as error:
            words = f"{type(error).__name__}: {error}"
            end: Input = lambda now: self._driven.failed(now, None, words)  # noqa: E731
        await ear.tell(end)

    async def _end_of_connection(self, opening: Opening, ear: Ear) -> Input:
        """How it ended, for the link."""
        way = await asyncio.to_thread(_transport)
        try:
            await self._any_way(opening, ear)
        except way.Ended as end:
            code, reason, after = end.code, end.reason, end.retry_after
            return lambda now: self._driven.closed(now, code, reason, after)
        except way.Failed as failure:
            status, reason, after = failure.status, failure.reason, failure.retry_after
            return lambda now: self._driven.failed(now, status, reason, after)
        return self._driven.closed

    async def _any_way(self, opening: Opening, ear: Ear) -> None:
        """WebSocket first; the event stream when that is blocked, or refused, which a proxy can do as well."""
        way = _transport()
        blocked, refusal = "", None
        if time.monotonic() >= self._blocked_until:
            try:
                await way.connect(self.server, opening, ear, self._limits)
            except way.Blocked as block:
                blocked = str(block)
            except way.Failed as failure:
                if failure.status is None:
                    raise
                refusal = failure
        stream = await asyncio.to_thread(_event_stream)
        back = asyncio.create_task(self._back_to_websocket(opening, ear))
        try:
            await stream(self.server, opening, ear, self._limits)
        except way.Failed as failure:
            if refusal is not None:
                raise refusal from None
            if failure.status is None and blocked:
                raise way.Failed(f"{blocked}; {failure.reason}", None, failure.retry_after) from None
            raise
        finally:
            back.cancel()

    async def _back_to_websocket(self, opening: Opening, ear: Ear) -> None:
        """While the event stream serves: tries a WebSocket beside it, and changes over when one gets through."""
        await ear.on_stream.wait()
        while True:
            self._blocked_until = time.monotonic() + self._limits.websocket_again
            await asyncio.sleep(self._limits.websocket_again)
            if await _transport().reaches(self.server, opening, self._limits):
                self._blocked_until = 0.0
                await ear.tell(self._driven.reopen)
                return


def _transport():
    """Imported with the first connection, in a thread: a screen is drawn before."""
    from . import transport

    return transport


def _event_stream():
    import httpx

    from .sse import stream

    del httpx
    return stream


class Ear:
    """What one connection hears, for as long as it is the current one."""

    def __init__(self, driver: Driver[Any], outgoing: asyncio.Queue[bytes]) -> None:
        self._driver, self._outgoing = driver, outgoing
        self.on_stream = asyncio.Event()

    @property
    def is_current(self) -> bool:
        return self._driver._outgoing is self._outgoing  # pyright: ignore[reportPrivateUsage]

    async def tell(self, step: Input) -> None:
        inbox = self._driver._inbox  # pyright: ignore[reportPrivateUsage]
        await inbox.put(lambda now: step(now) if self.is_current else ())

    async def opened(self, transport: Transport) -> None:
        if transport == "sse":
            self.on_stream.set()
        link = self._driver._driven  # pyright: ignore[reportPrivateUsage]
        await self.tell(lambda now: link.opened(now, transport))

    async def frame(self, data: str | bytes) -> None:
        take = self._driver._frame  # pyright: ignore[reportPrivateUsage]
        await self.tell(lambda now: take(data, now))

    async def heard(self, rtt_ms: float) -> None:
        link = self._driver._driven  # pyright: ignore[reportPrivateUsage]
        await self.tell(lambda now: link.heard(now, rtt_ms))

    async def arriving(self) -> None:
        link = self._driver._driven  # pyright: ignore[reportPrivateUsage]
        await self.tell(link.arriving)

    async def next_message(self) -> bytes:
        return await self._outgoing.get()
