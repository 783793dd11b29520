"""Proxies that let no WebSocket through, each in its own way: the event stream serves, and is left when one passes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from sentryvibe_tui.client.limits import LINK, LinkLimits
from sentryvibe_tui.client.publisher import Publisher
from sentryvibe_tui.client.watch import Watch
from sentryvibe_tui.client.watching import CaughtUp, LinkChanged, Snapshot, WatchEvent
from sentryvibe_tui.model.events import About, BuildStarted, ToolStarted
from sentryvibe_tui.server.serve import running

from ..patience import PATIENCE

ABOUT = About("shop", "s1", "b1")


class Proxy:
    """Passes bytes on to a server. `manner` is what it does to an upgrade; empty: nothing."""

    def __init__(self, target: str, manner: str) -> None:
        self.manner, self.upgrades = manner, 0
        self.streams: list[str] = []
        self._port = int(target.rpartition(":")[2])
        self._writers: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Proxy"]:
        listener = await asyncio.start_server(self._handle, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            listener.close()
            self.cut()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            if b"/events" in head:
                self.streams.append(head.decode())
            is_upgrade = b"pgrade: websocket" in head
            self.upgrades += is_upgrade
            await self._pass(head, reader, writer, self.manner if is_upgrade else "")
        writer.close()
        self._writers.discard(writer)

    async def _pass(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, manner: str) -> None:
        match manner:
            case "close":
                return
            case "reset":
                writer.transport.abort()
                return
            case "babble":
                writer.write(b"SSH-2.0-nothing of the kind\r\n\r\n")
                return
            case "strip":
                lines = head.split(b"\r\n")
                head = b"\r\n".join(line for line in lines if not line.lower().startswith((b"upgrade", b"connection")))
            case answer if answer[:3].isdecimal():
                status, _, page = answer.partition(" ")
                page = page or "<html>no</html>"
                writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(page)}\r\n\r\n{page}".encode())
                await writer.drain()
                return
        upstream, out = await asyncio.open_connection("127.0.0.1", self._port)
        out.write(head)
        if manner in ("swallow", "hang up"):
            writer.write(await upstream.readuntil(b"\r\n\r\n"))
            await writer.drain()
            if manner == "hang up":
                out.transport.abort()
                return
            await asyncio.gather(_pipe(reader, out), _pipe(upstream, None))
        else:
            await asyncio.gather(_pipe(reader, out), _pipe(upstream, writer))


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter | None) -> None:
    try:
        while data := await reader.read(65536):
            if writer is not None:
                writer.write(data)
                await writer.drain()
    finally:
        if writer is not None:
            writer.close()


class Seen:
    """What a watch told, while it runs."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.events: list[WatchEvent] = []
        self._news = asyncio.Event()
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        async for event in self.watch.events():
            self.events.append(event)
            self._news.set()

    async def until(self, holds) -> None:
        async with asyncio.timeout(PATIENCE):
            while not holds():
                self._news.clear()
                await self._news.wait()

    def of(self, kind) -> list:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def phases(self) -> list[str]:
        return [event.status.phase for event in self.of(LinkChanged)]


@asynccontextmanager
async def watching(url: str, limits: LinkLimits = LINK) -> AsyncIterator[Seen]:
    seen = Seen(Watch(url, "shop", chance=lambda: 0.0, limits=limits))
    try:
        yield seen
    finally:
        await seen.watch.aclose()
        await seen.task
    assert not tasks_of_watch()


def tasks_of_watch() -> list[str]:
    return [name for task in asyncio.all_tasks() if (name := task.get_coro().__qualname__).startswith("Driver.")]


STATUSES = ["200", "301", "400", "403", "404", "405", "426", "501"]
WORDS = [f'{status} {{"error":"no upgrades here"}}' for status in (401, 403, 404)]


@pytest.mark.parametrize("manner", [*STATUSES, *WORDS, "strip", "close", "reset", "babble", "swallow", "hang up"])
async def test_the_event_stream_serves_and_is_left_again(tmp_path, manner) -> None:
    async with (
        running(tmp_path / "data") as server,
        Publisher(server.url, ABOUT, tmp_path / "out") as publisher,
        Proxy(server.url, manner).serving() as proxy,
        watching(proxy.url, LinkLimits(websocket_again=0.2, first_frame=0.2)) as seen,
    ):
        watch = seen.watch
        publisher.publish(BuildStarted())
        await seen.until(lambda: watch.state.version == 1)
        assert (watch.status.phase, watch.status.transport) == ("live", "sse")
        publisher.publish(ToolStarted("t1", "Bash"))
        await seen.until(lambda: watch.state.tool_count == 1)
        assert proxy.upgrades
        proxy.manner = ""
        await seen.until(lambda: (watch.status.transport, watch.status.phase) == ("ws", "live"))
        publisher.publish(ToolStarted("t2", "Bash"))
        await seen.until(lambda: watch.state.tool_count == 2)
        assert "retrying" not in seen.phases
        assert [event.cause for event in seen.of(Snapshot)] == ["hydrated"]


async def test_a_stream_that_is_cut_goes_on_where_it_was(tmp_path) -> None:
    async with (
        running(tmp_path / "data") as server,
        Publisher(server.url, ABOUT, tmp_path / "out") as publisher,
        Proxy(server.url, "403").serving() as proxy,
        watching(proxy.url) as seen,
    ):
        watch = seen.watch
        publisher.publish(BuildStarted())
        publisher.publish(ToolStarted("t1", "Bash"))
        await seen.until(lambda: watch.state.tool_count == 1)
        proxy.cut()
        await seen.until(lambda: watch.status.phase == "retrying")
        publisher.publish(ToolStarted("t2", "Bash"))
        assert await publisher.drain(10)
        watch.retry_now()
        await seen.until(lambda: bool(seen.of(CaughtUp)))
        assert watch.state.tool_count == 2
        epoch = server.app.context.store.epoch
    (back,) = seen.of(CaughtUp)
    assert (back.missed, back.how) == (1, "replayed")
    assert "last-event-id" not in proxy.streams[0].lower()
    assert f"last-event-id: {epoch}:b1:2\r\n" in proxy.streams[1].lower()
    assert proxy.upgrades == 1, "a way that is known to be blocked is not tried at once again"


async def test_where_nothing_gets_through_both_reasons_are_told_and_no_task_stays(tmp_path) -> None:
    async with Proxy("http://127.0.0.1:9", "403").serving() as proxy, watching(proxy.url) as seen:
        await seen.until(lambda: seen.phases.count("retrying") == 2)
        assert sorted(tasks_of_watch()) == ["Driver._run"]
        first = next(event.status for event in seen.of(LinkChanged) if event.status.phase == "retrying")
        assert first.reason.startswith("the upgrade was answered with HTTP 403; event stream:")
        assert proxy.upgrades == 2


async def test_a_refusal_stays_one_where_no_event_stream_serves() -> None:
    async with (
        Proxy("http://127.0.0.1:9", '403 {"error":"not for you"}').serving() as proxy,
        watching(proxy.url) as seen,
    ):
        await seen.task
    assert (seen.watch.status.phase, seen.watch.status.reason) == ("refused", "not for you")
    assert len(proxy.streams) == 1
