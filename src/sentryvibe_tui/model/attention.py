"""Which change of a build deserves a person's attention: the one rule for bells, notices and `notify_command`. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from .questions import asked_words
from .requests import is_seen_only
from .state import Millis
from .summary import BuildKey, BuildSummary, OpenRequest
from .text import clean_line

AttentionKind = Literal["needs-input", "completed", "failed", "cancelled", "interrupted"]

TEXT_LIMIT = 200
FRESH: Millis = 10 * 60_000
"""What happened longer ago is history that is read just now, and no news."""
STANDING: Millis = 3_000
"""A question that was asked longer ago than this is told once it has stood so long here, too: at the start what is read
first is what was asked, and then that nobody waits for an answer any more."""


class AttentionEvent(Struct, frozen=True, rename="camel"):
    """`id` is the same wherever the change is seen. `text`: the question, the error or the last words; safe to show.

    `at`: epoch milliseconds at the agent. `build`: as it is after the change.
    """

    id: str
    kind: AttentionKind
    text: str
    at: Millis
    build: BuildSummary

    def is_fresh(self, now: Millis) -> bool:
        """Whether it is news at `now`, epoch milliseconds."""
        return now - self.at <= FRESH


def attention(before: BuildSummary | None, now: BuildSummary) -> AttentionEvent | None:
    """The event that lies between two summaries of a build; `before` None: a build that has just appeared.

    A new question, or an end. That an old build appears which has ended already is no news, nor is that an agent is
    closed which was not asked for anything.
    """
    earlier = before.requests if before is not None else ()
    fresh = next((one for one in now.requests if not any(_is_same(one, other) for other in earlier)), None)
    if fresh is not None:
        return _question(now, fresh)
    if before is None or not before.is_active or now.status == "active":
        return None
    if before.activity.kind == "idle" and now.is_blank:
        return None
    ended = now.ended_at or now.last_event_at
    said = now.error if now.status == "failed" else now.now
    return _event(now, now.status, said, ended, str(ended))


def _is_same(now: OpenRequest, earlier: OpenRequest) -> bool:
    """Whether it is the question of before: ids come again, and a source that knows more takes a witness' place."""
    if now.tool_call_id and earlier.tool_call_id:
        return now.tool_call_id == earlier.tool_call_id
    return (earlier.id == now.id or is_seen_only(earlier.id)) and now.since <= earlier.since


def _question(build: BuildSummary, request: OpenRequest) -> AttentionEvent:
    what = request.tool_call_id or f"{request.id}/{request.since}"
    return _event(build, "needs-input", asked_words(request.title), request.since or build.last_event_at, what)


def _event(build: BuildSummary, kind: AttentionKind, text: str, at: Millis | None, what: str) -> AttentionEvent:
    ident = "/".join((build.project_id, build.session_id, build.build_id, kind, what))
    return AttentionEvent(ident, kind, clean_line(text, TEXT_LIMIT), at or 0, build)


class Attention:
    """The builds as they were seen last; tells the events that a change brings. `now` is epoch milliseconds."""

    def __init__(self) -> None:
        self._rows: dict[BuildKey, BuildSummary] = {}
        self._late: list[tuple[Millis, AttentionEvent]] = []
        """Questions that were asked a while ago, and when each was heard of."""

    def listed(self, builds: Sequence[BuildSummary], now: Millis) -> list[AttentionEvent]:
        """All builds, at first or after an absence: what was seen before and is another now counts, the rest not."""
        events = [event for build in builds if build.key in self._rows and (event := self._event(build))]
        self._rows = {build.key: build for build in builds}
        return self._at_once(events, now)

    def changed(self, builds: Sequence[BuildSummary], now: Millis) -> list[AttentionEvent]:
        """Builds that have changed, or are new."""
        events = [event for build in builds if (event := self._event(build))]
        self._rows.update((build.key, build) for build in builds)
        return self._at_once(events, now)

    def late(self, now: Millis) -> list[AttentionEvent]:
        """Questions that were heard of late, and are open still."""
        due = [event for heard, event in self._late if now - heard >= STANDING]
        if due:
            self._late = [one for one in self._late if now - one[0] < STANDING]
        return [event for event in due if self._is_open(event)]

    def _event(self, build: BuildSummary) -> AttentionEvent | None:
        return attention(self._rows.get(build.key), build)

    def _at_once(self, events: list[AttentionEvent], now: Millis) -> list[AttentionEvent]:
        is_late = [event.kind == "needs-input" and now - event.at > STANDING for event in events]
        self._late += [(now, event) for event, late in zip(events, is_late, strict=True) if late]
        return [event for event, late in zip(events, is_late, strict=True) if not late]

    def _is_open(self, event: AttentionEvent) -> bool:
        build = self._rows.get(event.build.key)
        return build is not None and any(_question(build, one).id == event.id for one in build.requests)
