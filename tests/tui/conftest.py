"""A watch told as a script: events go through the real reducer, the clock stands still, the environment is plain."""

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterable

import pytest

for name in ("NO_COLOR", "TEXTUAL_THEME", "TEXTUAL_COLOR_SYSTEM", "COLORTERM", "TEXTUAL_ANIMATIONS"):
    os.environ.pop(name, None)
os.environ["TZ"] = "UTC"
if "PYTEST_XDIST_WORKER" in os.environ:  # the snapshot plugin's master sets this after the workers were started
    os.environ.setdefault("TEXTUAL_SNAPSHOT_TEMPDIR", tempfile.mkdtemp())
time.tzset()

from msgspec.structs import replace  # noqa: E402

from sentryvibe_tui.client.watching import (  # noqa: E402
    BuildSummary,
    CaughtUp,
    Changed,
    LinkChanged,
    LinkStatus,
    SignOfLife,
    Snapshot,
    WatchEvent,
)
from sentryvibe_tui.model.events import (  # noqa: E402
    About,
    ActivityReported,
    BuildEvent,
    BuildStarted,
    TextAdded,
    TodosReported,
    ToolEnded,
    ToolStarted,
    UsageReported,
)
from sentryvibe_tui.model.facts import (  # noqa: E402
    AgentReported,
    BackgroundMoved,
    BuildEnded,
    CodexReported,
    InputNeeded,
    Noticed,
    TodoItem,
    TurnEnded,
)
from sentryvibe_tui.model.reducer import reduce  # noqa: E402
from sentryvibe_tui.model.state import Agent, BuildState, Usage  # noqa: E402
from sentryvibe_tui.tui.app import WatchApp  # noqa: E402
from sentryvibe_tui.tui.build.tally import Tally  # noqa: E402
from sentryvibe_tui.tui.build.view import BuildView  # noqa: E402
from sentryvibe_tui.tui.display import DisplayOptions  # noqa: E402
from sentryvibe_tui.wire.json import raw  # noqa: E402

START = 1_763_812_860_000
"""2025-11-22 12:01:00 UTC."""

CWD = "/home/dev/todo-app"
AGENT = Agent("claude-code", "claude-sonnet-4-5", "todo-app", "initial-build", "Add login with GitHub", CWD)
PLAN = (
    "Scaffold Next.js project",
    "Create Prisma schema",
    "Build todo list UI",
    "API routes for todos",
    "Wire up auth middleware",
    "Add e2e tests",
    "Write README",
    "Final review",
)
ACTIVE = "Wiring up auth middleware"


class Story:
    """Events of one build, each some seconds after the one before."""

    def __init__(self, build: str = "b1", session: str = "s1", agent: Agent = AGENT, start: int = START) -> None:
        self.about = About("todo-app", session, build, agent)
        self.at = start
        self.state = BuildState()
        self.happened: list[Changed] = []
        self._calls = 0

    def tell(self, event: BuildEvent, after: float = 1.0) -> "Story":
        self.at += int(after * 1000)
        self.state, entry = reduce(self.state, event, self.at, self.about)
        if entry is not None:
            self.happened.append(Changed(self.state, entry))
        return self

    def call(
        self, name: str, given: object, back: object = "ok", took: float | None = 0.4, error: bool = False, **more: str
    ) -> str:
        """A call that took `took` seconds, or goes on (None). Returns its id."""
        self._calls += 1
        ident = f"{self.about.build_id}-{self._calls}"
        self.tell(ToolStarted(ident, name, raw(given), **more))
        if took is not None:
            self.tell(ToolEnded(ident, raw(back), error), took)
        return ident

    def plan(self, done: int, texts: tuple[str, ...] = PLAN, active: str = "", **more) -> "Story":
        """The todo list with the first `done` completed and the next in progress."""
        statuses = ["completed"] * done + ["in_progress"] * (done < len(texts))
        statuses += ["pending"] * (len(texts) - len(statuses))
        items = (
            TodoItem(text, status, active if status == "in_progress" else "")
            for text, status in zip(texts, statuses, strict=True)
        )
        return self.tell(TodosReported(tuple(items), **more))

    def text(self, text: str, **more) -> "Story":
        return self.tell(TextAdded(f"n{len(self.happened)}", text, whole=True, **more))


