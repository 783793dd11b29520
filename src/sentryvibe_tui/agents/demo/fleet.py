"""Three invented agents of different vendors side by side: one builds, one asks for a permission, one fails and is
told to go on. Pure: the seed decides all."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from ...model.activity import Option, Request
from ...model.events import BuildEvent, BuildStarted, TextAdded, TodosReported, ToolEnded, ToolStarted, UsageReported
from ...model.facts import AgentReported, BuildEnded, RequestOpened, RequestResolved, TodoItem
from ...model.state import Agent, TodoStatus, Usage
from ...wire.json import raw
from . import script as story
from .stream import DemoAgent, TimedEvent, demo_build

COLLEAGUE = {"claude": ("openai-codex", "gpt-5-codex"), "codex": ("claude-code", "claude-sonnet-4-5")}
"""Who asks for a permission while the other builds."""


class Actor(Struct, frozen=True):
    """One agent of the demo and what it reports."""

    project: str
    steps: tuple[TimedEvent, ...]


def demo_fleet(agent: DemoAgent, seed: int) -> tuple[Actor, ...]:
    """`agent` builds the ride board (`demo_build`); the two others take about as long."""
    shell = "Bash" if COLLEAGUE[agent][0] == "claude-code" else "shell"
    return (
        Actor(story.PROJECT, tuple(demo_build(agent, seed))),
        Actor("landing-page", tuple(_asking(Agent(*COLLEAGUE[agent], "landing-page"), shell))),
        Actor("weather-station", tuple(_failing(Agent("opencode", "claude-haiku-4-5", "weather-station")))),
    )


def _beginning(agent: Agent, title: str, branch: str, prompt: str) -> Iterator[TimedEvent]:
    about = Agent(
        agent.agent_id, agent.model, agent.project_name, "", title, f"/home/mara/{agent.project_name}", "", branch
    )
    yield TimedEvent(400, BuildStarted())
    yield TimedEvent(50, AgentReported(about))
    yield TimedEvent(50, TextAdded("prompt", prompt, "prompt", whole=True))


def _call(
    number: int, name: str, arguments: dict[str, str], back: str, ms: int, is_error: bool = False
) -> Iterator[TimedEvent]:
    yield TimedEvent(700, ToolStarted(f"call-{number}", name, raw(arguments)))
    yield TimedEvent(ms, ToolEnded(f"call-{number}", raw(back), is_error))


def _todos(texts: tuple[str, ...], done: int) -> BuildEvent:
    statuses: tuple[TodoStatus, ...] = ("completed",) * done + ("in_progress",) + ("pending",) * len(texts)
    return TodosReported(tuple(TodoItem(text, status) for text, status in zip(texts, statuses, strict=False)))


def _usage(input_tokens: int, back: int, usd: float, percent: float, *, is_estimated: bool = False) -> TimedEvent:
    return TimedEvent(
        60, UsageReported(Usage(input_tokens, back, input_tokens * 3 // 4, usd, percent, cost_estimated=is_estimated))
    )


# --------------------------------------------------------------------------- one asks for a permission

HERO = ("Measure what is slow", "Shrink the pictures", "Load fonts later", "Deploy a preview")
SLOW = "The landing page takes 4 s to show. Make it fast."
DEPLOY = "npx wrangler pages deploy dist --branch preview"
FAST = "The page shows after 1.1 s instead of 4.1 s; a preview is up."
RUNS = (
    ("npx lighthouse http://localhost:4321 --quiet", "LCP 4.1 s\nTBT 320 ms", 2_600),
    ("npx sharp-cli -i public/hero.png -o public/hero.avif", "4.2 MB -> 310 KB", 1_800),
    ("npm run build", "12 pages built in 3.4 s", 2_400),
    ("npm test", "Error: font preload is missing\nexit code 1", 1_600),
    ("npm test", "9 passed", 1_500),
)
"""Command, output and time; the fourth fails."""


def _asking(agent: Agent, shell: str) -> Iterator[TimedEvent]:
    estimate = agent.agent_id != "claude-code"
    yield from _beginning(agent, "Make the landing page fast", "faster", SLOW)
    yield TimedEvent(900, TextAdded("n1", "I will measure first, then look at pictures and fonts.", whole=True))
    for number, (command, back, ms) in enumerate(RUNS):
        if number in (0, 1, 3):
            yield TimedEvent(300, _todos(HERO, (0, 1, 1, 2)[number]))
        yield from _call(number, shell, {"command": command}, back, ms, is_error=number == 3)
        yield _usage(21_000 * (number + 1), 900 * (number + 1), 0.03 * (number + 1), 6 * number, is_estimated=estimate)
    yield TimedEvent(300, _todos(HERO, 3))
    yield TimedEvent(600, ToolStarted("deploy", shell, raw({"command": DEPLOY})))
    yield TimedEvent(200, RequestOpened(_request(shell)))
    yield TimedEvent(34_000, RequestResolved("permission", decision="allow"))
    yield TimedEvent(4_000, ToolEnded("deploy", raw("https://preview.landing-page.pages.dev")))
    yield TimedEvent(500, _todos(HERO, 4))
    yield TimedEvent(600, TextAdded("n2", FAST, whole=True))
    yield TimedEvent(400, BuildEnded("completed", summary=FAST))


def _request(shell: str) -> Request:
    options = (Option("allow", "Allow once"), Option("always", "Allow for this session"), Option("deny", "Deny"))
    why = "It publishes the page to the internet."
    title = f"{shell.capitalize()} {DEPLOY}"
    return Request("permission", title=title, tool=shell, tool_call_id="deploy", options=options, reason=why)


# --------------------------------------------------------------------------- one fails, and is told to go on

OVERLOADED = "API Error: 529 overloaded, gave up after 10 retries"
SENSORS = "Read the SHT45 sensors every minute and keep the values."
SUMMARY = "The station reads both sensors every minute; 14 tests pass."


def _failing(agent: Agent) -> Iterator[TimedEvent]:
    yield from _beginning(agent, "Read the new sensors", "sensors", SENSORS)
    yield from _call(1, "read", {"filePath": "src/sensors.py"}, "class Sensor: ...", 400)
    yield from _call(2, "bash", {"command": "i2cdetect -y 1"}, "44: --", 1_100)
    yield _usage(12_000, 600, 0.02, 6)
    change = {"filePath": "src/sensors.py", "oldString": "pass", "newString": "self.bus = SMBus(1)"}
    yield from _call(3, "edit", change, "ok", 500)
    yield TimedEvent(2_500, TextAdded("n1", "The bus answers. Now the schedule.", whole=True))
    yield TimedEvent(3_000, BuildEnded("failed", error=OVERLOADED))
    yield TimedEvent(15_000, TextAdded("again", "go on", "prompt", whole=True))
    yield TimedEvent(1_500, TextAdded("n2", "I go on with the schedule.", whole=True))
    yield from _call(4, "write", {"filePath": "src/schedule.py", "content": "every(60, read)\n"}, "ok", 700)
    yield from _call(5, "bash", {"command": "pytest -q"}, "14 passed in 2.31s", 9_000)
    yield _usage(38_000, 2_400, 0.05, 14)
    yield from _call(6, "bash", {"command": "python -m weather --once"}, "21.4 C  48 %  1013 hPa", 12_000)
    yield TimedEvent(600, TextAdded("n3", SUMMARY, whole=True))
    yield TimedEvent(500, BuildEnded("completed", summary=SUMMARY))
