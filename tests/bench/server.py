"""What a server costs, measured from outside on real sockets: `python tests/bench/server.py [MEASURE…]`.

latency   event posted -> visible at every watcher, bytes each, server CPU and memory, for 1, 100, 500 watchers
ingest    durable events per second at 1, 8 and 64 publishers
stalled   memory of the server while one watcher never reads
growth    time to answer an event around tool 50, 200, 1,000 and 5,000 of one build
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import multiprocessing
import random
import re
import socket
import string
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection

import psutil
from websockets.asyncio.client import connect

TOOL = re.compile(rb'"id":"t(\d+)"[^{}]*"state":"output-available"')
TOOLS, GAP = 200, 0.02


@contextlib.contextmanager
def server() -> Iterator[tuple[int, psutil.Process]]:
    """Port and process of a fresh server."""
    with tempfile.TemporaryDirectory() as data:
        command = [sys.executable, "-m", "sentryvibe_tui", "serve", "--port", "0", "--data", data]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert process.stdout is not None
        port = int(process.stdout.readline().rsplit(":", 1)[1])
        try:
            yield port, psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait()


class Publisher:
    """Posts events of one build over one connection, one at a time."""

    def __init__(self, port: int, session: str = "s") -> None:
        self._link = http.client.HTTPConnection("127.0.0.1", port)
        self._session = session
        self._random = random.Random(7)

    def post(self, *events: dict) -> None:
        envelope = {"projectId": "p", "sessionId": self._session, "agentId": "claude-code"}
        body = [envelope | {"event": event} for event in events]
        self._link.request("POST", "/api/build-events", json.dumps(body), {"Content-Type": "application/json"})
        answer = self._link.getresponse()
        said = answer.read()
        assert answer.status == 200, said

    def text(self, size: int) -> str:
        return "".join(self._random.choices(string.ascii_lowercase + " \n", k=size))

    def begin(self, number: int) -> dict:
        what = {"command": self.text(300)}
        return {"type": "tool-input-available", "toolCallId": f"t{number}", "toolName": "Bash", "input": what}

    def end(self, number: int) -> dict:
        return {"type": "tool-output-available", "toolCallId": f"t{number}", "output": self.text(2000)}


def watchers(port: int, count: int, pipe: Connection) -> None:
    """A process of watchers: when each tool's end was seen by each, and how many bytes came."""

    async def one(seen: list[dict[int, int]], sizes: list[int], ready: asyncio.Semaphore) -> None:
        times: dict[int, int] = {}
        seen.append(times)
        place = len(sizes)
        sizes.append(0)
        async with connect(
            f"ws://127.0.0.1:{port}/ws?projectId=p&protocol=2", proxy=None, compression=None, max_size=None
        ) as link:
            ready.release()
            while len(times) < TOOLS:
                frame = await link.recv(decode=False)
                at = time.monotonic_ns()
                sizes[place] += len(frame)
                for number in TOOL.findall(frame):
                    times.setdefault(int(number), at)

    async def main() -> None:
        seen: list[dict[int, int]] = []
        sizes: list[int] = []
        ready = asyncio.Semaphore(0)
        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(one(seen, sizes, ready))
            for _ in range(count):
                await ready.acquire()
            pipe.send("ready")
        pipe.send((seen, sizes))

    asyncio.run(main())


def latency() -> None:
    for count in (1, 100, 500):
        with server() as (port, process):
            shares = [1] if count == 1 else [count // 2, count - count // 2]
            pipes = []
            for share in shares:
                mine, theirs = multiprocessing.Pipe()
                multiprocessing.Process(target=watchers, args=(port, share, theirs), daemon=True).start()
                pipes.append(mine)
            for pipe in pipes:
                assert pipe.recv() == "ready"
            before = sum(process.cpu_times()[:2])
            posted = _post_build(Publisher(port))
            results = [pipe.recv() for pipe in pipes]
            cpu = sum(process.cpu_times()[:2]) - before
            delays = [at - posted[n] for seen, _ in results for times in seen for n, at in times.items()]
            size = sum(sum(sizes) for _, sizes in results) / count
            memory = process.memory_info().rss / 2**20
            print(f"{count:4} watchers: {_spread(delays)}, {size / 1e6:.2f} MB each, {cpu:.2f} s CPU, {memory:.0f} MiB")


def _post_build(publisher: Publisher) -> dict[int, int]:
    posted: dict[int, int] = {}
    for number in range(TOOLS):
        publisher.post(publisher.begin(number))
        time.sleep(GAP)
        event = publisher.end(number)
        posted[number] = time.monotonic_ns()
        publisher.post(event)
        time.sleep(GAP)
    return posted


class Flood(asyncio.Protocol):
    """Posts one request after another, each once the last is answered, until all are."""

    def __init__(self, requests: list[bytes], done: asyncio.Semaphore) -> None:
        self._requests, self._done = requests, done

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._requests.pop())

    def data_received(self, data: bytes) -> None:
        assert data.startswith((b"HTTP/1.1 200", b"{")), data
        if not data.endswith(b"}"):
            return
        if self._requests:
            self._transport.write(self._requests.pop())
        else:
            self._done.release()