def told_build(ended: bool = False) -> Story:
    """A lively build in the middle of its fifth todo."""
    story = Story()
    story.tell(BuildStarted()).tell(AgentReported(AGENT), 0.1)
    story.text("Add login with GitHub to the todo app and cover it with tests.", kind="prompt")
    story.call("Glob", {"pattern": "**/*.ts"})
    story.call("Read", {"file_path": f"{CWD}/package.json"}, took=0.2)
    story.text(
        "The project uses the app router; I will plan the work.\nThen start with the scaffold.", kind="reasoning"
    )
    story.plan(0)
    story.call("Bash", {"command": "npx create-next-app@latest ."}, took=41)
    story.call("Write", {"file_path": f"{CWD}/src/app/page.tsx", "content": "a\n" * 48})
    story.plan(1)
    story.call("Write", {"file_path": f"{CWD}/prisma/schema.prisma", "content": "m\n" * 31})
    story.call("Bash", {"command": "npx prisma migrate dev"}, "Exit code 1\nError: P1001 can't reach database", 9, True)
    story.call("Bash", {"command": "npx prisma migrate dev --name init"}, took=12)
    story.plan(2)
    for number in range(6):
        story.call(
            "Edit", {"file_path": f"{CWD}/src/ui/part{number}.tsx", "old_string": "a\nb", "new_string": "a\nc\nd"}
        )
    task = story.call("Task", {"description": "Find usages of the session", "subagent_type": "Explore"}, took=None)
    story.call("Grep", {"pattern": "getSession", "path": f"{CWD}/src"}, parent_id=task)
    story.call("Read", {"file_path": f"{CWD}/src/lib/session.ts"}, parent_id=task)
    story.tell(ToolEnded(task, raw("3 usages")), 2)
    story.plan(3)
    story.call("mcp__github__get_issue", {"title": "Login"}, took=1.3)
    story.call("WebFetch", {"url": "https://next-auth.js.org/providers/github"}, took=2.1)
    story.plan(4, active=ACTIVE)
    story.call("Read", {"file_path": f"{CWD}/src/middleware.ts"}, took=0.2)
    story.call("Edit", {"file_path": f"{CWD}/src/middleware.ts", "old_string": "a\n" * 2, "new_string": "b\n" * 34})
    story.text("I will run the **build** to check the types of `getUser()`:\n\n- middleware\n- session helper")
    story.call(
        "Bash",
        {"command": "npm run build"},
        "Exit code 1\nsrc/lib/auth.ts:18:5 - error TS2345: Argument of type string | undefined\n"
        "is not assignable to parameter of type string",
        19,
        True,
    )
    story.text("The session id can be undefined when the cookie has expired; I will narrow it.")
    story.call("Edit", {"file_path": f"{CWD}/src/lib/auth.ts", "old_string": "a", "new_string": "b\nc\nd"})
    story.tell(UsageReported(Usage(812_000, 41_000, 700_000, 1.12, 46.0)), 0.1)
    story.call("Bash", {"command": "npm run build"}, took=31 if ended else None)
    if ended:
        story.plan(len(PLAN))
    return story


class Script:
    """A `Watching` that tells events given beforehand and through `say`."""

    def __init__(self, events: Iterable[WatchEvent], builds: dict[str, BuildState] | None = None) -> None:
        self._queue: asyncio.Queue[WatchEvent] = asyncio.Queue()
        self.others = builds or {}
        self.server = None
        self.retried = 0
        for event in events:
            self._queue.put_nowait(event)

    async def events(self) -> AsyncIterator[WatchEvent]:
        while True:
            yield await self._queue.get()

    def say(self, *events: WatchEvent) -> None:
        for event in events:
            self._queue.put_nowait(event)

    def retry_now(self) -> None:
        self.retried += 1

    async def builds(self) -> tuple[BuildSummary, ...]:
        return tuple(
            BuildSummary(state.project_id, state.session_id, state.id, status=state.status)
            for state in self.others.values()
        )

    async def build(self, session_id: str, build_id: str) -> BuildState | None:
        return self.others.get(build_id)

    async def watchers(self):
        return getattr(self, "audience", ())

    async def whole_tool(self, session_id: str, tool_id: str):
        tool = next(tool for state in self.others.values() if (tool := state.tool(tool_id)))
        return tool.input, tool.output


