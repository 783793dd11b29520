"""How facts are said, the same on a screen, in plain lines and in exports: durations, clocks, sizes, states, the link.

Pure: times are epoch milliseconds, `now` is passed in; clocks are in the local time zone.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from ..agents.kinds import verb_of
from ..client.watching import CaughtUp, LinkStatus
from ..model.activity import Activity, Request
from ..model.questions import asked_words
from ..model.state import Level, Millis, Status, TodoStatus, ToolCall, ToolState
from ..model.summary import BuildSummary
from ..model.text import clean_line
from ..model.usage import Usage

Tone = Literal["good", "busy", "warn", "bad", "dim"]
"""What a colour may add to a glyph; never the only bearer of a meaning."""

DURATION_WIDTH = 6
"""Cells of the widest `duration` below 100,000 days."""

CLOCK_WIDTH = 8

# --------------------------------------------------------------------------- numbers


def duration(ms: float) -> str:
    """`0.4s`, `41s`, `2m18s`, `1h04m`, `3d07h`, `12d`: at most DURATION_WIDTH cells, cut off rather than rounded up."""
    ms = max(0, int(ms))
    if ms < 10_000:
        return f"{ms // 1000}.{ms % 1000 // 100}s"
    seconds = ms // 1000
    if seconds < 60:
        return f"{seconds}s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes}m{seconds:02}s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours}h{minutes:02}m"
    days, hours = divmod(hours, 24)
    return f"{days}d{hours:02}h" if days < 10 else f"{days}d"


def running_time(ms: float) -> str:
    """`duration` of something still under way: whole seconds, as it is drawn once a second."""
    return f"{int(ms) // 1000}s" if 0 <= ms < 10_000 else duration(ms)


def clock(at: Millis | None) -> str:
    """`12:03:11`, local time; dashes when unknown."""
    if at is None:
        return "--:--:--"
    return time.strftime("%H:%M:%S", time.localtime(at / 1000))


def age(ms: float) -> str:
    """`now`, `41s ago`, `5m ago`, `3h ago`, `2d ago`."""
    seconds = max(0, int(ms)) // 1000
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        if seconds >= length:
            return f"{seconds // length}{unit} ago"
    return "now"


def size(count_of_bytes: int) -> str:
    """`812 B`, `4.1 KiB`, `31 MiB`."""
    if count_of_bytes < 1024:
        return f"{count_of_bytes} B"
    amount = float(count_of_bytes)
    for unit in ("KiB", "MiB", "GiB"):
        amount /= 1024
        if amount < 1023.5 or unit == "GiB":
            return f"{amount:.1f} {unit}" if amount < 9.95 else f"{amount:.0f} {unit}"
    raise AssertionError("unreachable")


def short_count(number: int) -> str:
    """`812`, `8.1k`, `812k`, `1.2M`: at most four digits and a unit, cut off rather than rounded up."""
    if number < 1_000:
        return str(number)
    for unit, length in (("k", 1_000), ("M", 1_000_000)):
        if number < length * 10:
            return f"{number / length - 0.05:.1f}{unit}" if number % length else f"{number // length}.0{unit}"
        if number < length * 1_000:
            return f"{number // length}{unit}"
    return f"{number // 1_000_000:,}M"


def plural(number: int, word: str) -> str:
    """`1 tool`, `12 tools`."""
    return f"{number} {word}" if number == 1 else f"{number:,} {word}s"


def cached(usage: Usage) -> str:
    """`86% cached`: how much of what went in came from the cache; "" when none did, or nobody knows."""
    read, went_in = usage.cache_read_tokens, usage.input_tokens
    return f"{min(100, 100 * read // went_in)}% cached" if read and went_in else ""


def spent(usage: Usage) -> list[str]:
    """`$1.12`, `$1.12 estimated`, `no price for MODEL`."""
    said = [] if usage.cost_usd is None else [cost(usage.cost_usd) + (" estimated" if usage.cost_estimated else "")]
    return said + ([f"no price for {clean_line(usage.unpriced, 60)}"] if usage.unpriced else [])


def short_model(model: str) -> str:
    """`sonnet-4-5`, `gpt-5-codex`: without vendor, provider and date, which the agent's name or nobody asks for."""
    name = clean_line(model, 80).rpartition("/")[2]
    return re.sub(_MODEL_LEAD, "", re.sub(_MODEL_DATE, r"\1", name))


