"""Real processes, and a network between them that can be told to misbehave."""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ..patience import PATIENCE


class Server:
    """`sentryvibe-tui serve` as a process of its own, on one port and one data directory for all its lives."""

    def __init__(self, data: Path, runtime: Path, preload: str = "", prefix: tuple[str, ...] = ()) -> None:
        self.data = data
        self._prefix = prefix
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._env = os.environ | {"SENTRYVIBE_RUNTIME_DIR": str(runtime)} | ({"LD_PRELOAD": preload} if preload else {})
        self._process: subprocess.Popen[str] | None = None

    def start(self, *, limit_file_size: int | None = None) -> None:
        """Runs when this returns. `limit_file_size`: bytes that no file may grow beyond."""
        command = self._command
        if limit_file_size is not None:
            command = ["prlimit", f"--fsize={limit_file_size}:unlimited", *command]
        with self.log.open("a") as log:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=self._env)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == f"ready {self.url}\n", self.log.read_text()

    def refuse(self) -> str:
        """What it says when it does not start."""
        told = subprocess.run(
            self._command, capture_output=True, text=True, env=self._env, timeout=PATIENCE, check=False
        )
        assert (told.returncode, told.stdout) == (1, ""), told
        assert "Traceback" not in told.stderr
        return told.stderr

    @property
    def log(self) -> Path:
        return self.data.parent / "server.log"

    @property
    def _command(self) -> list[str]:
        serve = [sys.executable, "-m", "sentryvibe_tui", "serve", "--port", str(self.port), "--data", str(self.data)]
        return [*self._prefix, *serve]

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """SIGKILL, at once."""
        self._end(lambda process: process.kill())

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        return self._end(lambda process: process.terminate())

    def _end(self, how: Callable[[subprocess.Popen[str]], None]) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        how(process)
        code = process.wait(PATIENCE)
        assert process.stdout is not None
        process.stdout.close()
        return code

    def get(self, path: str) -> dict:
        with urllib.request.urlopen(self.url + path, timeout=PATIENCE) as answer:
            return json.load(answer)

    def state(self, project: str) -> dict:
        """The newest build of a project, as the server tells it."""
        return self.get(f"/api/projects/{project}/messages")["sessions"][0]["hydratedState"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Servers that do not outlive the test."""
    made: list[Server] = []

    def make(home: Path | None = None, **options: Any) -> Server:
        home = home or tmp_path / f"server{len(made)}"
        home.mkdir(exist_ok=True)
        made.append(Server(home / "data", home / "run", **options))
        return made[-1]

    yield make
    for server in made:
        server.kill()


@pytest.fixture
def server(make_server: Callable[..., Server]) -> Server:
    """A running server."""
    one = make_server()
    one.start()
    return one


@dataclass
class Weather:
    """How a proxy treats bytes. Probabilities are per chunk; `hole` swallows everything, `shut` refuses connections.
    `rate`: bytes per second to a client that connects now, 0 without limit."""

    rate: float = 0.0
    cut: float = 0.0
    split: float = 0.0
    delay: float = 0.0
    hole: bool = False
    shut: bool = False


@dataclass
class FaultProxy:
    """A TCP proxy on loopback that misbehaves by a seeded script, and counts what went through it."""

    target: int
    seed: int
    weather: Weather = field(default_factory=Weather)
    forwarded: int = 0
    swallowed: int = 0
    cuts: int = 0
    connections: int = 0
    port: int = 0

    async def __aenter__(self) -> FaultProxy:
        self._random = random.Random(self.seed)
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()
        self.cut_all()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cut_all(self) -> None:
        """Reset every connection."""
        self.cuts += len(self._writers)
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        if self.weather.shut:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        self._writers.add(far_writer)
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            rate = self.weather.rate if sink is writer else 0.0
            task = asyncio.create_task(self._pump(source, sink, (writer, far_writer), rate))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        both: tuple[asyncio.StreamWriter, ...],
        rate: float,
    ) -> None:
        try:
            while chunk := await source.read(4096):
                if self.weather.hole:
                    self.swallowed += len(chunk)
                    continue
                if self._random.random() < self.weather.cut:
                    self.cuts += 1
                    chunk = chunk[: self._random.randrange(len(chunk))]
                    sink.write(chunk)
                    self.forwarded += len(chunk)
                    break
                await self._forward(chunk, sink)
                if rate:
                    await asyncio.sleep(len(chunk) / rate)
        except OSError:
            pass
        finally:
            for writer in both:
                writer.close() if not self.weather.cut else writer.transport.abort()
                self._writers.discard(writer)

    async def _forward(self, chunk: bytes, sink: asyncio.StreamWriter) -> None:
        if self._random.random() < self.weather.delay:
            await asyncio.sleep(self._random.uniform(0, 0.02))
        pieces = (
            [chunk[i : i + 1] for i in range(len(chunk))] if self._random.random() < self.weather.split else [chunk]
        )
        for piece in pieces:
            sink.write(piece)
            await sink.drain()
        self.forwarded += len(chunk)


@pytest.fixture
def proxy_to() -> Callable[..., FaultProxy]:
    """`async with proxy_to(port, seed=1) as proxy:`"""
    return FaultProxy
