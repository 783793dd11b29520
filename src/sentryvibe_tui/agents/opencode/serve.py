"""The events of `opencode serve` (`GET /event`, server-sent): several sessions in one stream
(docs/agents.md#opencode)."""

from __future__ import annotations

from ..common.json_lines import JsonLines
from ..common.reader import Counts, Reported, reports_of
from .events import Events


class OpencodeServe:
    """Each root session is a build; those of subagents belong to the call that runs them."""

    def __init__(self) -> None:
        self.counts = Counts()
        self._lines = JsonLines(self.counts)
        self._events = Events(self.counts, "stream")

    def feed(self, data: bytes) -> list[Reported]:
        return reports_of(self._lines.feed(data), self._events.read, self.counts)

    def finish(self) -> list[Reported]:
        reports = reports_of(self._lines.finish(), self._events.read, self.counts)
        left_out, latest = self.counts.left_out(), self._events.latest()
        if left_out is not None and latest:
            reports.append(Reported(left_out, None, latest))
        return [*reports, *self._events.finish()]
