"""A recorded session of Codex, told by its rollout, its hooks and its daemon, each late in its own way: one story."""

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sentryvibe_tui.agents.codex.hooks import HOOKS
from sentryvibe_tui.agents.codex.session import CodexRollout
from sentryvibe_tui.agents.codex.threads import SETTLING, TERMINALS, Threads
from sentryvibe_tui.agents.common.hook_reader import HookReader
from sentryvibe_tui.model.events import ActivityReported
from sentryvibe_tui.model.facts import TurnEnded
from sentryvibe_tui.sources.follow.witnesses import GRACE

from .recorded import Moment, Word, late, states, told

DATA = Path(__file__).parent.parent / "data" / "codex-live"
SUBSETS = [("file",), ("file", "hook"), ("file", "daemon"), ("file", "hook", "daemon")]
"""Hooks alone are no session here: the recording lacks some."""
PROMPTS = 13


def _lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text().splitlines()]


def _file() -> Iterator[Word]:
    """As `follow` tells it: the end of a turn after everything else that was read."""
    reader, number = CodexRollout(), 0
    for record in _lines("rollout.jsonl"):
        at = 0
        for report in reader.feed(json.dumps(record).encode() + b"\n"):
            at = report.at or at
            yield Word("file", at, at, report.event)
        end = reader.turn.end
        if end is not None and reader.turn.number != number:
            number, at = reader.turn.number, end.at or at
            yield Word("file", at, at, TurnEnded(end.outcome, end.summary, end.error, "file"))


def _hooks() -> Iterator[Word]:
    reader = HookReader(HOOKS)
    for line in _lines("hooks.jsonl"):
        for report in reader.read(line["payload"]):
            yield Word("hook", line["at"], line["at"], report.event)


def _runs_at(at: int) -> list[dict[str, str]]:
    """The commands that had left their turns: by their ends in the rollout."""
    ends = {"call_0019_r0_0": (1795843879997, 1795843896233), "call_0020_r0_0": (1795843884971, 1795843895884)}
    return [{"itemId": call, "command": call} for call, (left, ended) in ends.items() if left <= at < ended]


def _daemon() -> Iterator[Word]:
    threads, now = Threads(), 0.0
    for frame in _lines("daemon.jsonl"):
        now += 1
        for sighting in [*threads.feed(frame, now), *_answered(threads, now + SETTLING, frame["emittedAtMs"])]:
            at = sighting.at or frame["emittedAtMs"]
            is_rest = isinstance(sighting.event, ActivityReported) and sighting.event.kind in ("idle", "ended")
            is_later = is_rest or frame["params"].get("status", {}).get("type") == "idle"
            yield Word(
                "daemon", at, at + (GRACE if is_rest else int(SETTLING * 1000) if is_later else 0), sighting.event
            )


def _answered(threads: Threads, now: float, at: int) -> Iterator[Any]:
    for asked in threads.asks(now):
        if asked["method"] == TERMINALS:
            yield from threads.feed({"id": asked["id"], "result": {"data": _runs_at(at)}}, now)


WORDS = {"file": [*_file()], "hook": [*_hooks()], "daemon": [*_daemon()]}


def _moments() -> Iterator[Moment]:
    """Before each change that the daemon tells, if the state before it lasted."""
    frames = [line for line in _lines("daemon.jsonl") if "status" in line["params"]]
    for frame, after in pairwise(frames):
        at, until, status = frame["emittedAtMs"], after["emittedAtMs"], frame["params"]["status"]
        if until - at < 1800:
            continue
        if status.get("activeFlags"):
            yield Moment(until - 50, {"waiting-person"}, {"hook", "daemon"})
        elif status["type"] == "active":
            yield Moment(until - 50, {"working"}, {"file", "hook", "daemon"})
        elif _runs_at(until - 1500):
            yield Moment(until - 50, {"waiting-machine"}, {"daemon"})
        else:
            yield Moment(until - 50, {"idle"}, {"file", "daemon"})
    yield Moment(frames[-1]["emittedAtMs"] + 2000, {"idle"}, {"file", "hook", "daemon"})


@pytest.mark.parametrize("sources", SUBSETS, ids="+".join)
@settings(max_examples=10, deadline=None)
@given(delays=st.fixed_dictionaries(dict.fromkeys(WORDS, late)))
@example(delays={"file": [155, 0, 0, 350, 350, 0], "hook": [0, 350, 273, 0, 350, 308, 0], "daemon": [0, 156, 0, 273]})
@example(delays={"file": [60, 350, 0, 350], "hook": [350, 0, 0, 350], "daemon": [0]})
def test_any_sources_in_any_order_tell_what_was(sources: tuple[str, ...], delays: dict[str, list[int]]) -> None:
    moments = [*_moments()]
    for moment, state in states(told(WORDS, sources, delays), moments):
        if moment.knows & {*sources}:
            assert state.activity.kind in moment.kinds, (moment, state.activity, state.status)
    assert (state.status, state.activity.kind, state.requests, state.open_tools) == (
        "completed",
        "idle",
        (),
        frozenset(),
    )
    if "file" in sources:
        assert len([note for note in state.notes() if note.kind == "prompt"]) == PROMPTS - 1


def test_the_recording_has_every_kind_of_moment() -> None:
    kinds = [kind for moment in _moments() for kind in moment.kinds]
    assert {*kinds} == {"working", "waiting-person", "waiting-machine", "idle"}
    assert kinds.count("waiting-person") == 4
