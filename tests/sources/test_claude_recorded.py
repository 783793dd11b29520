"""A recorded session of Claude Code, told by its file, its register and its hooks, each late in its own way."""

import json
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentryvibe_tui.agents.claude.hooks import HOOKS
from sentryvibe_tui.agents.claude.live import Registry
from sentryvibe_tui.agents.claude.session import ClaudeSession
from sentryvibe_tui.agents.common.hook_reader import HookReader
from sentryvibe_tui.model.events import ActivityReported
from sentryvibe_tui.model.facts import TurnEnded
from sentryvibe_tui.sources.follow.witnesses import GRACE

from .recorded import Moment, Word, late, states, told

DATA = Path(__file__).parent.parent / "data" / "claude-live"
SUBSETS = [("file",), ("file", "hook"), ("file", "registry"), ("file", "hook", "registry")]
"""Hooks alone are no session here: the recording lacks some."""
LASTED = 2000
"""Milliseconds that a state lasted for all to have told of it."""
EARLY = 500
"""Milliseconds by which a prompt's own time may lie before the register's."""


def _lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text().splitlines()]


def _file() -> Iterator[Word]:
    """As `follow` tells it: the end of a turn after everything else that was read."""
    reader, number = ClaudeSession(), 0
    for record in _lines("session.jsonl"):
        at = 0
        for report in reader.feed(json.dumps(record).encode() + b"\n"):
            at = report.at or at
            yield Word("file", at, at, report.event)
        end = reader.turn.end
        if end is not None and end.certain and reader.turn.number != number:
            number, at = reader.turn.number, end.at or at
            yield Word("file", at, at, TurnEnded(end.outcome, end.summary, end.error, "file"))


def _hooks() -> Iterator[Word]:
    reader = HookReader(HOOKS)
    for line in _lines("hooks.jsonl"):
        for report in reader.read(line["payload"]):
            yield Word("hook", line["at"], line["at"], report.event)


def _registry() -> Iterator[Word]:
    with tempfile.TemporaryDirectory() as folder:
        register = Registry(Path(folder), Path(folder) / "none", lambda _pid, _start: True)
        for line in _lines("registry.jsonl"):
            (Path(folder) / "1.json").write_text(json.dumps(line["entry"]))
            for sighting in register.look():
                at = sighting.at or line["at"]
                is_rest = isinstance(sighting.event, ActivityReported) and sighting.event.kind in ("idle", "ended")
                yield Word("registry", at, max(line["at"], at + (GRACE if is_rest else 0)), sighting.event)


WORDS = {"file": [*_file()], "hook": [*_hooks()], "registry": [*_registry()]}
_KINDS = {
    "busy": ({"working", "waiting-machine"}, {"file", "hook", "registry"}),
    "waiting": ({"waiting-person"}, {"hook", "registry"}),
    "shell": ({"waiting-machine"}, {"file", "hook", "registry"}),
    "idle": ({"idle"}, {"file", "registry"}),
}
"""How the session stands by its entry, and who can tell. A subagent in the background is `busy`, too."""


def _moments() -> Iterator[Moment]:
    """Before each change of its entry, if the state before it lasted."""
    entries = [line["entry"] for line in _lines("registry.jsonl") if "status" in line["entry"]]
    prompts = min(word.at for word in WORDS["file"])
    for entry, after in pairwise(entries):
        until = after["statusUpdatedAt"]
        if until - entry["statusUpdatedAt"] >= LASTED and until - EARLY > prompts:
            yield Moment(until - EARLY, *_KINDS[entry["status"]])
    yield Moment(entries[-1]["statusUpdatedAt"] + 2000, *_KINDS["idle"])


@pytest.mark.parametrize("sources", SUBSETS, ids="+".join)
@settings(max_examples=10, deadline=None)
@given(delays=st.fixed_dictionaries(dict.fromkeys(WORDS, late)))
def test_any_sources_in_any_order_tell_what_was(sources: tuple[str, ...], delays: dict[str, list[int]]) -> None:
    moments = [*_moments()]
    for moment, state in states(told(WORDS, sources, delays), moments):
        if moment.knows & {*sources}:
            assert state.activity.kind in moment.kinds, (moment, state.activity, state.status)
    assert (state.activity.kind, state.requests, state.open_tools) == ("idle", (), frozenset())
    prompts = [note.text for note in state.notes() if note.kind == "prompt"]
    assert prompts == [f"Please help. SCENARIO:{name}" for name in _SCENARIOS]


_SCENARIOS = (
    "done", "todos", "parallel", "error", "permission", "question", "permission", "question", "long", "slowtool",
    "background", "subagent", "slowsub",
)  # fmt: skip


def test_the_recording_has_every_kind_of_moment() -> None:
    kinds = [kind for moment in _moments() for kind in moment.kinds]
    assert {*kinds} == {"working", "waiting-person", "waiting-machine", "idle"}
    assert kinds.count("waiting-person") >= 2
