"""Inputs of agents on their way into a server: read, labelled and published, one after another."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from ...agents.detect import AutoReader
from ...agents.redact import Redactor
from ...errors import SentryVibeError, UnknownFormat, reason
from ...model.events import About
from ...model.state import Status
from ...model.text import clean_line
from ...wire.address import Address
from ...wire.envelope import EventEnvelope
from ...wire.projects import ProjectName
from ..event_ids import EventLabeler
from ..price_table import load_beside
from ..sessions import Roots
from .input import AgentInput
from .pace import ReplayPace
from .pieces import pieces

if TYPE_CHECKING:
    from ...client.publisher import Publisher


class UnreadableInput(SentryVibeError):
    """An input cannot be read; the message says which and why."""


class Undelivered(SentryVibeError):
    """Events wait in the outbox: the server is out of reach, or takes none of them.

    `waiting`: how many. `status`: with which the server itself refuses them (401, 403, 404), else 0. `reason`: the
    publisher's words. `is_original`: it takes events as the original server does.
    """

    def __init__(self, waiting: int, status: int, reason: str, project_id: str, *, is_original: bool) -> None:
        super().__init__(f"{waiting} events wait: {reason}")
        self.waiting, self.status, self.reason = waiting, status, reason
        self.project_id, self.is_original = project_id, is_original


class InputKind(Struct, frozen=True):
    """What all inputs of one intake are. `session`: their build's, "" the agent's own. `format`: "" is told by their
    first lines."""

    project: ProjectName
    roots: Roots
    session: str = ""
    format: str = ""
    redactor: Redactor | None = None


class IntakeTiming(Struct, frozen=True):
    """Seconds, but for `speed`: as many times as fast as it happened; None: without any pace."""

    speed: float | None = None
    timeout: float = 60
    """To go on trying when the input has ended and the server cannot be reached."""
    glance: float = 1
    """Between two looks whether a server that is waited for still answers."""
    last_words: float = 3
    """Given to the report that a build was interrupted."""


class InputResult(Struct, frozen=True):
    """What became of an input. `outcome`: of its build, None without one. `refused`: events that were left out."""

    outcome: Status | None = None
    refused: int = 0
    is_unknown: bool = False
    """It is in no format that is known."""


class IntakeResult(Struct, frozen=True):
    """`parked`: events that the server refused for good now, `all_parked` with those of earlier runs."""

    inputs: tuple[InputResult, ...]
    parked: int
    all_parked: int


class _Source(Struct, frozen=True):
    """`at`: begins what is said about it, where there are several."""

    reader: AutoReader
    agent_input: AgentInput
    path: Path | None
    at: str

    @property
    def is_file(self) -> bool:
        return self.path is not None and self.path.is_file()


class Intake:
    """Into `server`, over an outbox in the folder `outbox`. `tell` hears what a person should know."""

    def __init__(
        self, server: Address, outbox: Path, kind: InputKind, timing: IntakeTiming, tell: Callable[[str], None]
    ) -> None:
        self._server, self._outbox, self._kind, self._timing, self._tell = server, outbox, kind, timing, tell
        self._formats: set[str] = set()

    async def run(self, paths: Sequence[Path | None]) -> IntakeResult:
        """Of files and pipes, None is stdin. One that is cancelled leaves its build interrupted, and the server knows.

        Raises Undelivered, UnreadableInput, OutboxUnusable; UnknownFormat for an only input.
        """
        from ...client.publisher import Publisher

        load_beside()
        about = About(self._kind.project.id, "", "")
        async with Publisher(self._server, about, self._outbox, report=self._tell) as publisher:
            parked_before = publisher.parked
            results = [await self._take(self._source(path, len(paths) > 1), publisher) for path in paths]
            await self._arrive(publisher)
            return IntakeResult(tuple(results), publisher.parked - parked_before, publisher.parked)

    def _source(self, path: Path | None, is_one_of_many: bool) -> _Source:
        kind = self._kind
        session = kind.session or uuid.uuid4().hex
        labels = EventLabeler(kind.project.id, kind.project.name, session, fixed=bool(kind.session))
        reader = AutoReader(kind.format)
        file = path if path is not None and path.is_file() else None
        masks = None if kind.redactor is None else kind.redactor.copy()
        agent_input = AgentInput(reader, labels, file, masks, kind.roots)
        return _Source(reader, agent_input, path, f"{path}: " if is_one_of_many else "")

    async def _take(self, source: _Source, publisher: Publisher) -> InputResult:
        is_unknown = False
        try:
            await self._read(source, publisher)
        except asyncio.CancelledError:
            for posted in source.agent_input.posting.ended("interrupted", "ingest was stopped"):
                publisher.send(posted)
            await publisher.drain(self._timing.last_words)
            raise
        except UnknownFormat as error:
            if not source.at:
                raise
            self._tell(clean_line(f"{source.at}{error}"))
            is_unknown = True
        except OSError as error:
            raise UnreadableInput(f"cannot read {error.filename or 'the input'}: {reason(error)}") from None
        return InputResult(source.agent_input.posting.outcome, len(source.reader.counts.refused), is_unknown)

    async def _read(self, source: _Source, publisher: Publisher) -> None:
        agent_input, is_file, speed = source.agent_input, source.is_file, self._timing.speed
        pace = None if speed is None else ReplayPace(speed)
        refused = 0

        async def pass_on(events: Iterable[EventEnvelope]) -> None:
            for posted in events:
                if pace is not None:
                    await asyncio.sleep(pace.wait(posted.at))
                publisher.send(posted if pace is None else replace(posted, at=None))
                if publisher.is_busy:
                    await self._make_room(publisher, is_file)

        async for piece in pieces(source.path, is_file=is_file):
            await pass_on(agent_input.feed(piece))
            self._tell_format(source)
            refused = self._tell_refused(source, refused)
        while parts := list(agent_input.subagents()):
            for path, part in parts:
                async for piece in pieces(path, is_file=True):
                    await pass_on(part.feed(piece))
                await pass_on(part.finish())
        await pass_on(agent_input.finish())
        self._tell_format(source)
        self._tell_refused(source, refused)
        if not agent_input.posting.has_build:
            self._tell(clean_line(f"{source.at}no build begins in it"))
        await pass_on(agent_input.posting.ended("interrupted", "the input ended without an end of the build"))

    def _tell_format(self, source: _Source) -> None:
        """What was decided, once it is; of several inputs the first of each format."""
        reader = source.reader
        if reader.format not in ("", reader.family) and reader.format not in self._formats:
            self._formats.add(reader.format)
            self._tell(clean_line(f"{source.at}read as {reader.format}"))

    def _tell_refused(self, source: _Source, before: int) -> int:
        """Which events are left out, beyond the first `before`; how many there are now."""
        refused = source.reader.counts.refused
        for why in refused[before:]:
            self._tell(clean_line(f"{source.at}refused: {why}"))
        return len(refused)

    async def _make_room(self, publisher: Publisher, is_file: bool) -> None:
        """A file can wait for the server, also some time for one out of reach. What writes to a pipe is held up only
        by a server that answers. Raises Undelivered."""
        until = time.monotonic() + self._timing.timeout
        while publisher.is_busy and (is_file or not publisher.last_error):
            if await publisher.calm(self._timing.glance):
                break
            if not publisher.last_error:
                until = time.monotonic() + self._timing.timeout
            elif publisher.refusal or time.monotonic() > until:
                raise _undelivered(publisher)

    async def _arrive(self, publisher: Publisher) -> None:
        """Waits until the server has everything. Raises Undelivered: it is out of reach, or takes nothing."""
        until = time.monotonic() + self._timing.timeout
        while not await publisher.drain(min(self._timing.glance, max(0.0, until - time.monotonic()))):
            if publisher.refusal or time.monotonic() >= until:
                raise _undelivered(publisher)


def _undelivered(publisher: Publisher) -> Undelivered:
    reason = clean_line(publisher.last_error)
    return Undelivered(
        publisher.depth, publisher.refusal, reason, publisher.about.project_id, is_original=publisher.is_original
    )
