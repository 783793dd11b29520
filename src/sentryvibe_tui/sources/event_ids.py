"""Which build each reported event belongs to, and its identity there: the same input always posts the same events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from zlib import crc32

from msgspec.structs import replace

from ..agents.common.reader import Reported
from ..model.events import About, BuildEvent, ToolEnded, ToolStarted, UsageReported
from ..model.facts import AgentReported, BuildEnded, Noticed, TurnEnded
from ..model.state import Agent, Millis, Outcome
from ..wire.envelope import EventEnvelope
from ..wire.ids import is_id, with_usable_ids
from ..wire.json import encode

NAMED = 4_096
"""The latest calls of an input, whose names are kept for their ends."""
TIMELESS = 1_000
"""Events at the beginning of a file that wait for a first time; a file with more of them has none."""


class EventLabeler:
    """Labels the events of one input.

    A build's id is the agent's own session id, so that reading an input again, or more of it, adds only what is new;
    `session` stands in for it where the agent tells none, and replaces it when `fixed`. An `event_id` is the event's
    number in its build and a check sum of its content: another input that tells of the same build never passes for a
    repeat of this one. An end's sums up what it ends, too: the same end after more work is another one. `source` tells
    inputs of one build apart; what a subagent's used is told under that name.
    """

    def __init__(
        self,
        project_id: str,
        project_name: str,
        session: str,
        *,
        fixed: bool = False,
        source: str = "",
        is_subagent: bool = False,
    ) -> None:
        self._project_id, self._project_name = project_id, project_name
        self._first, self._session, self._fixed, self._source = session, session, fixed, source
        self._part = source if is_subagent else ""
        self._numbers: Counter[str] = Counter()
        self._before: Counter[str] = Counter()
        self._open = False
        self._latest: Millis | None = None
        self._timeless: list[BuildEvent] = []
        self._names: dict[str, str] = {}
        self.about: About = self._about()
        """The build of the latest event."""
        self.outcome: Outcome | None = None
        """How the latest build ended; None while it goes on."""

    @property
    def has_build(self) -> bool:
        """Whether there was any event."""
        return self._open or self.outcome is not None or bool(self._timeless)

    def label(self, reported: Iterable[Reported], *, past: bool = False) -> Iterator[EventEnvelope]:
        """`past`: what has no time of its own happened when the agent was last heard, or first, but not now."""
        for report in reported:
            if is_id(report.session) and report.session != self._session and not self._fixed:
                yield from self.ended("interrupted", "another build began in the same input")
                self._session, self._latest = report.session, None
                self.about = self._about()
            if report.at is not None:
                self._latest = max(self._latest or 0, report.at)
                yield from self.rest()
                yield self._posted(report.event, report.at)
            elif not past:
                yield self._posted(report.event, None)
            elif self._latest is not None:
                yield self._posted(report.event, self._latest)
            else:
                self._timeless.append(report.event)
                if len(self._timeless) >= TIMELESS:
                    yield from self.rest()

    def rest(self) -> Iterator[EventEnvelope]:
        """What waits for the first time that the input tells. Its ids are the same whether one came or not."""
        timeless, self._timeless = self._timeless, []
        for event in timeless:
            yield replace(self._posted(event, None), at=self._latest)

    def _about(self) -> About:
        return About(self._project_id, self._session, self._session, Agent(project_name=self._project_name))

    def fix(self) -> None:
        """What follows belongs to the present build, whatever session it names."""
        self._fixed = True

    def ended(self, outcome: Outcome, why: str) -> Iterator[EventEnvelope]:
        """The end of a build that has begun and told none."""
        yield from self.rest()
        if self._open:
            yield self._posted(BuildEnded(outcome, error=why), self._latest)

    def _posted(self, event: BuildEvent, at: Millis | None) -> EventEnvelope:
        event = with_usable_ids(event)
        if isinstance(event, UsageReported) and self._part:
            event = replace(event, part=self._part)
        if not (isinstance(event, Noticed) and self.outcome):  # the last word about an input follows its end
            self.outcome = event.outcome if isinstance(event, BuildEnded | TurnEnded) else None
        self._open = self.outcome is None
        if isinstance(event, AgentReported) and not event.agent.project_name:
            event = AgentReported(replace(event.agent, project_name=self._project_name))
        self._numbers[self._session] += 1
        source = f"{self._source}." if self._source else ""
        number = f"{source}{self._numbers[self._session]}"
        content = _check_sum(event, at)
        self._before[self._session] = before = crc32(content.to_bytes(4), self._before[self._session])
        event_id = f"{number}-{before if isinstance(event, BuildEnded | TurnEnded) else content:08x}"
        return EventEnvelope(self.about, self._named(event), event_id, at)

    def _named(self, event: BuildEvent) -> BuildEvent:
        """Ends with the name of their call: an original server shows no others. Ids are those of events without it."""
        if isinstance(event, ToolStarted):
            self._names[event.id] = event.name
            if len(self._names) > NAMED:
                del self._names[next(iter(self._names))]
        elif isinstance(event, ToolEnded) and not event.name and event.id in self._names:
            return replace(event, name=self._names[event.id])
        return event

    def side_event(self, event: BuildEvent, *, past: bool = False) -> EventEnvelope:
        """What was found elsewhere: it takes no number, so that the others have theirs whether it was found or not."""
        at = self._latest if past else None
        return EventEnvelope(self.about, event, f"aside-{_check_sum(event, at):08x}", at)

    def again(self) -> EventLabeler:
        """For the same input read from its start once more."""
        again = EventLabeler(self._project_id, self._project_name, self._first, fixed=self._fixed, source=self._source)
        again._part = self._part
        return again


def _check_sum(event: BuildEvent, at: Millis | None) -> int:
    return crc32(encode((type(event).__name__, at, event)))
