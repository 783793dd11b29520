"""Builds as a server's feed tells of them, made by hand."""

import asyncio

from sentryvibe_tui.client.fleet import FleetEvent, ServerBuilds, ServerLink
from sentryvibe_tui.client.watching import LinkChanged, LinkStatus
from sentryvibe_tui.model.activity import Activity, Option
from sentryvibe_tui.model.state import BuildState
from sentryvibe_tui.model.summary import BuildSummary, OpenRequest
from sentryvibe_tui.tui.overview.triage import AgentRow

NOW = 1_763_812_860_000
MIDNIGHT = NOW - 12 * 3_600_000
SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000


def build(name: str, kind: str = "working", ago: int = 10 * SECOND, **more) -> BuildSummary:
    """Build `name`, whose agent has been at what it does for `ago` milliseconds."""
    fields = {
        "project_name": name,
        "activity": Activity(kind, NOW - ago),
        "agent_id": "claude-code",
        "started_at": NOW - HOUR,
        "last_event_at": NOW - ago,
        "now": "Edit src/auth.ts",
    }
    if kind == "waiting-person":
        fields["requests"] = (OpenRequest("r1", "permission", "Bash npm install", "Bash", since=NOW - ago),)
    if kind in ("ended", "idle") and "status" not in more:
        fields |= {"status": "completed", "ended_at": NOW - ago}
    return BuildSummary(f"p-{name}", f"s-{name}", f"b-{name}", **(fields | more))


def row(name: str, kind: str = "working", ago: int = 10 * SECOND, host: str = "", **more) -> AgentRow:
    return AgentRow(f"http://{host or 'here'}", build(name, kind, ago, host=host, **more), host or "this machine")


class Script:
    """A fleet whose events a test tells; the builds of `states` can be read."""

    def __init__(self, *events: FleetEvent, states: dict[str, BuildState] | None = None) -> None:
        self.told: asyncio.Queue[FleetEvent] = asyncio.Queue()
        for event in events:
            self.told.put_nowait(event)
        self.states = states or {}
        self.retried = 0
        self.watched: list[BuildSummary] = []

    async def events(self):
        while True:
            yield await self.told.get()

    def retry_now(self) -> None:
        self.retried += 1

    def address_of(self, name: str):
        return getattr(self, "addresses", {}).get(name)

    async def build(self, server: str, key) -> BuildState | None:
        return self.states.get(key.build_id)

    def watch(self, server: str, build: BuildSummary):
        self.watched.append(build)
        return Quiet()

    async def watchers(self):
        return getattr(self, "audience", ())

    def outlook(self) -> tuple[str, ...]:
        return ("No agent is at work here.", "looked in ~/.claude/projects")


class Quiet:
    """A watch of which nothing comes."""

    server = None

    async def events(self):
        yield LinkChanged(LinkStatus("live"))
        await asyncio.Event().wait()

    def retry_now(self) -> None: ...

    async def builds(self) -> tuple[BuildSummary, ...]:
        return ()

    async def build(self, session_id: str, build_id: str) -> BuildState | None:
        return None

    async def watchers(self):
        return getattr(self, "audience", ())

    async def whole_tool(self, session_id: str, tool_id: str):
        return None, None


HERE = "http://here"


def fleet_of(rows) -> Script:
    """Servers with these rows, all linked."""
    events: list[FleetEvent] = []
    for server, host in dict.fromkeys((one.server, one.host) for one in rows):
        events.append(ServerLink(server, host, LinkStatus("live")))
        builds = tuple(one.build for one in rows if one.server == server)
        events.append(ServerBuilds(server, builds))
    return Script(*events)


def many() -> list[AgentRow]:
    """Agents of several vendors in every state there is."""
    ask = OpenRequest("q", "question", "Which database should I use?", "AskUserQuestion", since=NOW - 31 * SECOND,
                      options=(Option("1", "Postgres"), Option("2", "SQLite")))  # fmt: skip
    rm = OpenRequest("p", "permission", "Bash rm -rf node_modules && npm install", "Bash", since=NOW - 252 * SECOND,
                     reason="The lockfile is out of step with package.json.")  # fmt: skip
    return [
        row("shop", "waiting-person", requests=(rm,), todos_done=3, todos_total=8, tools=41, errors=1, cost_usd=1.12,
            context_percent=62.0, title="Add a cart", branch="cart", model="claude-sonnet-4-5", cwd="/home/dev/shop",
            input_tokens=812_000, output_tokens=41_000, error="exit 1"),
        row("landing", "waiting-person", requests=(ask,), agent_id="openai-codex", todos_done=1, todos_total=5,
            tools=12, context_percent=18.0, cost_usd=0.2, cost_estimated=True, title="A landing page",
            model="gpt-5.2-codex", cwd="/home/dev/landing", branch="main", input_tokens=120_000, output_tokens=3_000),
        row("api", "ended", status="failed", ended_at=NOW - 122 * SECOND, error="API Error: 529 overloaded, 10 retries",
            todos_done=6, todos_total=9, tools=84, errors=3, context_percent=91.0, cost_usd=3.4, title="Rate limits",
            model="claude-opus-4-5", branch="limits"),
        row("blog", "working", 400 * SECOND, now="Bash npm test", now_since=NOW - 400 * SECOND, p95_ms=58_000,
            usual_ms=22_000, open_calls=1, todos_done=2, todos_total=4, tools=33, context_percent=40.0, cost_usd=0.88),
        row("mobile-app", "working", 2 * SECOND, now="Edit src/auth.ts", now_since=NOW - 12 * SECOND, open_calls=1,
            todos_done=5, todos_total=9, tools=61, context_percent=55.0, cost_usd=2.1, title="Log in with a passkey"),
        row("docs", "working", 3 * SECOND, agent_id="opencode", now="Read README.md", now_since=NOW - 3 * SECOND,
            tools=9, cost_usd=0.04, open_calls=1),
        row("infra", "waiting-machine", 190 * SECOND, todos_done=7, todos_total=8, tools=50, context_percent=71.0,
            cost_usd=1.77, activity=Activity("waiting-machine", NOW - 190 * SECOND, "terraform apply")),
        row("scripts", "idle", 18 * MINUTE, agent_id="openai-codex", now="Done: the cron job is in place.",
            todos_done=4, todos_total=4, tools=22, context_percent=12.0, cost_usd=0.31, cost_estimated=True),
        *(row(f"old{n}", "ended", HOUR + n * MINUTE, now="All tests pass.", tools=5, cost_usd=0.3) for n in range(10)),
        row("stopped", "ended", HOUR, status="interrupted", tools=5),
        row("broken", "ended", HOUR, damaged="the log cannot be read"),
    ]  # fmt: skip
