"""A reader whose reports are masked. Streamed text goes on where nothing can be half a secret."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import takewhile
from operator import eq

from msgspec import Struct
from msgspec.structs import replace

from ...model.events import TextAdded
from ...model.facts import BuildEnded, TurnEnded
from ..common.reader import Reader, Reported
from .redactor import Redactor

_GROWING = 64
"""Notes that grow at the same time; of more, the one that was silent for longest is done."""


class _Note(Struct, frozen=True):
    """The end of a note that grows: `text` may be part of a secret; its beginning `shown` was passed on, unmasked."""

    report: Reported
    event: TextAdded
    text: str
    output: str = ""


class Redacted:
    """What `reader` reports, without its secrets."""

    def __init__(self, reader: Reader, redactor: Redactor) -> None:
        self.counts = reader.counts
        self.inner = reader
        self._redactor = redactor
        self._notes: dict[str, _Note] = {}
        self._grew = ""
        """The note that grew last."""

    def feed(self, data: bytes) -> list[Reported]:
        reports = list(self._redact(self.inner.feed(data)))
        self.counts = self.inner.counts
        return reports

    def finish(self) -> list[Reported]:
        reports = list(self._redact([*self.inner.finish()]))
        return [*reports, *self._let_go(), *self._news(reports[-1].session if reports else "")]

    def _redact(self, reports: Iterable[Reported]) -> Iterator[Reported]:
        for report in reports:
            event = report.event
            if isinstance(event, TextAdded) and not event.whole:
                yield from self._grown(report, event)
                continue
            is_told = isinstance(event, TextAdded) and event.id == self._grew
            if isinstance(event, TextAdded):
                self._notes.pop(event.id, None)
            yield from self._let_go() if isinstance(event, BuildEnded | TurnEnded) else self._show_harmless()
            report_out = self._redacted_report(report, self._redactor.copy() if is_told else self._redactor)
            if isinstance(event, BuildEnded | TurnEnded):
                yield from self._news(report.session)
            yield report_out

    def _news(self, session: str) -> Iterator[Reported]:
        """The end of a build tells what was masked in it."""
        news = self._redactor.news()
        if news is not None:
            yield Reported(news, None, session)

    def _grown(self, report: Reported, event: TextAdded) -> Iterator[Reported]:
        """Passes on what is settled; what may be the beginning of a secret waits for its rest."""
        self._grew = event.id
        before = self._notes.pop(event.id, None)
        yield from self._show_harmless()
        text, output = (before.text, before.output) if before else ("", "")
        text += event.text
        told, waits = self._redactor.grown(text)
        settled = len(text) - len(waits)
        yield from self._tell(report, event, told, output[:settled])
        self._notes[event.id] = _Note(report, event, waits, output[settled:])
        if len(self._notes) > _GROWING:
            yield from self._end(next(iter(self._notes)))

    def _tell(self, report: Reported, event: TextAdded, text: str, output: str) -> Iterator[Reported]:
        """What of a masked text was not shown yet."""
        new = text[sum(takewhile(bool, map(eq, text, output))) :]
        if new:
            own, parent = self._redactor.identity(event.id), self._redactor.identity(event.parent_id)
            yield replace(report, event=replace(event, id=own, parent_id=parent, text=new))

    def _show_harmless(self) -> Iterator[Reported]:
        """Something else happened: nobody waits for a last word that looks like any other. It may go on yet."""
        for name, note in self._notes.items():
            if note.text != note.output and not self._redactor.suspects(note.text):
                yield from self._tell(note.report, note.event, note.text, note.output)
                self._notes[name] = replace(note, output=note.text)

    def _let_go(self) -> Iterator[Reported]:
        for name in [*self._notes]:
            yield from self._end(name)

    def _end(self, name: str) -> Iterator[Reported]:
        note = self._notes.pop(name)
        yield from self._tell(note.report, note.event, self._redactor.text(note.text), note.output)

    def _redacted_report(self, report: Reported, redactor: Redactor) -> Reported:
        event = redactor.event(report.event)
        return report if event is report.event else replace(report, event=event)
