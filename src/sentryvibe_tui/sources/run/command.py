"""A command that is run: its output becomes a build, and whoever runs it notices nothing of that."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import uuid
from collections.abc import Callable, Coroutine, Generator, Iterable
from pathlib import Path

from msgspec import Struct

from ...agents.common.command import Prepared
from ...agents.common.reader import Reported
from ...agents.common.values import title_of
from ...agents.redact import Redactor
from ...client.publisher import Publisher
from ...model.events import BuildStarted, TextAdded
from ...model.facts import AgentReported
from ...model.state import Agent
from ...wire.address import Address
from ...wire.projects import ProjectName
from ..event_ids import EventLabeler
from ..price_table import load_beside
from ..sessions import companions, roots
from .output import Exit, Output
from .printing import Printer

PIECE = 64 * 1024
LEFT_BEHIND = 4 * 1024 * 1024
"""Bytes that may still come when the command has ended: more than any pipe holds, so what follows is not its own."""

_PASSED_ON = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
_ENDING = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)
_TYPED = (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP)
"""The terminal sends them to everybody in the foreground."""


class RunTiming(Struct, frozen=True):
    """Seconds."""

    together: float = 0.1
    """Of output of a command without format that go into one event."""
    unheard: float = 2
    """Of silence after which a command without format is published all the same."""
    glance: float = 0.05
    """Between two looks whether the command has ended."""
    lingering: float = 1
    """That an output may stay open when its command has ended: a process of its own may hold it. They do not count
    while what was read is being printed: the command's own last words are on their way as long as that."""
    last_words: float = 60
    """Given to what was not acknowledged when the command has ended."""
    silent: float = 2
    """Of these, that pass without a word."""


TIMING = RunTiming()