LIVE = LinkChanged(LinkStatus("live", rtt_ms=38.0))

HOSTILE = "[/] [@click=app.quit]x[/] \x1b]52;c;ZXZpbA==\x07 \x1b[2J \u202egnp.exe \x9b31m [red]r [x='y \x00\x85\u2028"


def watch_app(
    state: BuildState, *more: WatchEvent, now: int | None = None, builds=None, lender=None, **options
) -> WatchApp:
    """The app on one state, 31 seconds after its last event."""
    at = now or (state.last_event_at or START) + 31_000
    events = [LIVE, *([Snapshot(state, "hydrated")] if state.id else []), *more]
    script = Script(events, builds or {state.id: state})
    return WatchApp(script, "todo-app", DisplayOptions(**options), lambda: at, lender)


def without_todos() -> Story:
    story = Story().tell(BuildStarted()).text("Add login with GitHub to the todo app.", kind="prompt")
    for number in range(60):
        took = 0.2 + number * 7 % 23 / 4
        if number % 3 == 0:
            edit = {"file_path": f"{CWD}/src/f{number}.py", "old_string": "a", "new_string": "b\nc"}
            story.call("Edit", edit, took=took)
        else:
            story.call("Bash", {"command": f"pytest tests/test_{number}.py -q"}, took=took)
        if number % 7 == 0:
            story.text(f"Next I look at **module** `f{number}` and what it needs.")
    story.call("Bash", {"command": "pytest"}, took=None)
    return story


def wide_characters() -> Story:
    agent = replace(AGENT, title="ログイン機能を追加 🚀", project_name="待办事项应用程序")
    texts = (
        "脚手架项目 Next.js 并配置所有依赖项和环境变量以便后续开发工作顺利进行",
        "データベーススキーマを作成する",
        "👩‍👩‍👧‍👦 family and flags 🇩🇪 🇯🇵",
    )
    story = Story(agent=agent).plan(1, texts, active="データベーススキーマを作成中 🚀")
    story.call("Bash", {"command": "echo 你好世界 && cat ファイル.txt"})
    story.text(
        "これは**太字**と`コード`を含む長い日本語のテキストです。端末の幅に合わせて正しく折り返される必要があります。🎉🎉"
    )
    story.call("Write", {"file_path": f"{CWD}/src/コンポーネント/ボタン.tsx", "content": "x"}, took=None)
    return story


def hostile_build() -> Story:
    agent = Agent("claude-code", HOSTILE, HOSTILE, HOSTILE, HOSTILE, CWD)
    story = Story(agent=agent).plan(0, (HOSTILE, "b" * 2000, "[x='y"), active=HOSTILE)
    story.call(HOSTILE, {HOSTILE: HOSTILE}, HOSTILE)
    story.call("Bash", {"command": "a" * 200_000}, "x" * 200_000 + HOSTILE, error=True)
    story.text(HOSTILE * 3).text("y" * 200_000)
    story.call("mcp__" + HOSTILE, {"q": HOSTILE}, took=None)
    return story.tell(InputNeeded(HOSTILE))


def many_todos() -> Story:
    story = Story()
    texts = tuple(f"Step {number}: do the thing" for number in range(300))
    for number in range(0, 150, 5):
        story.plan(number, texts).call("Bash", {"command": f"make {number}"}, took=3)
    for number in range(30):
        story.call("Edit", {"file_path": f"{CWD}/a{number}.py"})
    story.call("Bash", {"command": "make last"}, took=None)
    return story