_MODEL_LEAD = r"^(?:[a-z]{2,6}\.)?(?:anthropic\.)?claude-"
_MODEL_DATE = r"[-@]20\d{2}-?\d{2}-?\d{2}(?:-v\d+(?::\d+)?)?(\[[^\]]*\])?$"


def cost(usd: float) -> str:
    return f"${usd:.2f}" if usd >= 0.005 or usd == 0 else f"${usd:.4f}"


# --------------------------------------------------------------------------- marks


class Glyphs(Struct, frozen=True):
    """One cell each; the same meaning has the same mark everywhere. `sparks`: from nothing to most."""

    running: str = "◐"
    done: str = "✓"
    failed: str = "✗"
    stopped: str = "■"
    pending: str = "○"
    streaming: str = "◌"
    live: str = "●"
    retry: str = "↻"
    open: str = "▾"
    closed: str = "▸"
    needs: str = "?"
    dot: str = "·"
    into: str = "›"
    text: str = "·"
    thought: str = "∴"
    bar: str = "━"
    track: str = "─"
    rule: str = "─"
    side: str = "│"
    gap: str = "━"
    down: str = "↓"
    added: str = "+"
    renamed: str = "~"
    sparks: str = "▁▂▃▄▅▆▇█"


UNICODE = Glyphs()
ASCII = Glyphs(
    running="*",
    done="+",
    failed="x",
    stopped="#",
    pending="-",
    streaming="~",
    live="*",
    retry="~",
    open="v",
    closed=">",
    dot="-",
    into=">",
    text="|",
    thought=":",
    bar="#",
    track=".",
    rule="-",
    side="|",
    gap="=",
    down="v",
    sparks="_.:-=+*#",
)
"""For fonts and locales where the others are missing or two cells wide."""


class Mark(Struct, frozen=True):
    """A glyph, its word and its tone."""

    glyph: str
    word: str
    tone: Tone


def status_mark(status: Status, glyphs: Glyphs = UNICODE) -> Mark:
    match status:
        case "active":
            return Mark(glyphs.running, "running", "busy")
        case "completed":
            return Mark(glyphs.done, "completed", "good")
        case "failed":
            return Mark(glyphs.failed, "failed", "bad")
        case "cancelled":
            return Mark(glyphs.stopped, "cancelled", "warn")
        case "interrupted":
            return Mark(glyphs.stopped, "interrupted", "warn")


def build_mark(status: Status, activity: Activity | None, glyphs: Glyphs = UNICODE) -> Mark:
    """How a build stands: its status, or what it waits for while it goes on."""
    if status != "active" or activity is None:
        return status_mark(status, glyphs)
    match activity.kind:
        case "waiting-person":
            return Mark(glyphs.needs, "needs you", "warn")
        case "waiting-machine":
            return Mark(glyphs.streaming, "waiting", "busy")
        case "idle":
            return Mark(glyphs.pending, "idle", "dim")
        case _:
            return status_mark(status, glyphs)


def listed_mark(build: BuildSummary, glyphs: Glyphs = UNICODE) -> Mark:
    """The same of a build in a list, which its server may not be able to read any more."""
    if build.damaged:
        return Mark(glyphs.failed, "damaged", "bad")
    return build_mark(build.status, build.activity, glyphs)


def standing(status: Status, activity: Activity) -> str:
    """`running`, `needs you`, `completed`; `completed, idle` while the session of a turn that is over goes on."""
    word = build_mark(status, activity).word
    return f"{word}, idle" if status != "active" and activity.kind == "idle" else word


def waits_for(activity: Activity) -> str:
    """`needs you: which?`, `waiting for npm test until 12:03:11`; empty for what waits for nothing."""
    what = clean_line(activity.what)
    if activity.kind == "waiting-person":
        return f"needs you: {asked_words(activity.what)}"
    if activity.kind != "waiting-machine":
        return ""
    until = f" until {clock(activity.until)}" if activity.until is not None else ""
    return f"waiting for {what or 'a machine'}{until}"


