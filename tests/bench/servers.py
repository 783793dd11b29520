"""One server against two, SQLite against PostgreSQL, NOTIFY against Redis: `python tests/bench/servers.py [ROUNDS]`.

The variants take turns, round by round, so that whatever else the machine does falls on all of them; what counts are
the ratios of the medians. CPU is that of the servers' processes and, for itself, that of PostgreSQL for them.

ingest   publishers that post single events, each of a build of its own, at one server or spread over two
hints    50 events/s at one server, watchers at the other: from the POST to the frame
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
from websockets.asyncio.client import connect

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.services import POSTGRES, REDIS, drop_schemas, new_schema, with_schema

PUBLISHERS, EVENTS = 32, 150
WATCHERS, HINTED, GAP = 40, 200, 0.02
TEXT = "y" * 600
_NUMBER = re.compile(rb"#(\d+)#")


class Servers:
    """Processes of `serve` over one store."""

    def __init__(self, count: int, schema: str, hints: str, folder: str) -> None:
        self.schema = schema
        self._processes: list[subprocess.Popen[str]] = []
        self.ports: list[int] = []
        for number in range(count):
            command = [sys.executable, "-m", "sentryvibe_tui", "serve", "--port", "0", "--data", f"{folder}/{number}"]
            command += ["--store", with_schema(schema)] if schema else []
            command += ["--hints", hints] if hints else []
            home = os.environ | {"HOME": folder, "SENTRYVIBE_RUNTIME_DIR": f"{folder}/run"}
            process = subprocess.Popen(
                [*command, "--no-token"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=home
            )
            assert process.stdout is not None
            self.ports.append(int(process.stdout.readline().rsplit(":", 1)[1]))
            self._processes.append(process)

    def cpu(self) -> tuple[float, float]:
        """Seconds of the servers, and of the database for them."""
        own = sum(sum(psutil.Process(process.pid).cpu_times()[:2]) for process in self._processes)
        return own, sum(map(_cpu_of, self._backends()))

    def _backends(self) -> list[int]:
        return asyncio.run(_pids(self.schema)) if self.schema else []

    def stop(self) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait()


async def _pids(schema: str) -> list[int]:
    import asyncpg

    db = await asyncpg.connect(POSTGRES)
    try:
        query = "SELECT pid FROM pg_stat_activity WHERE application_name = $1"
        return [row[0] for row in await db.fetch(query, f"sentryvibe-tui {schema}")]
    finally:
        await db.close()


def _cpu_of(pid: int) -> float:
    with contextlib.suppress(psutil.Error):
        return sum(psutil.Process(pid).cpu_times()[:2])
    return 0.0


@contextlib.contextmanager
def servers(count: int, has_database: bool, hints: str = "") -> Iterator[Servers]:
    schema = new_schema() if has_database else ""
    with tempfile.TemporaryDirectory() as folder:
        running = Servers(count, schema, hints, folder)
        try:
            yield running
        finally:
            running.stop()
            if schema:
                drop_schemas(schema)


def _request(session: str, event_id: str, text: str) -> bytes:
    event = {"type": "text-delta", "id": event_id, "delta": text}
    about = {"projectId": "p", "sessionId": session, "buildId": session, "eventId": event_id, "event": event}
    body = json.dumps(about).encode()
    return b"POST /api/build-events HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


async def _answered(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 200 " in head[:16], head
    size = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    await reader.readexactly(size)


def publish(ports: list[int], pipe: Connection) -> None:
    """A process of publishers: how long each answer took."""

    async def one(port: int, name: str, took: list[float]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number in range(EVENTS):
            begun = time.perf_counter()
            writer.write(_request(name, f"{name}-{number}", TEXT))
            await _answered(reader)
            took.append(time.perf_counter() - begun)
        writer.close()

    async def main() -> None:
        took: list[float] = []
        begun = time.perf_counter()
        await asyncio.gather(*(one(ports[n % len(ports)], f"s{n}", took) for n in range(PUBLISHERS)))
        pipe.send((time.perf_counter() - begun, took))

    asyncio.run(main())


def ingest(count: int, has_database: bool) -> dict[str, float]:
    with servers(count, has_database) as running:
        before = running.cpu()
        mine, theirs = multiprocessing.Pipe()
        multiprocessing.Process(target=publish, args=(running.ports, theirs), daemon=True).start()
        seconds, took = mine.recv()
        own, database = (after - start for after, start in zip(running.cpu(), before, strict=True))
        return _figures(PUBLISHERS * EVENTS, own, database, took) | {"events/s": PUBLISHERS * EVENTS / seconds}


def watch(port: int, pipe: Connection) -> None:
    """A process of watchers: when each saw each event."""

    async def one(seen: list[tuple[int, float]], ready: asyncio.Semaphore) -> None:
        url = f"ws://127.0.0.1:{port}/ws?projectId=p&protocol=2"
        async with connect(url, proxy=None, compression=None, max_size=None) as link:
            ready.release()
            count = 0
            while count < HINTED:
                frame = await link.recv(decode=False)
                numbers = _NUMBER.findall(frame)
                count += len(numbers)
                seen += [(int(number), time.monotonic()) for number in numbers]

    async def main() -> None:
        seen: list[tuple[int, float]] = []
        ready = asyncio.Semaphore(0)
        async with asyncio.TaskGroup() as group:
            for _ in range(WATCHERS):
                group.create_task(one(seen, ready))
            for _ in range(WATCHERS):
                await ready.acquire()
            pipe.send("ready")
        pipe.send(seen)

    asyncio.run(main())


def hints(url: str) -> dict[str, float]:
    with servers(2, True, url) as running:
        mine, theirs = multiprocessing.Pipe()
        multiprocessing.Process(target=watch, args=(running.ports[1], theirs), daemon=True).start()
        assert mine.recv() == "ready"
        time.sleep(1)
        before = running.cpu()
        posted = asyncio.run(_post_slowly(running.ports[0]))
        seen = mine.recv()
        own, database = (after - start for after, start in zip(running.cpu(), before, strict=True))
        return _figures(HINTED, own, database, [at - posted[number] for number, at in seen])


async def _post_slowly(port: int) -> list[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    posted: list[float] = []
    for number in range(HINTED):
        posted.append(time.monotonic())
        writer.write(_request(f"s{number % 10}", f"e{number}", f"#{number}#"))
        await _answered(reader)
        await asyncio.sleep(GAP)
    writer.close()
    return posted


def _figures(events: int, own: float, database: float, took: list[float]) -> dict[str, float]:
    ordered = sorted(took)
    return {
        "server µs/event": own / events * 1e6,
        "database µs/event": database / events * 1e6,
        "p50 ms": ordered[len(ordered) // 2] * 1e3,
        "p99 ms": ordered[len(ordered) * 99 // 100] * 1e3,
    }


VARIANTS: dict[str, Callable[[], dict[str, float]]] = {
    "SQLite, 1 server": lambda: ingest(1, False),
    "PostgreSQL, 1 server": lambda: ingest(1, True),
    "PostgreSQL, 2 servers": lambda: ingest(2, True),
    "NOTIFY": lambda: hints(""),
    "Redis": lambda: hints(REDIS),
}


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    figures: dict[str, list[dict[str, float]]] = {name: [] for name in VARIANTS}
    for _ in range(rounds):
        for name, measure in VARIANTS.items():
            figures[name].append(measure())
    for name, found in figures.items():
        medians = {what: statistics.median(one[what] for one in found) for what in found[0]}
        print(f"{name:22}", ", ".join(f"{what} {value:,.1f}" for what, value in medians.items()))


if __name__ == "__main__":
    main()
