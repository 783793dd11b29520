"""An agent and the editor that speaks to it, with us between: bytes pass, and what they mean becomes builds.

Nothing here holds the two up: their bytes are passed on by threads of their own, whenever somebody looks at them, with
or without a server.
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import threading
import uuid
from collections.abc import Callable, Generator, Iterable
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path, PurePath
from typing import IO

from ...agents.acp.wire import AcpWire, Side
from ...agents.common.reader import Counts, Reported
from ...agents.redact import Redacted, Redactor
from ...client.publisher import Publisher
from ...model.facts import Noticed
from ...wire.address import Address
from ...wire.projects import ProjectName, project_of
from ..event_ids import EventLabeler
from .output import Exit
from .printing import write_all

PIECE = 64 * 1024
AHEAD = 64 * 1024 * 1024
"""Bytes that may have passed and wait to be looked at; with more the connection is looked at no longer."""
UNWATCHED = "the agent says more than can be looked at: it goes on unwatched"
LINGERING = 1.0
"""Seconds that the agent's output may stay open when its process has ended: another one may hold it."""
LAST_WORDS = 5.0
"""Seconds given to what was not acknowledged when the agent has ended: the editor waits for us."""

_Pipe = int | IO[bytes]
"""A file descriptor of ours, or an end of a pipe that is ours to close."""

_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Relay:
    """One agent. `project`: of its builds; None: each session's directory names it."""

    def __init__(self, argv: tuple[str, ...], project: ProjectName | None, redactor: Redactor | None = None) -> None:
        self._argv, self._project, self._redactor = argv, project, redactor
        self._token = uuid.uuid4().hex[:8]
        self._wire = AcpWire(self._token, PurePath(argv[0]).name)
        self._queue: asyncio.Queue[tuple[Side, bytes] | None] = asyncio.Queue()
        self._waiting = 0
        self._is_lost = False
        self._sessions: dict[str, _Session] = {}
        self._publishers: dict[str, Publisher] = {}
        self._server: Address | None = None
        self._ended = Exit(0)

    async def run(self, publish: Callable[[], asyncio.Task[None]], tell: Callable[[str], None]) -> int:
        """The agent's exit status, 127 and 126 as in a shell. `publish` begins to publish, once bytes pass."""
        try:
            process = _started(self._argv)
        except OSError as error:
            tell(f"{self._argv[0]}: {error.strerror}")
            return 127 if isinstance(error, FileNotFoundError) else 126
        with _signals_for(process):
            to_editor = self._begin(process)
            publishing = publish()
            self._ended = Exit(await asyncio.to_thread(process.wait))
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.to_thread(to_editor.join, LINGERING), 2 * LINGERING)
        self._queue.put_nowait(None)
        await asyncio.wait([publishing], timeout=2 * LAST_WORDS)
        return self._ended.status

    def _begin(self, process: subprocess.Popen[bytes]) -> threading.Thread:
        """The thread that passes on what the agent says."""
        assert process.stdin is not None
        assert process.stdout is not None
        loop = asyncio.get_running_loop()

        def on_data(side: Side, data: bytes) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody listens any more
                loop.call_soon_threadsafe(self._on_data, side, data)

        to_agent = threading.Thread(target=_pass_on, args=(0, process.stdin, "client", on_data), daemon=True)
        to_editor = threading.Thread(target=_pass_on, args=(process.stdout, 1, "agent", on_data), daemon=True)
        to_agent.start()
        to_editor.start()
        return to_editor

    def _on_data(self, side: Side, data: bytes) -> None:
        if self._is_lost:
            return
        self._waiting += len(data)
        self._is_lost = self._waiting > AHEAD
        self._queue.put_nowait((side, data))

    # ----------------------------------------------------------------------- publishing

    @property
    def is_cut_off(self) -> bool:
        """The server is out of reach."""
        return any(publisher.last_error and publisher.depth for publisher in self._publishers.values())

    def turn_to(self, server: Address) -> None:
        """Publishes to another server from now on, also what is still waiting."""
        self._server = server
        for publisher in self._publishers.values():
            publisher.server = server

    async def publish(self, server: Address, outbox: Path, tell: Callable[[str], None]) -> None:
        """What is said, until the agent ends. Raises OutboxUnusable when an outbox cannot be opened."""
        self._server = server
        is_lost = False
        async with AsyncExitStack() as stack:
            while (message := await self._queue.get()) is not None:
                await self._post(self._wire.feed(*message), stack, outbox, tell)
                self._waiting -= len(message[1])
                if self._is_lost and not is_lost:
                    is_lost = True
                    tell(UNWATCHED)
                    for session in self._sessions.values():
                        session.post([Reported(Noticed(UNWATCHED, "warning"))])
            code = self._ended.code
            await self._post(self._wire.finish(f"the agent {self._ended.words}" if code else ""), stack, outbox, tell)
            for session in self._sessions.values():
                session.post(session.last_words())
            await asyncio.gather(*(publisher.drain(LAST_WORDS) for publisher in self._publishers.values()))

    async def _post(
        self, reports: Iterable[Reported], stack: AsyncExitStack, outbox: Path, tell: Callable[[str], None]
    ) -> None:
        for report in reports:
            session = self._sessions.get(report.session)
            if session is None:
                project = self._project or project_of(self._wire.directory(report.session) or str(Path.cwd()))
                posting = EventLabeler(
                    project.id, project.name, report.session, fixed=True, source=f"acp-{self._token}"
                )
                publisher = await self._publisher(project, posting, stack, outbox, tell)
                redactor = None if self._redactor is None else self._redactor.copy()
                session = self._sessions[report.session] = _Session(posting, publisher, redactor)
            session.post(session.redact(report))

    async def _publisher(
        self,
        project: ProjectName,
        posting: EventLabeler,
        stack: AsyncExitStack,
        outbox: Path,
        tell: Callable[[str], None],
    ) -> Publisher:
        """One for each project."""
        publisher = self._publishers.get(project.id)
        if publisher is None:
            assert self._server is not None
            opened = Publisher(self._server, posting.about, outbox, report=tell)
            publisher = self._publishers[project.id] = await stack.enter_async_context(opened)
        return publisher