def request_words(title: str, tool: str = "") -> str:
    """What is asked, with a call named as a row of the build names it: `Shell rm -rf build`, not `exec_command: rm`."""
    text = asked_words(title)
    name, verb = clean_line(tool, 80), clean_line(verb_of(tool), 40)
    call, _, arguments = text.partition(" ")
    return f"{verb} {arguments}" if name and call.rstrip(":") == name and arguments else text


def waited(activity: Activity, now: Millis) -> int:
    """Milliseconds since the present activity began."""
    return max(0, now - (now if activity.since is None else activity.since))


def todo_mark(status: TodoStatus, glyphs: Glyphs = UNICODE, *, ended: bool = False) -> Mark:
    """`ended`: the build is over, so a todo in progress was left there."""
    match status:
        case "completed":
            return Mark(glyphs.done, "done", "good")
        case "in_progress":
            return Mark(glyphs.stopped, "left open", "warn") if ended else Mark(glyphs.running, "in progress", "busy")
        case "pending":
            return Mark(glyphs.pending, "pending", "dim")


def tool_mark(state: ToolState, glyphs: Glyphs = UNICODE) -> Mark:
    match state:
        case "output-available":
            return Mark(glyphs.done, "done", "good")
        case "error":
            return Mark(glyphs.failed, "error", "bad")
        case "interrupted":
            return Mark(glyphs.stopped, "interrupted", "warn")
        case "input-streaming":
            return Mark(glyphs.streaming, "starting", "busy")
        case "input-available":
            return Mark(glyphs.running, "running", "busy")


def call_mark(call: ToolCall, requests: Iterable[Request], glyphs: Glyphs = UNICODE) -> Mark:
    """The mark of a call of a build with these open requests: one that a person is asked about does not run."""
    if call.is_open and any(one.tool_call_id == call.id for one in requests):
        return Mark(glyphs.needs, "waits for you", "warn")
    return tool_mark(call.state, glyphs)


def level_tone(level: Level) -> Tone:
    return {"info": "dim", "warning": "warn", "error": "bad"}[level]  # type: ignore[return-value]


# --------------------------------------------------------------------------- the link


def link_mark(link: LinkStatus, now: Millis, glyphs: Glyphs = UNICODE) -> Mark:
    """The link cell: glyph and phrase. `now` counts a retry down."""
    match link.phase:
        case "connecting":
            return Mark(glyphs.streaming, "connecting", "busy")
        case "waiting":
            return Mark(glyphs.streaming, "waiting for a build", "busy")
        case "live":
            parts = ["live"]
            if link.transport != "ws":
                parts.append(f"{glyphs.dot} {link.transport}")
            if link.rtt_ms is not None:
                parts.append(f"{link.rtt_ms:.0f}ms")
            return Mark(glyphs.live, " ".join(parts), "good")
        case "retrying":
            seconds = max(0, -(-(link.retry_at - now) // 1000)) if link.retry_at is not None else 0
            when = f" in {seconds}s" if seconds else ""
            return Mark(glyphs.retry, f"retry {link.attempt}/{link.attempts}{when}", "warn")
        case "gave-up":
            return Mark(glyphs.failed, f"gave up {glyphs.dot} r retries", "bad")
        case "refused":
            reason = f": {link.reason}" if link.reason else ""
            return Mark(glyphs.failed, f"refused{reason}", "bad")
        case "closed":
            if link.lost_at is not None:
                return Mark(glyphs.pending, f"offline, showing {clock(link.lost_at)}", "warn")
            return Mark(glyphs.stopped, "ended", "dim")


def caught_up(gap: CaughtUp, glyphs: Glyphs = UNICODE) -> str:
    """`link lost 12:03:02 · back 12:03:09 · 14 events replayed`."""
    what = {
        "nothing missed": "nothing missed",
        "replayed": f"{plural(gap.missed, 'event')} replayed",
        "resynchronised": f"{plural(gap.missed, 'event')} resynchronised" if gap.missed else "resynchronised",
    }[gap.how]
    dot = f" {glyphs.dot} "
    return dot.join((f"link lost {clock(gap.lost_at)}", f"back {clock(gap.back_at)}", what))
