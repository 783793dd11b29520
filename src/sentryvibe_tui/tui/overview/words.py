"""How the overview says things: states in one word, what an agent does or asks, the counts of all. Pure; all safe."""

from __future__ import annotations

from collections.abc import Mapping

from ...model.summary import BuildSummary
from ...model.text import clean_line
from ...report.words import UNICODE, Glyphs, Mark, Tone, build_mark, cost, duration, request_words, status_mark
from .counting import AgentCounts
from .triage import Need

NEED_TITLES: Mapping[Need, str] = {
    "waits": "WAITS FOR YOU",
    "failed": "FAILED",
    "stuck": "STUCK",
    "working": "WORKING",
    "machine": "WAITS FOR A MACHINE",
    "idle": "IDLE",
    "ended": "ENDED",
}

NOBODY_SAYS = "–"

STATE_WIDTH = 11
"""Cells of the longest state: `interrupted`."""


def state_word(build: BuildSummary, what: Need) -> str:
    """`permission`, `question`, `failed`, `quiet`, `working`, `background`, `idle`, `completed`; one word."""
    match what:
        case "waits":
            return build.requests[0].kind if build.requests else "question"
        case "stuck":
            return "quiet"
        case "working":
            return "working"
        case "machine":
            return "rate limit" if "rate limit" in build.activity.what.lower() else "background"
        case "idle":
            return "idle" if build.status in ("active", "completed") else status_mark(build.status).word
        case _:
            return "damaged" if build.damaged else status_mark(build.status).word


def state_mark(build: BuildSummary, what: Need, glyphs: Glyphs = UNICODE) -> Mark:
    """Its glyph and tone beside that word."""
    word = state_word(build, what)
    match what:
        case "stuck":
            return Mark("!", word, "warn")
        case "idle" if build.status in ("active", "completed"):
            return Mark(glyphs.dot, word, "dim")
        case "waits" | "machine" | "working":
            mark = build_mark("active", build.activity, glyphs)
            return Mark(mark.glyph, word, mark.tone)
        case _:
            mark = status_mark("failed" if build.damaged else build.status, glyphs)
            return Mark(mark.glyph, word, mark.tone)


def what_words(build: BuildSummary, what: Need) -> str:
    """What it asks, does, or said last."""
    match what:
        case "waits":
            first = build.requests[0] if build.requests else None
            title = request_words(first.title, first.tool) if first else request_words(build.activity.what)
            return title + more_words(build, what)
        case "failed":
            return clean_line(build.error or build.now)
        case "stuck":
            return " · ".join(filter(None, (clean_line(build.now), *usual_words(build))))
        case "machine":
            return clean_line(build.activity.what or build.now)
        case "ended" if build.damaged:
            return clean_line(build.damaged)
        case "working" if build.todo and not build.open_calls:
            return clean_line(build.todo)
        case _:
            return clean_line(build.now or build.todo)


def more_words(build: BuildSummary, what: Need) -> str:
    """How what it asks or does ends when there is more of it: ` +2 more`."""
    others = (len(build.requests) if what == "waits" else build.open_calls if what == "working" else 0) - 1
    return f" +{others} more" if others > 0 else ""


def short_agent(agent_id: str) -> str:
    """`claude`, `codex`, `gemini`: the name of its program."""
    return clean_line(agent_id, 40).removeprefix("openai-").removesuffix("-code").removesuffix("-cli")


def usual_words(build: BuildSummary) -> tuple[str, ...]:
    """`usual 22s, p95 58s`, where that is said."""
    if build.p95_ms is None or build.usual_ms is None:
        return ()
    return (f"usual {duration(build.usual_ms)}, p95 {duration(build.p95_ms)}",)


def cost_words(build: BuildSummary) -> str:
    """`$1.12`; with `~` from a price table; a dash where nobody says."""
    if build.cost_usd is None:
        return NOBODY_SAYS
    return ("~" if build.cost_estimated else "") + cost(build.cost_usd)


def count_words(counts: AgentCounts) -> list[tuple[str, Tone | None]]:
    """`2 wait for you`, `3 working`, … those that are not nothing, the most urgent first."""
    entries: list[tuple[int, str, Tone | None]] = [
        (counts.waits, "waits for you" if counts.waits == 1 else "wait for you", "warn"),
        (counts.failed, "failed", "bad"),
        (counts.stuck, "stuck", "warn"),
        (counts.working, "working", "busy"),
        (counts.machine, "in the background", None),
        (counts.idle, "idle", None),
        (counts.ended, "ended today", None),
    ]
    return [(f"{number} {word}", tone) for number, word, tone in entries if number]


def overview_title(counts: AgentCounts, glyphs: Glyphs = UNICODE) -> str:
    """`2? 3▶ sentryvibe`: how many wait for the reader, how many work."""
    working, sign = counts.working + counts.stuck, ">" if glyphs.done.isascii() else "▶"
    parts = [f"{counts.waits}{glyphs.needs}" if counts.waits else "", f"{working}{sign}" if working else ""]
    return " ".join([*filter(None, parts), "sentryvibe"])


def signs(glyphs: Glyphs) -> tuple[tuple[str, str], ...]:
    """What stands for what in the overview."""
    return (
        (glyphs.needs, "waits for you: a permission, a question, a plan, a form"),
        (glyphs.failed, "failed; with a number: so many calls did"),
        ("!", "stuck: its call takes longer than such calls do, or nothing happens"),
        (glyphs.running, "working"),
        (glyphs.streaming, "waits for a machine: a background task, a rate limit"),
        (glyphs.dot, "idle: the turn is over, the agent lives on"),
        (f"{glyphs.done} {glyphs.stopped}", "ended; cancelled or interrupted"),
        ("bold", "changed since you looked"),
        ("* -", "pinned; hidden, where H shows those, too"),
        ("~", "before a cost: from a price table, not from the agent"),
        (NOBODY_SAYS, "the agent does not say"),
    )