class Run:
    """One run of a command as a build of `project`. `mirrors`: its output goes to our stdout and stderr."""

    def __init__(
        self,
        prepared: Prepared,
        project: ProjectName,
        mirrors: bool = True,
        redactor: Redactor | None = None,
        timing: RunTiming = TIMING,
    ) -> None:
        self._timing = timing
        self._prepared, self._mirrors, self._redactor = prepared, mirrors, redactor
        self._token = uuid.uuid4().hex
        self._posting = EventLabeler(project.id, project.name, self._token, source=f"run-{self._token[:8]}")
        self._output = Output(prepared.argv, prepared.agent, prepared.format, str(Path.cwd()), redactor)
        self._companions = companions(roots())
        self._printer = Printer()
        self._has_asked = False
        self._read = 0
        self._is_told_to_end = False
        self._hurried = asyncio.Event()
        self._publisher: Publisher | None = None

    async def run(self, server: Address, outbox: Path, tell: Callable[[str], None]) -> int:
        """The command's exit status, 127 and 126 as in a shell. Raises OutboxUnusable."""
        async with Publisher(server, self._posting.about, outbox, report=tell) as publisher:
            self._publisher = publisher
            try:
                process = await self._start()
            except OSError as error:
                tell(f"{self._prepared.argv[0]}: {error.strerror}")
                return 127 if isinstance(error, FileNotFoundError) else 126
            with self._signals(process):
                exit_ = await self._watch(process, publisher)
                self._publish(publisher, self._output.finish(exit_))
                patience = self._timing.lingering if self._is_told_to_end else None
                await self._unless_hurried(asyncio.wait_for(self._print(), patience))
                await self._unless_hurried(self._drain(publisher, tell))
            if publisher.depth:
                tell(f"{publisher.depth} events wait in {outbox}; the next run sends them")
            return exit_.status

    async def _drain(self, publisher: Publisher, tell: Callable[[str], None]) -> None:
        if not await publisher.drain(self._timing.silent):
            tell(f"waiting for the server to take {publisher.depth} events; ctrl+c leaves them for the next run")
            await publisher.drain(self._timing.last_words - self._timing.silent)

    def mirror(self) -> None:
        """From now on what it writes is printed."""
        self._output.printed.clear()
        self._mirrors = True

    @property
    def is_cut_off(self) -> bool:
        """The server is out of reach."""
        return self._publisher is not None and bool(self._publisher.last_error and self._publisher.depth)

    def turn_to(self, server: Address) -> None:
        """Publishes to another server from now on, also what is still waiting."""
        if self._publisher is not None:
            self._publisher.server = server

    async def _start(self) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        own = None if self._mirrors or not sys.stdin.isatty() else asyncio.subprocess.DEVNULL
        return await asyncio.create_subprocess_exec(*self._prepared.argv, stdin=own, stdout=pipe, stderr=pipe)

    async def _watch(self, process: asyncio.subprocess.Process, publisher: Publisher) -> Exit:
        pumps = {
            asyncio.create_task(self._pump(process, 1, publisher)),
            asyncio.create_task(self._pump(process, 2, publisher)),
        }
        ticking = asyncio.create_task(self._tick(publisher))
        # Up to Python 3.12 this waits for the pipes, too, which a process of the command's own may hold.
        waiting = asyncio.create_task(process.wait())
        while process.returncode is None:
            await asyncio.wait([waiting], timeout=self._timing.glance)
        await self._unless_hurried(self._linger(pumps))
        for task in (*pumps, ticking):
            task.cancel()
        process._transport.close()  # pyright: ignore
        await asyncio.gather(*pumps, ticking, return_exceptions=True)
        return Exit(await waiting)

    async def _linger(self, pumps: set[asyncio.Task[None]]) -> None:
        """Until the command's own output is read to its end; not for a reader who sleeps when we were told to end."""
        left, bound = self._timing.lingering, self._read + LEFT_BEHIND
        while left > 0 and self._read < bound:
            if not (await asyncio.wait(pumps, timeout=self._timing.glance))[1]:
                return
            left -= 0 if self._printer.is_held_up and not self._is_told_to_end else self._timing.glance

    async def _pump(self, process: asyncio.subprocess.Process, number: int, publisher: Publisher) -> None:
        stream, read = (process.stdout, self._output.stdout) if number == 1 else (process.stderr, self._output.stderr)
        assert stream is not None
        while data := await stream.read(PIECE):
            self._read += len(data)
            self._publish(publisher, read(data))
            if not await self._print() and self._output.is_text:
                # It learns that nobody reads its words, as it would without us; an agent's work goes on.
                process._transport.get_pipe_transport(number).close()  # pyright: ignore
                return

    async def _tick(self, publisher: Publisher) -> None:
        silent = self._timing.unheard
        while True:
            await asyncio.sleep(self._timing.together)
            silent -= self._timing.together
            self._publish(publisher, self._output.flush())
            if silent <= 0 and (reports := self._output.waiting()):
                # From now on it is this build, whatever the output turns out to be.
                self._posting.fix()
                self._publish(publisher, reports)

    async def _unless_hurried(self, work: Coroutine[object, object, object]) -> None:
        """Does what is left to do when the command has ended, until a signal cuts it short."""
        doing = asyncio.create_task(work)
        hurried = asyncio.create_task(self._hurried.wait())
        await asyncio.wait([doing, hurried], return_when=asyncio.FIRST_COMPLETED)
        for task in (doing, hurried):
            task.cancel()
        await asyncio.gather(doing, hurried, return_exceptions=True)

    # ----------------------------------------------------------------------- what comes of it

    def _publish(self, publisher: Publisher, reports: Iterable[Reported]) -> None:
        reports = list(reports)
        if any(isinstance(report.event, AgentReported) for report in reports):
            load_beside()
        for companion in self._companions:
            companion.heard(reports)
        for posted in self._posting.label(self._with_prompt(reports)):
            publisher.send(posted)
        for companion in self._companions:
            for found in companion.look():
                publisher.send(self._posting.side_event(found))

    def _with_prompt(self, reports: Iterable[Reported]) -> Iterable[Reported]:
        """Streams do not repeat what was asked and do not always name the model: the command line does."""
        for report in reports:
            yield report
            if self._has_asked or not isinstance(report.event, BuildStarted) or not self._prepared.format:
                continue
            self._has_asked = True
            prompt, model = self._prepared.prompt, self._prepared.model
            if self._redactor is not None:
                prompt = self._redactor.text(prompt)
            yield Reported(AgentReported(Agent(title=title_of(prompt), model=model)), None, report.session)
            if prompt:
                yield Reported(
                    TextAdded(f"asked-{self._token[:8]}", prompt, "prompt", whole=True), None, report.session
                )

    async def _print(self) -> bool:
        """Bytes as the command wrote them; False when their reader went away, which ends the printing."""
        printed, self._output.printed[:] = list(self._output.printed), []
        if not printed or not self._mirrors:
            return True
        try:
            await self._printer.write(printed)
        except OSError:
            self._mirrors = False
        return self._mirrors

    # ----------------------------------------------------------------------- signals

    @contextlib.contextmanager
    def _signals(self, process: asyncio.subprocess.Process) -> Generator[None]:
        """Passed on to the command while it runs; after its end they cut short what is left to do."""
        loop = asyncio.get_running_loop()

        def send(number: signal.Signals) -> None:
            with contextlib.suppress(ProcessLookupError):
                if number not in _TYPED or not _in_foreground():
                    process.send_signal(number)

        def passed_on(number: signal.Signals) -> None:
            if process.returncode is None:
                self._is_told_to_end = self._is_told_to_end or number in _ENDING
                send(number)
            else:
                self._hurried.set()

        def paused() -> None:
            send(signal.SIGTSTP)
            loop.remove_signal_handler(signal.SIGTSTP)
            os.kill(os.getpid(), signal.SIGTSTP)
            # It goes on here when somebody sends SIGCONT.
            loop.add_signal_handler(signal.SIGTSTP, paused)
            send(signal.SIGCONT)

        for number in _PASSED_ON:
            loop.add_signal_handler(number, passed_on, number)
        if self._mirrors:  # a screen pauses in its own way
            loop.add_signal_handler(signal.SIGTSTP, paused)
        try:
            yield
        finally:
            for number in (*_PASSED_ON, signal.SIGTSTP):
                loop.remove_signal_handler(number)


def _in_foreground() -> bool:
    """Whether keys like ctrl+c reach us and our child alike, wherever stdin comes from."""
    try:
        terminal = os.open(os.ctermid(), os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
