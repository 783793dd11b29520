"""Running a server: inside an event loop that exists (`running`), or as a command (`serve`)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import uvicorn
from msgspec import Struct
from msgspec.structs import replace

from .. import runtime
from ..audit import AUDIT
from ..bus.opening import open_bus
from ..errors import CannotServe, StoreBroken, StoreUnavailable
from ..model.text import clean
from ..notify import Claims, NotifyCommand
from ..store.opening import open_store
from .app import App
from .guard import is_loopback
from .listening import CertificateFiles, listen, listen_locally, put_away
from .protocols import protocols
from .settings import ServerLimits

log = logging.getLogger("sentryvibe_tui.server")


GRACE = 0.7
"""Seconds that requests under way get at the end: before the store closes, and after it has answered what waited."""
LAST_RESORT = 2.7
"""Seconds after draining at which `serve` ends whatever still waits: what was acknowledged is on disk."""
LEAVING = 2.0
"""Seconds after a signal in which a server that is not alone still answers that it stops: a balancer goes elsewhere."""
UNGUARDED = "{} can be reached by others: ask for a token with --token-file FILE, or insist with --no-token"


class Running(Struct, frozen=True):
    """A server that accepts connections. `url` has the real port."""

    url: str
    app: App


@contextlib.asynccontextmanager
async def running(
    data: Path, host: str = "127.0.0.1", port: int = 0, settings: ServerLimits | None = None
) -> AsyncGenerator[Running]:
    """A server in the running event loop, for as long as the block lasts. Raises CannotServe.

    An address that others can reach wants a token or `tokenless`.
    Installs no signal handlers, writes no runtime file and prints nothing.
    """
    limits = settings or ServerLimits()
    limits = replace(limits, audit=limits.audit or str(data / AUDIT))
    if not (is_loopback(host) or limits.token or limits.tokenless):
        raise CannotServe(UNGUARDED.format(host))
    certificate = CertificateFiles(limits.certificate, limits.certificate_key) if limits.certificate else None
    listener = listen_locally(limits.socket) if limits.socket else listen(host, port, limits.dead_after)
    try:
        bus = open_bus(limits.store, limits.hints)
        store = await open_store(limits.store, data, limits.store_limits)
    except (StoreBroken, StoreUnavailable) as error:
        listener.close()
        raise CannotServe(str(error)) from None
    app = App(store, limits, host, bus)
    notifier = NotifyCommand(limits.notify_command, Claims("command")) if limits.notify_command else None
    if notifier is not None:
        app.context.on_attention = notifier.hear
    server = _Server(_config(app, limits))
    task: asyncio.Task[None] | None = None
    renewal: asyncio.Task[None] | None = None
    try:
        await app.start()
        task = asyncio.create_task(server.serve(sockets=[listener]), name="uvicorn")
        await server.up()
        if certificate is not None and server.config.ssl is not None:
            renewal = asyncio.create_task(certificate.renew(server.config.ssl, limits.renew_every), name="certificate")
        yield Running(_url(host, listener, limits), app)
    except StoreUnavailable as error:
        if task is not None:
            raise
        raise CannotServe(str(error)) from None
    finally:
        if renewal is not None:
            renewal.cancel()
        if limits.socket:
            put_away(limits.socket)
        await app.stop()
        if notifier is not None:
            await notifier.finish(GRACE)
        server.stop()
        if task is None:
            listener.close()
            await store.close()
        else:
            await asyncio.wait([task], timeout=GRACE)
            await store.close()
            await asyncio.wait([task], timeout=GRACE)


Beside = Callable[[str], AbstractAsyncContextManager[None]]
"""What is entered while a server runs, given its URL."""


def _nothing(_: str) -> AbstractAsyncContextManager[None]:
    return contextlib.nullcontext()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop's, where there is one: it is quicker."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        return asyncio.new_event_loop
    return new_event_loop


class _Cleaned(logging.Formatter):
    """Log lines that are safe for a terminal, whatever a client or a file's name put into them."""

    def format(self, record: logging.LogRecord) -> str:
        return clean(super().format(record))


