"""A build in one row: what a list, the builds feed and a status line say of it (docs/protocol.md#rows-of-builds)."""

from __future__ import annotations

from msgspec import Struct

from .activity import Activity, Option, Request, RequestKind
from .progress import progress
from .state import BuildState, Millis, Status
from .usage import Usage

REQUESTS = 8
"""Open requests in a summary at most, the oldest first."""
TITLE_LIMIT = 300
"""Characters of a title."""


class BuildKey(Struct, frozen=True, rename="camel"):
    """Which build: one durable log each."""

    project_id: str
    session_id: str
    build_id: str


class OpenRequest(Struct, frozen=True, rename="camel"):
    """What a person is asked, without what the agent hands to its tool; else as `activity.Request`."""

    id: str
    kind: RequestKind = "permission"
    title: str = ""
    tool: str = ""
    tool_call_id: str = ""
    reason: str = ""
    options: tuple[Option, ...] = ()
    default_to_no: bool = False
    since: Millis = 0
    answerable: bool = False


class BuildSummary(Struct, frozen=True, rename="camel"):
    """Times are epoch milliseconds.

    `now` says what the agent does or did last, in the words of the screen's NOW row, since `now_since`; `todo` is
    the step that it is at. `error`: why the last failed call failed, or the build. `usage`: tokens, cost and
    context, None is unknown. `host`: the machine of its server, "" for this one. `damaged`: why its log cannot be
    read; "" while nothing is known of that. `open_calls`: how many are under way; `usual_ms`, `p95_ms`: half, and
    95 of 100, of the calls like that of `now` ended within that time.
    """

    project_id: str
    session_id: str
    build_id: str
    project_name: str = ""
    status: Status = "active"
    activity: Activity = Activity()
    requests: tuple[OpenRequest, ...] = ()
    agent_id: str = ""
    model: str = ""
    title: str = ""
    todo: str = ""
    now: str = ""
    now_since: Millis | None = None
    todos_done: int = 0
    todos_total: int = 0
    tools: int = 0
    errors: int = 0
    error: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cost_usd: float | None = None
    cost_estimated: bool = False
    unpriced: str = ""
    context_percent: float | None = None
    branch: str = ""
    cwd: str = ""
    host: str = ""
    started_at: Millis | None = None
    ended_at: Millis | None = None
    last_event_at: Millis | None = None
    version: int = 0
    damaged: str = ""
    open_calls: int = 0
    usual_ms: Millis | None = None
    p95_ms: Millis | None = None

    @property
    def key(self) -> BuildKey:
        return BuildKey(self.project_id, self.session_id, self.build_id)

    @property
    def is_active(self) -> bool:
        return self.status == "active"

    @property
    def is_blank(self) -> bool:
        """Whether it ended before it was asked for anything: there is nothing to see in it."""
        has_words = bool(self.title or self.now or (self.error and self.status == "failed"))
        return not self.is_active and not has_words and not self.tools and self.input_tokens is None

    @property
    def needs_input(self) -> str:
        """What the agent has waited for longest, "" when for no person."""
        return self.requests[0].title if self.requests else ""

    @property
    def usage(self) -> Usage:
        return Usage(
            self.input_tokens,
            self.output_tokens,
            self.cache_read_tokens,
            self.cost_usd,
            self.context_percent,
            cost_estimated=self.cost_estimated,
            unpriced=self.unpriced,
        )


class Doing(Struct, frozen=True):
    """What an agent does or did last, in words that are safe to show: see `BuildSummary`."""

    todo: str = ""
    now: str = ""
    since: Millis | None = None
    error: str = ""
    open_calls: int = 0
    usual_ms: Millis | None = None
    p95_ms: Millis | None = None


def summarized(state: BuildState, doing: Doing, key: BuildKey | None = None) -> BuildSummary:
    """The row of a build in `state`, `doing` what `agents.doing` says of it. `key`: where it is kept."""
    key = key or BuildKey(state.project_id, state.session_id, state.id)
    agent, usage, far = state.agent, state.usage, progress(state)
    return BuildSummary(
        key.project_id,
        key.session_id,
        key.build_id,
        agent.project_name,
        state.status,
        state.activity,
        tuple(map(open_request, state.requests[:REQUESTS])),
        agent.agent_id,
        agent.model,
        agent.title[:TITLE_LIMIT],
        doing.todo,
        doing.now,
        doing.since,
        far.done,
        far.total,
        state.tool_count,
        state.error_count,
        doing.error,
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read_tokens,
        usage.cost_usd,
        usage.cost_estimated,
        usage.unpriced,
        usage.context_percent,
        agent.branch,
        agent.cwd,
        started_at=state.started_at,
        ended_at=state.ended_at,
        last_event_at=state.last_event_at,
        version=state.version,
        open_calls=doing.open_calls,
        usual_ms=doing.usual_ms,
        p95_ms=doing.p95_ms,
    )


def open_request(request: Request) -> OpenRequest:
    return OpenRequest(
        request.id,
        request.kind,
        request.title,
        request.tool,
        request.tool_call_id,
        request.reason,
        request.options,
        request.default_to_no,
        request.since,
        request.answerable,
    )
