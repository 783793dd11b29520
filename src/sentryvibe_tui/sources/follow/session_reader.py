"""One session that is followed: its file and those of its subagents become one build. Reads files, no more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from ...agents.common.reader import Reader, Reported, innermost
from ...agents.common.session_files import Session
from ...agents.common.subagents import Subagents
from ...agents.common.turn_end import TurnEnd, TurnTracker
from ...agents.common.zstd import PACKED
from ...agents.detect import AutoReader, new_reader
from ...agents.redact import Redacted, Redactor
from ...agents.registry import agent_kind
from ...model.events import About, ActivityReported, TextAdded, TodosReported, ToolEnded, ToolStarted
from ...model.facts import BuildEnded, TurnEnded
from ...model.state import Millis
from ...wire.envelope import EventEnvelope
from ...wire.projects import ProjectName
from ...wire.times import millis
from ..event_ids import EventLabeler
from ..sessions import subagents_of
from .tail import Tail

SETTLED = 30.0
"""Seconds without a word after which a turn is over that only looks so."""
SILENT = 30 * 60.0
"""Seconds without a word after which an unfinished turn is taken for interrupted."""
LATE = 5 * 60.0
"""Seconds after which an agent that does not go on at the time it named is taken not to wait for it."""
COPIED = 24 * 3600.0
"""Seconds after its last event from which on a file is taken to be touched by others than its agent."""
ORPHANED = 10.0
"""Seconds that a subagent's file waits for the call it belongs to."""


_ACTIVITY = (ToolStarted, ToolEnded, TextAdded, TodosReported)


class SessionReader:
    """Pulls what is new. Everything it gives again after a restart has the same event ids as before."""

    def __init__(
        self, session: Session, project: ProjectName, settled: float = SETTLED, redactor: Redactor | None = None
    ) -> None:
        self.session, self.project = session, project
        self.changed = self._heard = session.changed
        self._latest = 0.0
        self.is_read: bool = False
        """All that was there when it was taken up."""
        self._settled, self._redactor = settled, None if redactor is None else redactor.copy()
        posting = EventLabeler(project.id, project.name, session.id)
        self._main = _Input(session.path, posting, partial(_reader_of, session), self._redactor)
        self._agents = subagents_of(session.path, self._main.reader, self._redactor)
        self._subagents: dict[Path, _Input] = {}
        self._waiting: dict[Path, float] = {}
        self._place_seen = self._number_told = self._number_paused = -1
        self.has_ended: bool = False
        self.is_vouched: bool = False
        """A witness sees its agent live: silence is no end then."""

    @property
    def about(self) -> About:
        return self._main.posting.about

    @property
    def has_build(self) -> bool:
        """Whether the files told of anything."""
        return self._main.posting.has_build

    def pull(self, now: float) -> tuple[list[EventEnvelope], bool]:
        """What came since the last pull, a bounded piece of each file, and whether there is more to pull at once.

        `now` is epoch seconds.
        """
        posted = self._read(self._main)
        more = self._main.more
        if self._agents is not None and not more:
            self._find_subagents(self._agents, now)
            for subagent in self._subagents.values():
                posted += self._read(subagent)
                more = more or subagent.more
        if any(isinstance(one.event, _ACTIVITY) for one in posted):
            self.has_ended = False
        if posted or self._place() != self._place_seen:
            self._place_seen = self._place()
            self.changed = self._written()
            self._heard = self._last_heard(posted)
        self.is_read = self.is_read or not more
        if not more:
            posted += self._end(now)
        return posted, more

    def is_quiet(self, now: float, bound: float) -> bool:
        """The build has ended, and nothing was written for `bound` seconds."""
        return (
            self.has_ended and now - self.changed > bound and not self._pauses(turn_tracker(self._main.reader).end, now)
        )

    # ----------------------------------------------------------------------- files

    def _read(self, source: _Input) -> list[EventEnvelope]:
        posted = list(source.read())
        if self._agents is not None:
            self._agents.heard(source.reader, (one.event for one in posted))
        return posted

    def _find_subagents(self, agents: Subagents, now: float) -> None:
        """New files, each under its call. One whose call is not known waits a while for it."""
        for path, call_id in agents.new():
            since = self._waiting.setdefault(path, now)
            if not call_id and now - since < ORPHANED:
                continue
            del self._waiting[path]
            posting = EventLabeler(*self._identity(), fixed=True, source=path.stem, is_subagent=True)
            self._subagents[path] = _Input(path, posting, agents.take(path, call_id), self._redactor)

    def _identity(self) -> tuple[str, str, str]:
        return self.project.id, self.project.name, self.about.session_id

    # ----------------------------------------------------------------------- ends

    def _place(self) -> int:
        """How far the files were read."""
        return sum(source.tail.offset for source in (self._main, *self._subagents.values()))

    def _written(self) -> float:
        """When any of the files was last written, epoch seconds."""
        moments: list[float] = []
        for source in (self._main, *self._subagents.values()):
            try:
                moments.append(source.tail.path.stat().st_mtime)
            except OSError:
                continue
        return max(moments, default=self.changed)

    def _last_heard(self, posted: Iterable[EventEnvelope]) -> float:
        """Epoch seconds: when the file was written, or its last event where it was copied before it was read here."""
        if self.is_read:
            return self.changed
        self._latest = max([self._latest, *(one.at / 1000 for one in posted if one.at is not None)])
        is_copied = 0 < self._latest < self.changed - COPIED
        return self._latest if is_copied else self.changed

    def _end(self, now: float) -> Iterator[EventEnvelope]:
        """The end of the turn, as soon as its file says so; what only looks like an end when silence bears it out."""
        silence, end = now - self._heard, turn_tracker(self._main.reader).end
        if self.has_ended or not self._main.posting.has_build:
            yield from self._paused(end, now)
            return
        if end is not None and (end.certain or silence >= self._settled):
            event = TurnEnded(end.outcome, end.summary, end.error, "file" if end.certain else "silence")
        elif silence >= SILENT and not self.is_vouched:
            why = f"nothing written for {SILENT / 60:.0f} min"
            event = BuildEnded("interrupted", error=why, source="silence")
        else:
            return
        self.has_ended = True
        yield from self._turn_events(event, (end and end.at) or millis(self._heard * 1000))
        yield from self._paused(end, now)

    def _paused(self, end: TurnEnd | None, now: float) -> Iterator[EventEnvelope]:
        """After a turn the agent waits, to go on by itself; and waits no longer."""
        number, pauses = turn_tracker(self._main.reader).number, self._pauses(end, now)
        if end is not None and pauses and self._number_paused != number:
            self._number_paused = number
            waits = ActivityReported("waiting-machine", end.waits, end.until, "file")
            yield EventEnvelope(self.about, waits, f"wait-{number}", end.at)
        elif end is not None and not pauses and self._number_paused == number:
            self._number_paused = -1
            yield EventEnvelope(self.about, ActivityReported("idle", source="file"), f"rest-{number}", int(now * 1000))

    def _pauses(self, end: TurnEnd | None, now: float) -> bool:
        if end is None or not end.waits:
            return False
        until = self._heard + SILENT if end.until is None else end.until / 1000 + LATE
        return now < until

    def _turn_events(self, event: TurnEnded | BuildEnded, at: Millis | None) -> Iterator[EventEnvelope]:
        """With ids of the turn: whoever reads the files anew tells the same."""
        number = turn_tracker(self._main.reader).number
        masked = None if self._redactor is None else self._redactor.news()
        if masked is not None:
            yield EventEnvelope(self.about, masked, f"masked-{number}-{self._place()}", at)
        again = f"-{self._place()}" if number == self._number_told else ""
        self._number_told = number
        yield EventEnvelope(self.about, event, f"end-{event.outcome}-{number}{again}", at)