def flood(port: int, first: int, publishers: int, share: int, pipe: Connection) -> None:
    """A process of publishers, each with a build of its own; the requests are made beforehand."""

    async def main() -> None:
        done, loop = asyncio.Semaphore(0), asyncio.get_running_loop()
        posts = Publisher(port)
        made = []
        for number in range(first, first + publishers):
            bodies = (
                json.dumps({"projectId": "p", "sessionId": f"s{number}", "eventId": str(n), "event": posts.end(n)})
                for n in range(share)
            )
            head = "POST /api/build-events HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
            made.append([f"{head}{len(body)}\r\n\r\n{body}".encode() for body in bodies])
        pipe.send("ready")
        await asyncio.to_thread(pipe.recv)
        for requests in made:
            await loop.create_connection(lambda requests=requests: Flood(requests, done), "127.0.0.1", port)
        for _ in made:
            await done.acquire()
        pipe.send("done")

    asyncio.run(main())


def ingest() -> None:
    for count in (1, 8, 64):
        with server() as (port, process):
            shares = [1] if count == 1 else [count // 2] * 2
            share, pipes = max(100, 6000 // count), []
            for place, publishers in enumerate(shares):
                mine, theirs = multiprocessing.Pipe()
                work = (port, place * publishers, publishers, share, theirs)
                multiprocessing.Process(target=flood, args=work, daemon=True).start()
                pipes.append(mine)
            for pipe in pipes:
                assert pipe.recv() == "ready"
            begun, cpu = time.monotonic(), sum(process.cpu_times()[:2])
            for pipe in pipes:
                pipe.send("go")
            for pipe in pipes:
                assert pipe.recv() == "done"
            seconds, cpu = time.monotonic() - begun, sum(process.cpu_times()[:2]) - cpu
            rate = count * share / seconds
            print(f"{count:4} publishers: {rate:,.0f} durable events/s, {cpu / (count * share) * 1e6:.0f} us CPU each")


def stalled() -> None:
    with server() as (port, process), socket.create_connection(("127.0.0.1", port)) as link:
        link.sendall(
            b"GET /ws?projectId=p HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        publisher = Publisher(port)
        publisher.post(publisher.end(0))
        before = process.memory_info().rss
        for number in range(1, 3001):
            publisher.post(publisher.begin(number), publisher.end(number))
        with_stalled = process.memory_info().rss - before
    with server() as (port, process):
        publisher = Publisher(port)
        publisher.post(publisher.end(0))
        before = process.memory_info().rss
        for number in range(1, 3001):
            publisher.post(publisher.begin(number), publisher.end(number))
        alone = process.memory_info().rss - before
    print(f"memory grew by {with_stalled / 2**20:.1f} MiB with a stalled watcher, {alone / 2**20:.1f} MiB without")


def growth() -> None:
    with server() as (port, process):
        publisher, took, spent = Publisher(port), list[float](), list[float]()
        for number in range(5_101):
            cpu, begun = sum(process.cpu_times()[:2]), time.monotonic()
            publisher.post(publisher.begin(number))
            publisher.post(publisher.end(number))
            took.append((time.monotonic() - begun) * 1e9)
            spent.append(sum(process.cpu_times()[:2]) - cpu)
        for tool in (50, 200, 1000, 5000):
            around = slice(tool - 50, tool + 100)
            cpu_ms = sum(spent[around]) / 150 * 1e3
            print(f"tool {tool:5}: start and end answered in {_spread(took[around])}, {cpu_ms:.2f} ms CPU")


def _spread(nanoseconds: list[float] | list[int]) -> str:
    ordered = sorted(nanoseconds)
    return f"p50 {ordered[len(ordered) // 2] / 1e6:.2f} ms, p99 {ordered[len(ordered) * 99 // 100] / 1e6:.2f} ms"


MEASURES: dict[str, Callable[[], None]] = {"latency": latency, "ingest": ingest, "stalled": stalled, "growth": growth}

if __name__ == "__main__":
    for name in sys.argv[1:] or MEASURES:
        print(f"-- {name}")
        MEASURES[name]()
