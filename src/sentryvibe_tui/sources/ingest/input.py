"""An input with what belongs to it but lies elsewhere: its subagents' files, and what only a rollout file tells."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ...agents.common.reader import Reader, Reported
from ...agents.common.subagents import Subagents
from ...agents.redact import Redacted, Redactor
from ...model.facts import BuildEnded, Noticed
from ...wire.envelope import EventEnvelope
from ..event_ids import EventLabeler
from ..sessions import Roots, companions, subagents_of


class AgentInput:
    """One input and its build. `path`: the file that it is, None for a pipe. `roots`: where agents keep sessions."""

    def __init__(
        self, reader: Reader, posting: EventLabeler, path: Path | None, redactor: Redactor | None, roots: Roots
    ) -> None:
        self.posting = posting
        self._redactor, self._roots = redactor, roots
        self._reader = reader if redactor is None else Redacted(reader, redactor)
        self._path, self._is_past = path, path is not None
        self._companions = companions(roots)
        self._subagents: Subagents | None = None

    def feed(self, data: bytes) -> Iterator[EventEnvelope]:
        yield from self._posted(self._reader.feed(data))

    def subagents(self) -> Iterator[tuple[Path, AgentInput]]:
        """Files of subagents whose calls were seen, each once; when there are none, those that no call is known of.

        To be asked again after they were read: they may call others in turn.
        """
        agents = self._subagents
        if agents is None:
            return
        new = agents.new()
        for path, call_id in [one for one in new if one[1]] or new:
            about = self.posting.about
            identity = about.project_id, about.agent.project_name, about.session_id
            posting = EventLabeler(*identity, fixed=True, source=path.stem, is_subagent=True)
            part = AgentInput(agents.take(path, call_id)(), posting, path, self._redactor, self._roots)
            part._subagents = agents
            yield path, part

    def finish(self) -> Iterator[EventEnvelope]:
        """Nothing when no build began: a file may hold only what was put aside for one."""
        reports = self._reader.finish()
        if self.posting.has_build or not all(map(_is_nothing, reports)):
            yield from self._posted(reports)
        yield from self.posting.rest()

    def _posted(self, reports: list[Reported]) -> Iterator[EventEnvelope]:
        for companion in self._companions:
            companion.heard(reports)
        self._note_calls(reports)
        yield from self.posting.label(reports, past=self._is_past)
        for companion in self._companions:
            for found in companion.look():
                yield self.posting.side_event(found, past=self._is_past)

    def _note_calls(self, reports: Iterable[Reported]) -> None:
        if self._path is not None and self._subagents is None:
            self._subagents = subagents_of(self._path, self._reader, self._redactor)
        if self._subagents is not None:
            self._subagents.heard(self._reader, (report.event for report in reports))


def _is_nothing(report: Reported) -> bool:
    event = report.event
    return isinstance(event, Noticed) or (isinstance(event, BuildEnded) and event.outcome == "interrupted")