def _reader_of(session: Session) -> Reader:
    """A compressed file is unpacked on the way."""
    wanted = _format_of(session.agent)
    return AutoReader(wanted) if session.path.suffix == PACKED else new_reader(wanted)


def _format_of(agent: str) -> str:
    files = agent_kind(agent).sessions
    return agent if files is None else files().format


def turn_tracker(reader: Reader) -> TurnTracker:
    """How the turn stands in what this reader has read; one that never ends for a reader that does not tell."""
    turn = getattr(innermost(reader), "turn", None)
    return turn if isinstance(turn, TurnTracker) else TurnTracker()


class _Input:
    """One file with its reader."""

    def __init__(
        self, path: Path, posting: EventLabeler, make: Callable[[], Reader], redactor: Redactor | None
    ) -> None:
        self.tail, self.posting = Tail(path), posting
        self.more = False
        self._make, self._redactor = make, redactor
        self._is_document = path.suffix == ".json"
        self.reader = self._new_reader()

    def _new_reader(self) -> Reader:
        return self._make() if self._redactor is None else Redacted(self._make(), self._redactor)

    def read(self) -> Iterator[EventEnvelope]:
        grown = self.tail.look()
        self.more = grown.more
        if grown.restarted or (self._is_document and grown.data):
            self.posting = self.posting.again()
            self.reader = self._new_reader()
        if self._is_document and grown.data and not grown.more:
            yield from self.posting.label(self._document(), past=True)
        elif grown.data and not self._is_document:
            yield from self.posting.label(self.reader.feed(grown.data), past=True)
        if not grown.more:
            yield from self.posting.rest()

    def _document(self) -> list[Reported]:
        """The whole file, which is written anew whenever it grows; nothing while it is being written."""
        try:
            data = self.tail.path.read_bytes()
        except OSError:
            return []
        if not data.rstrip().endswith(b"}"):
            return []
        reports = [*self.reader.feed(data), *self.reader.finish()]
        return [report for report in reports if not isinstance(report.event, BuildEnded | TurnEnded)]
