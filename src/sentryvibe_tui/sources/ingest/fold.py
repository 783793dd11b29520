"""A session file of an agent as a state, without any server: read, and read on while it grows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ...agents.detect import AutoReader
from ...agents.redact import Redactor
from ...model.reducer import reduce
from ...model.state import BuildState, Millis
from ...model.updates import Entry
from ...wire.envelope import EventEnvelope
from ...wire.projects import ProjectName
from ..event_ids import EventLabeler
from ..follow.session_reader import turn_tracker
from ..sessions import Roots
from .input import AgentInput

PIECE = 256 * 1024
SETTLED, CERTAIN = 60.0, 1.0
"""Seconds of silence after which a file is taken for all that there is, and so says how its build ended; the second
when it says that a turn is over."""


class SessionFold:
    """The build of the session file `path`. `now`: epoch seconds."""

    def __init__(
        self,
        path: Path,
        project: ProjectName,
        redactor: Redactor | None,
        roots: Roots,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.state = BuildState()
        self._path, self._now = path, now
        self._labels = EventLabeler(project.id, project.name, path.stem)
        self._reader = AutoReader("")
        self._input = AgentInput(self._reader, self._labels, path, redactor, roots)
        self._offset, self._is_finished = 0, False

    def read(self) -> list[tuple[BuildState, Entry]]:
        """What has come since the last look, each with the state that it led to. Raises OSError, UnknownFormat."""
        entries = [entry for piece in self._pieces() for entry in self._folded(self._input.feed(piece))]
        if not entries and not self._is_finished and self._is_over():
            self._is_finished = True
            entries += self._folded(self._parts())
            entries += self._folded(self._input.finish())
        return entries

    def _is_over(self) -> bool:
        end = turn_tracker(self._reader).end
        patience = CERTAIN if end is not None and end.certain else SETTLED
        return self._now() - self._path.stat().st_mtime > patience

    def _pieces(self) -> Iterator[bytes]:
        with self._path.open("rb") as file:
            file.seek(self._offset)
            while piece := file.read(PIECE):
                self._offset += len(piece)
                yield piece

    def _parts(self) -> Iterator[EventEnvelope]:
        """What subagents' files say, those of subagents' subagents included."""
        while parts := list(self._input.subagents()):
            for path, part in parts:
                yield from part.feed(path.read_bytes())
                yield from part.finish()

    def _folded(self, events: Iterable[EventEnvelope]) -> Iterator[tuple[BuildState, Entry]]:
        for posted in events:
            state, entry = reduce(self.state, posted.event, self._at(posted), posted.about)
            if entry is not None:
                self.state = state
                yield state, entry

    def _at(self, posted: EventEnvelope) -> Millis:
        return posted.at if posted.at is not None else self.state.last_event_at or round(self._now() * 1000)