def codex_build() -> Story:
    story = Story(agent=Agent("openai-codex", "gpt-5-codex", "todo-app", "initial-build", "", CWD))
    template = ("Set up template", "Install dependencies")
    story.plan(0, template, phase="template")
    story.call("command_execution", {"command": "bash -lc 'npm ci'"}, {"exit_code": 0, "aggregated_output": "ok"}, 12)
    story.plan(2, template, phase="template").plan(1, ("Add the model", "Add the page", "Test"))
    phases = [
        {"id": "1", "title": "Select a template", "status": "completed"},
        {"id": "2", "title": "Carry out the task", "status": "active"},
        {"id": "3", "title": "Verify the workspace", "status": "pending"},
    ]
    story.tell(CodexReported(raw({"phases": phases})))
    story.call("apply_patch", {"input": "*** Begin Patch\n*** Update File: src/a.ts\n+x\n-y\n*** End Patch"})
    failed = {"exit_code": 1, "aggregated_output": "1 failed\nAssertionError: expected 2"}
    story.call("command_execution", {"command": "bash -lc 'npm test'"}, failed, error=True)
    story.plan(1, ("Add the model", "Add the page and the form", "Test", "Deploy"))
    story.call("command_execution", {"command": "bash -lc 'npm test'"}, took=None)
    return story


def tally_of(state: BuildState) -> Tally:
    """A build's calls, counted at once."""
    view = BuildView()
    view.take(Snapshot(state, "hydrated"))
    return view.tally


def scene(name: str, **options) -> WatchApp:
    """The app in a named situation."""
    told = told_build(ended=name == "completed")
    at = told.at
    match name:
        case "running":
            return watch_app(told.state, **options)
        case "completed":
            told.tell(BuildEnded("completed", "Login with GitHub works; **14 tests** pass."))
            return watch_app(told.state, **options)
        case "failed":
            told.tell(Noticed("API error 529, retrying in 8s", "warning"))
            told.tell(BuildEnded("failed", error="API Error: 529 overloaded_error after 10 attempts"))
            return watch_app(told.state, **options)
        case "gap":
            retry = LinkStatus("retrying", attempt=3, retry_at=at + 35_000, lost_at=at)
            gap = CaughtUp(at + 1_000, at + 8_000, 14, "replayed")
            return watch_app(told.state, gap, SignOfLife(3), LinkChanged(retry), **options)
        case "gave-up":
            return watch_app(told.state, LinkChanged(LinkStatus("gave-up", attempt=10, lost_at=at)), **options)
        case "asking":
            return watch_app(told.tell(InputNeeded("Allow Bash: rm -rf build?")).state, **options)
        case "background":
            server = told.call("Bash", {"command": "npm run dev", "run_in_background": True}, took=None)
            told.tell(BackgroundMoved(server, "npm run dev")).text(
                "The server runs; I look again when it says something."
            )
            return watch_app(told.tell(TurnEnded("completed", source="file")).state, now=told.at + 75_000, **options)
        case "rate-limit":
            limit = "You've hit your session limit · resets 3pm"
            told.tell(TurnEnded("failed", error=limit, source="file"))
            told.tell(ActivityReported("waiting-machine", "rate limit", told.at + 2 * 3_600_000, "file"), 0)
            return watch_app(told.state, now=told.at + 75_000, **options)
        case "idle":
            told.text("Five of eight steps are done. Which one next?").tell(TurnEnded("completed", source="hook"))
            return watch_app(told.state, now=told.at + 75_000, **options)
        case "empty":
            return watch_app(BuildState(), LinkChanged(LinkStatus("waiting")), **options)
        case _:
            return watch_app(STORIES[name]().state, **options)


STORIES = {
    "no-todos": without_todos,
    "wide-characters": wide_characters,
    "hostile": hostile_build,
    "many-todos": many_todos,
    "codex": codex_build,
}


@pytest.fixture(name="scene")
def _scene() -> Callable[..., WatchApp]:
    """`scene(name)`: the app in a named situation."""
    return scene


@pytest.fixture
def story() -> Callable[..., Story]:
    """A new, empty build."""
    return Story


@pytest.fixture
def hostile() -> str:
    """What no terminal should get raw."""
    return HOSTILE


@pytest.fixture
def running_build() -> Story:
    return told_build()


@pytest.fixture
def app_on() -> Callable[..., WatchApp]:
    """`app_on(state, *later_events)`."""
    return watch_app
