"""What readers of one JSON object after another have in common: session, start, counts and end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

from ...model.events import BuildEvent, BuildStarted
from ...model.state import Millis
from .json_lines import JsonLines
from .reader import Counts, Reported, reports_of
from .values import Record, time


class RecordReader(ABC):
    """A format says what a record means (`_events`), and how the build stands when the input ends (`_end`)."""

    def __init__(self) -> None:
        self.counts = Counts()
        self._lines = JsonLines(self.counts)
        self._session = ""
        self._started = False

    def feed(self, data: bytes) -> list[Reported]:
        return reports_of(self._lines.feed(data), self._read, self.counts)

    def finish(self) -> list[Reported]:
        reports = reports_of(self._lines.finish(), self._read, self.counts)
        left_out = self.counts.left_out()
        if left_out is not None:
            reports.append(Reported(left_out, None, self._session))
        return [*reports, Reported(self._end(), None, self._session)]

    def _read(self, record: Record) -> Iterator[Reported]:
        at = self._time(record)
        for event in self._events(record):
            if not self._started:
                self._started = True
                yield Reported(BuildStarted(), at, self._session)
            yield Reported(event, at, self._session)

    def _time(self, record: Record) -> Millis | None:
        return time(record)

    @abstractmethod
    def _events(self, record: Record) -> Iterator[BuildEvent]: ...

    @abstractmethod
    def _end(self) -> BuildEvent: ...
