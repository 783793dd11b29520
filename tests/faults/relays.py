"""TCP ports whose connections go on to others and may be cut, in a process of their own: what is measured behind them
does not wait for whoever measures.

`python -m tests.faults.relays` reads lines of JSON from its input and answers each with one: `{"targets": [port, …]}`
opens a relay, whose port it answers; `{"cut": port}` ends the relay's connections.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import Callable
from typing import Any


class Relay:
    """A port whose connections go to one of `targets`, and may all be cut."""

    def __init__(self, targets: list[int]) -> None:
        self._targets = targets
        self._open: set[asyncio.Transport] = set()

    async def start(self) -> int:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Pipe(self._open, self._dial), "127.0.0.1", 0, backlog=1024)
        return server.sockets[0].getsockname()[1]

    def _dial(self, near: _Pipe) -> Any:
        port = random.choice(self._targets)
        return asyncio.get_running_loop().create_connection(lambda: _Pipe(self._open, peer=near), "127.0.0.1", port)

    def cut(self) -> None:
        for transport in tuple(self._open):
            transport.abort()


class _Pipe(asyncio.Protocol):
    """One side of a connection through a relay; `dial` makes the other side of it."""

    def __init__(
        self, links: set[asyncio.Transport], dial: Callable[[_Pipe], Any] | None = None, peer: _Pipe | None = None
    ) -> None:
        self._links, self._dial, self._peer = links, dial, peer
        self._early: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._dialling: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._links.add(transport)
        if self._dial is not None:
            self._dialling = asyncio.create_task(self._connect(self._dial))
        elif self._peer is not None:
            self._peer.join(self)

    async def _connect(self, dial: Callable[[_Pipe], Any]) -> None:
        try:
            await dial(self)
        except OSError:
            if self._transport is not None:
                self._transport.abort()

    def join(self, peer: _Pipe) -> None:
        self._peer = peer
        for data in self._early:
            peer.write(data)
        if self._transport is None or self._transport.is_closing():
            peer.end()

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def end(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        if self._peer is None:
            self._early.append(data)
        else:
            self._peer.write(data)

    def connection_lost(self, _: Exception | None) -> None:
        if self._transport is not None:
            self._links.discard(self._transport)
        if self._peer is not None:
            self._peer.end()


class RelayProcess:
    """The process with the relays, and one of them by its port."""

    async def start(self) -> None:
        command = (sys.executable, "-m", __name__)
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
        self._asking = asyncio.Lock()

    async def open(self, *targets: int) -> int:
        """The port of a new relay to one of `targets`."""
        return await self._ask({"targets": targets})

    async def cut(self, port: int) -> None:
        """Ends all connections through a relay."""
        await self._ask({"cut": port})

    async def _ask(self, question: dict[str, Any]) -> int:
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        async with self._asking:
            process.stdin.write(json.dumps(question).encode() + b"\n")
            return json.loads(await process.stdout.readline())

    async def stop(self) -> None:
        self._process.kill()
        await self._process.wait()


async def main() -> None:
    relays: dict[int, Relay] = {}
    while line := await asyncio.to_thread(sys.stdin.readline):
        match json.loads(line):
            case {"targets": targets}:
                relay = Relay(targets)
                port = await relay.start()
                relays[port] = relay
            case {"cut": port}:
                relays[port].cut()
            case other:
                raise AssertionError(other)
        print(port, flush=True)


if __name__ == "__main__":
    asyncio.run(main())
