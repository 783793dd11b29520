"""The AI SDK's UI message stream, and the original runner's build events (docs/agents.md#ai-sdk-parts)."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Raw
from msgspec.structs import replace

from ..errors import BadJson
from ..model.events import BuildEvent, BuildStarted, Ignored, TextAdded
from ..model.facts import AgentReported, BuildEnded, InputNeeded, Noticed
from ..model.state import Agent
from ..wire.envelope import decode_event, decode_posted
from ..wire.json import encode
from .common.json_lines import JsonLines
from .common.reader import Counts, Reported, reports_of
from .common.records import RecordReader
from .common.values import Record, text, value

_QUIET = ("data-", "source-", "file", "ping")
_ENDS = frozenset({"build-completed", "build-failed", "build-cancelled", "build-interrupted"})


class AiSdk(RecordReader):
    """One stream. `finish` ends a message, and the build too when the stream has steps, as the SDK's own has."""

    def __init__(self) -> None:
        super().__init__()
        self._outcome = BuildEnded("interrupted")
        self._blocks = 0
        self._steps = False
        self._notes: dict[str, str] = {}

    def _end(self) -> BuildEnded:
        return self._outcome

    def _events(self, record: Record) -> Iterator[BuildEvent]:
        kind = text(record, "type")
        if kind == "finish":
            if self._steps:
                self._outcome = BuildEnded("completed")
            return
        if kind in ("text-start", "reasoning-start"):
            self._blocks += 1
            self._notes[text(record, "id")] = f"block-{self._blocks}"
            return
        if kind == "tool-approval-request":
            yield InputNeeded(text(record, "reason") or "permission needed")
            return
        if kind == "tool-approval-response":
            yield InputNeeded("")
            return
        if (kind.startswith(_QUIET) and kind != "data-reasoning") or record.get("preliminary") is True:
            return
        if kind == "tool-input-error" and "input" in record:
            yield from self._decoded(record | {"type": "tool-input-available"})
        self._steps = self._steps or kind in ("start-step", "finish-step")
        yield from self._decoded(record)

    def _decoded(self, record: Record) -> Iterator[BuildEvent]:
        kind = text(record, "type")
        try:
            event = decode_event(Raw(encode(_shaped(record))))
        except BadJson:
            self.counts.add_unknown(kind or "no type")
            return
        yield from self._with_end(event, kind)

    def _with_end(self, event: BuildEvent, kind: str) -> Iterator[BuildEvent]:
        if isinstance(event, BuildEnded):
            self._outcome = event
        elif isinstance(event, TextAdded):
            yield replace(event, id=self._notes.get(event.id, event.id))
        elif isinstance(event, Noticed) and kind == "error":
            self._outcome = BuildEnded("failed", error=event.message)
            yield event
        elif not isinstance(event, Ignored | BuildStarted):
            self._outcome = BuildEnded("interrupted") if kind not in _ENDS else self._outcome
            yield event


def _shaped(record: Record) -> Record:
    """The SDK's spellings in the original's: `errorText` of an error, and data in values as labels."""
    if text(record, "type") == "error" and "errorText" in record:
        return record | {"message": text(record, "errorText")}
    parts = {key: value(record[key]) for key in ("input", "output", "args", "result") if record.get(key) is not None}
    return record | parts if parts else record


class BuildEvents:
    """Recorded posts to `/api/build-events`, one object a line."""

    def __init__(self) -> None:
        self.counts = Counts()
        self._lines = JsonLines(self.counts)
        self._ended: dict[str, bool] = {}
        self._agents: dict[str, Agent] = {}

    def feed(self, data: bytes) -> list[Reported]:
        return reports_of(self._lines.feed(data), self._read, self.counts)

    def finish(self) -> list[Reported]:
        reports = reports_of(self._lines.finish(), self._read, self.counts)
        left_out = self.counts.left_out()
        names = list(self._ended)
        if left_out is not None and names:
            reports.append(Reported(left_out, None, names[-1]))
        open_ones = [name for name, ended in self._ended.items() if not ended]
        return [*reports, *(Reported(BuildEnded("interrupted"), None, name) for name in open_ones)]

    def _read(self, record: Record) -> Iterator[Reported]:
        try:
            (posted,) = decode_posted(encode(record))
        except BadJson as error:
            self.counts.refuse(f"line {self._lines.number}: {error}")
            return
        name, event = posted.about.build_id or posted.about.session_id, posted.event
        agent = posted.about.agent
        if agent != self._agents.get(name, Agent()):
            self._agents[name] = agent
            yield Reported(AgentReported(agent), posted.at, name)
        if isinstance(event, BuildEnded):
            self._ended[name] = True
        elif not isinstance(event, Ignored):
            self._ended[name] = False
        yield Reported(event, posted.at, name)