class _Session:
    """A session's build: where it is published, and what masks it."""

    def __init__(self, posting: EventLabeler, publisher: Publisher, redactor: Redactor | None) -> None:
        self._posting, self._publisher = posting, publisher
        self._reports = _Handed()
        self._reader = None if redactor is None else Redacted(self._reports, redactor)

    def redact(self, report: Reported) -> list[Reported]:
        self._reports.next = [report]
        return [report] if self._reader is None else self._reader.feed(b"")

    def last_words(self) -> list[Reported]:
        """What waited for its rest."""
        self._reports.next = []
        return [] if self._reader is None else self._reader.finish()

    def post(self, reports: Iterable[Reported]) -> None:
        for posted in self._posting.label(reports):
            self._publisher.send(posted)


class _Handed:
    """Reports that were read already, as a reader."""

    def __init__(self) -> None:
        self.counts = Counts()
        self.next: list[Reported] = []

    def feed(self, data: bytes) -> list[Reported]:
        return self.next

    def finish(self) -> list[Reported]:
        return self.next


# --------------------------------------------------------------------------- bytes


def _started(argv: tuple[str, ...]) -> subprocess.Popen[bytes]:
    """Its stderr is ours. Raises OSError."""
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)


def _pass_on(source: _Pipe, sink: _Pipe, side: Side, on_data: Callable[[Side, bytes], None]) -> None:
    """Every byte, in order; each end learns when the other one is gone."""
    with suppress(OSError):
        while data := _read(_number(source)):
            on_data(side, data)  # only noted; and noted first, so that no answer is heard before its question
            write_all(_number(sink), data)
    for end in (source, sink):
        if not isinstance(end, int):
            with suppress(OSError):
                end.close()


def _read(source: int) -> bytes:
    while True:
        try:
            return os.read(source, PIECE)
        except BlockingIOError:
            select.select([source], [], [])


def _number(pipe: _Pipe) -> int:
    return pipe if isinstance(pipe, int) else pipe.fileno()


@contextmanager
def _signals_for(process: subprocess.Popen[bytes]) -> Generator[None]:
    """Passed on while it runs."""
    loop = asyncio.get_running_loop()
    for number in _PASSED_ON:
        loop.add_signal_handler(number, process.send_signal, number)
    try:
        yield
    finally:
        for number in _PASSED_ON:
            loop.remove_signal_handler(number)