def serve(host: str, port: int, data: Path, settings: ServerLimits | None = None, beside: Beside = _nothing) -> int:
    """The command: run until SIGINT or SIGTERM. Exit code 0, or 1 with the reason on stderr.

    Prints `ready URL` on stdout once it accepts connections, and logs to stderr. A second signal ends it at once.
    """
    limits = settings or ServerLimits()
    leaving = LEAVING if limits.store else 0.0
    handler = logging.StreamHandler()
    handler.setFormatter(_Cleaned("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.INFO)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    last_resort = threading.Timer(leaving + LAST_RESORT, _end)
    last_resort.daemon = True
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(host, port, data, limits, beside, _End(last_resort, leaving)))
    except CannotServe as error:
        print(f"sentryvibe-tui: {clean(str(error))}", file=sys.stderr)
        return 1
    finally:
        last_resort.cancel()
    return 0


class _End:
    """How a server ends: the first signal begins it, the second one ends the process.

    `last_resort` is started with it: a system call that never returns must not keep the process. `leaving`: seconds in
    which what comes is refused with words.
    """

    def __init__(self, last_resort: threading.Timer, leaving: float) -> None:
        self._last_resort, self._leaving = last_resort, leaving
        self._stop = asyncio.Event()

    def hear_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._hear, number)

    def _hear(self, number: signal.Signals) -> None:
        if self._stop.is_set():
            log.warning("ended at once: what was not written yet was not acknowledged")
            os._exit(128 + number)
        self._last_resort.start()
        self._stop.set()

    async def begins(self) -> None:
        await self._stop.wait()

    async def drain(self, app: App) -> None:
        log.info("stopping")
        app.drain()
        await asyncio.sleep(self._leaving)


async def _serve(host: str, port: int, data: Path, limits: ServerLimits, beside: Beside, end: _End) -> None:
    end.hear_signals()
    async with running(data, host, port, limits) as server, server.app.hooks.picking_up():
        with _announced(server, data):
            print(f"ready {server.url}", flush=True)
            log.info("serving %s from %s", server.url, data)
            async with beside(server.url):
                await end.begins()
        await end.drain(server.app)


def _end() -> None:
    log.warning("the disk does not answer: what was not written yet was not acknowledged")
    os._exit(0)


@contextlib.contextmanager
def _announced(server: Running, data: Path) -> Generator[None]:
    """The runtime file, while the server runs. Not being able to write it is no reason not to serve."""
    limits = server.app.context.settings
    started_at = time.time_ns() // 1_000_000
    local = runtime.LocalServer(
        server.url, os.getpid(), str(data.resolve()), started_at, limits.token_file, limits.certificate
    )
    try:
        runtime.announce(local)
    except OSError as error:
        log.warning("cannot write the runtime file: %s", error)
    first = runtime.find_local_server()
    if first is not None and first != local:
        log.warning("commands find %s, which runs already; name this server with --server %s", first.url, server.url)
    try:
        yield
    finally:
        runtime.withdraw(local)


def _url(host: str, listener: socket.socket, limits: ServerLimits) -> str:
    if limits.socket:
        return f"unix:{limits.socket}"
    scheme, (address, port, *_) = "https" if limits.certificate else "http", listener.getsockname()
    shown = address if host == "localhost" else host  # which means two addresses, and the other may be somebody else's
    return f"{scheme}://[{shown}]:{port}" if ":" in shown else f"{scheme}://{shown}:{port}"


def _config(app: App, limits: ServerLimits) -> uvicorn.Config:
    http, ws = protocols()
    return uvicorn.Config(
        app,
        http=http,  # pyright: ignore[reportArgumentType]
        ws=ws,  # pyright: ignore[reportArgumentType]
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        ssl_certfile=limits.certificate or None,
        ssl_keyfile=limits.certificate_key or None,
        server_header=False,
        ws_max_size=64 * 1024,
        ws_per_message_deflate=False,
        ws_ping_interval=limits.ping_interval,
        ws_ping_timeout=limits.ping_interval * 1.5,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=2,
    )


class _Server(uvicorn.Server):
    """uvicorn without signal handlers of its own, and with a sign that it is up."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._up = asyncio.Event()
        self._stop = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._up.set()

    async def up(self) -> None:
        await self._up.wait()

    def stop(self) -> None:
        self.should_exit = True
        self._stop.set()

    async def main_loop(self) -> None:
        """Wakes up once a second, for the date in answers."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self._stop.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Where nobody is connected, there is nobody to wait for."""
        if self.server_state.connections or self.server_state.tasks:
            await super().shutdown(sockets)
            return
        for server in self.servers:
            server.close()
        for sock in sockets or []:
            sock.close()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        yield
