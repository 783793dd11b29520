"""One session's files become one build; the clock is the test's."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from sentryvibe_tui.agents.common.session_files import Session
from sentryvibe_tui.agents.redact import Redactor
from sentryvibe_tui.model.facts import TurnEnded
from sentryvibe_tui.model.reducer import reduce
from sentryvibe_tui.model.state import BuildState
from sentryvibe_tui.sources.follow.session_reader import COPIED, LATE, ORPHANED, SETTLED, SILENT, SessionReader
from sentryvibe_tui.wire.envelope import EventEnvelope
from sentryvibe_tui.wire.projects import project_named

ID = "7d3f0a52-8c1b-4e2e-9a7f-0a1b2c3d4e5f"
NOW = 1_800_000_000.0


class Watched:
    """A followed session, and the state that its events make."""

    def __init__(self, path: Path, agent: str = "claude", redactor: Redactor | None = None) -> None:
        self.path = path
        session = Session(agent, path, ID, "/w", NOW)
        self.following = SessionReader(session, project_named("shop"), redactor=redactor)
        self.state, self.posted = BuildState(), list[EventEnvelope]()

    def pull(self, now: float = NOW) -> list[EventEnvelope]:
        """Everything that is new; an event id that was there before changes nothing, as in a store."""
        fresh: list[EventEnvelope] = []
        more = True
        while more:
            posted, more = self.following.pull(now)
            fresh += posted
        known = {one.event_id for one in self.posted}
        for one in fresh:
            if one.event_id not in known:
                self.state, _ = reduce(self.state, one.event, one.at or 0, one.about)
        self.posted += fresh
        return fresh


def write(path: Path, *records: dict[str, Any], at: float = NOW, mode: str = "a") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open(mode) as file:
        file.write("".join(json.dumps(record) + "\n" for record in records))
    os.utime(path, (at, at))


def prompt(text: str, **fields: Any) -> dict[str, Any]:
    return {"type": "user", "uuid": f"u-{text}", "sessionId": ID, "message": {"content": text}, **fields}


def call(tool_id: str, name: str = "Bash", **given: Any) -> dict[str, Any]:
    block = {"type": "tool_use", "id": tool_id, "name": name, "input": given}
    return {
        "type": "assistant",
        "uuid": f"a-{tool_id}",
        "sessionId": ID,
        "message": {"id": tool_id, "content": [block]},
    }


def answer(text: str) -> dict[str, Any]:
    message = {"id": f"m-{text}", "stop_reason": "end_turn", "content": [{"type": "text", "text": text}]}
    return {"type": "assistant", "uuid": f"a-{text}", "sessionId": ID, "message": message}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / f"{ID}.jsonl"


def test_a_turn_whose_file_says_its_end_is_over_at_once_and_more_reopens_it(path: Path) -> None:
    write(path, prompt("go"), answer("done"))
    watched = Watched(path)
    posted = watched.pull(NOW)
    assert (watched.state.status, posted[-1].at) == ("completed", NOW * 1000)
    assert watched.pull(NOW + 2 * SETTLED) == []
    write(path, {"type": "last-prompt", "sessionId": ID}, at=NOW + 1)
    assert watched.pull(NOW + 1) == [], "what says nothing of the turn ends it no second time"
    write(path, prompt("more", timestamp=NOW * 1000 + 100_000), at=NOW + 100)
    watched.pull(NOW + 100)
    assert watched.state.status == "active"
    write(path, answer("that too") | {"timestamp": NOW * 1000 + 101_000}, at=NOW + 101)
    watched.pull(NOW + 101)
    assert watched.state.status == "completed"


def test_a_turn_that_only_looks_over_waits_for_silence(tmp_path: Path) -> None:
    path = tmp_path / "rollout.jsonl"
    message = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "done"}]}
    write(path, {"id": ID, "timestamp": "2027-01-15T07:59:00Z", "instructions": ""}, message)
    watched = Watched(path, "codex")
    watched.pull(NOW + SETTLED - 1)
    assert watched.state.status == "active"
    watched.pull(NOW + SETTLED)
    assert watched.state.status == "completed"


def test_a_turn_that_the_user_stops_is_over_at_once(path: Path) -> None:
    write(path, prompt("go"), call("t1"), prompt("[Request interrupted by user for tool use]"))
    watched = Watched(path)
    watched.pull()
    assert (watched.state.status, watched.state.error) == ("interrupted", "interrupted by the user")


def test_whoever_follows_anew_tells_the_same_ends(path: Path) -> None:
    write(path, prompt("go"), answer("done"))
    watched = Watched(path)
    watched.pull()
    write(path, {"type": "last-prompt", "sessionId": ID}, at=NOW + 50)
    again = Watched(path)
    again.pull(NOW + 60)
    assert [one.event_id for one in again.posted] == [one.event_id for one in watched.posted]


def test_an_unfinished_turn_goes_on_until_it_was_silent_for_long(path: Path) -> None:
    write(path, prompt("go"), call("t1"))
    watched = Watched(path)
    watched.pull(NOW + SILENT - 1)
    assert (watched.state.status, watched.state.open_tools) == ("active", {"t1"})
    watched.pull(NOW + SILENT)
    assert (watched.state.status, watched.state.error) == ("interrupted", "nothing written for 30 min")
    assert watched.following.is_quiet(NOW + SILENT + 1, 60)


def test_an_old_session_whose_file_was_only_copied_ended_when_it_was_last_heard(path: Path) -> None:
    long_ago = (NOW - COPIED) * 1000 - 1
    write(path, prompt("go", timestamp=long_ago), call("t1") | {"timestamp": long_ago}, at=NOW)
    watched = Watched(path)
    posted = watched.pull(NOW)
    assert (watched.state.status, posted[-1].at) == ("interrupted", long_ago)
    assert not watched.following.is_quiet(NOW + 1, 60), "its file is let go of by its own time, and not found again"
    assert watched.pull(NOW + 1) == []
    write(path, {"type": "progress", "sessionId": ID}, at=NOW + 2)
    assert watched.pull(NOW + 2) == [], "what says nothing brings it not back"
    write(path, call("t2") | {"timestamp": (NOW + 3) * 1000}, at=NOW + 3)
    watched.pull(NOW + 3)
    assert watched.state.status == "active"
    watched.pull(NOW + 3 + SILENT - 1)
    assert watched.state.status == "active", "from then on its file counts"


def test_an_old_session_of_a_live_agent_is_not_ended_by_a_copy(path: Path) -> None:
    long_ago = (NOW - COPIED) * 1000 - 1
    write(path, prompt("go", timestamp=long_ago), call("t1") | {"timestamp": long_ago}, at=NOW)
    watched = Watched(path)
    watched.following.is_vouched = True
    watched.pull(NOW)
    assert watched.state.status == "active"


def test_what_is_written_and_says_nothing_is_no_silence(path: Path) -> None:
    watched = Watched(path)
    write(path, prompt("go"), call("t1"))
    watched.pull(NOW)
    write(path, {"type": "progress", "sessionId": ID}, at=NOW + 100)
    watched.pull(NOW + SILENT + 50)
    assert watched.state.status == "active"
    watched.pull(NOW + SILENT + 100)
    assert watched.state.status == "interrupted"


def test_a_busy_subagent_keeps_the_build_going(path: Path) -> None:
    write(path, prompt("go"), call("t1", "Agent", prompt="dig"), answer("it digs in the background"))
    file = path.with_suffix("") / "subagents" / "agent-1.jsonl"
    write(file, prompt("dig", isSidechain=True, agentId="1"), at=NOW)
    watched = Watched(path)
    watched.pull()
    write(file, {**call("s1"), "isSidechain": True, "agentId": "1"}, at=NOW + SETTLED)
    watched.pull(NOW + SETTLED)
    watched.pull(NOW + SETTLED + 1)
    assert watched.state.status == "active"
    watched.pull(NOW + 2 * SETTLED)
    assert watched.state.status == "completed"


def test_each_of_two_equal_prompts_gets_its_own_subagent(path: Path) -> None:
    write(path, prompt("go"), call("t1", "Task", prompt="dig"), call("t2", "Task", prompt="dig"))
    for number in ("1", "2"):
        aside = {"isSidechain": True, "agentId": number}
        file = path.with_name(f"agent-{number}.jsonl")
        write(file, prompt("dig", **aside), {**call(f"s{number}"), **aside}, at=NOW + int(number))
    watched = Watched(path)
    watched.pull()
    parents = {tool.id: tool.parent_id for tool in watched.state.tools() if tool.id.startswith("s")}
    assert parents == {"s1": "t1", "s2": "t2"}


def test_a_subagent_without_a_call_waits_and_is_then_shown_all_the_same(path: Path) -> None:
    write(path, prompt("go"))
    write(path.with_name("agent-9.jsonl"), prompt("dig", isSidechain=True), {**call("s1"), "isSidechain": True})
    watched = Watched(path)
    watched.pull()
    watched.pull(NOW + ORPHANED - 1)
    assert watched.state.tool("s1") is None
    watched.pull(NOW + ORPHANED)
    tool = watched.state.tool("s1")
    assert tool is not None
    assert tool.parent_id == "agent-9"


def test_a_new_reader_gives_the_same_ids(path: Path) -> None:
    write(path, prompt("go"), call("t1"), answer("done"))
    first, second = Watched(path), Watched(path)
    ids = [one.event_id for one in first.pull() + first.pull(NOW + SETTLED)]
    assert [one.event_id for one in second.pull() + second.pull(NOW + SETTLED)] == ids
    assert len(set(ids)) == len(ids)


def test_a_file_that_is_cut_and_goes_on_otherwise_adds_what_is_new(path: Path) -> None:
    write(path, prompt("go"), call("t1"), call("t2"))
    watched = Watched(path)
    watched.pull()
    write(path, prompt("go"), call("t1"), call("t3"), mode="w")
    write(path, answer("done"))
    watched.pull()
    assert [tool.id for tool in watched.state.tools()] == ["t1", "t2", "t3"]


def test_geminis_one_document_is_read_again_when_it_grew(tmp_path: Path) -> None:
    path = tmp_path / "session-1.json"
    messages: list[dict[str, Any]] = [{"id": "1", "type": "user", "content": "go", "timestamp": "2026-01-01T10:00:00Z"}]

    def save(cut: int = 0) -> None:
        text = json.dumps({"sessionId": ID, "projectHash": "x", "messages": messages}, indent=2)
        path.write_text(text[: len(text) - cut])
        os.utime(path, (NOW, NOW))

    save()
    watched = Watched(path, "gemini")
    watched.pull()
    messages.append({"id": "2", "type": "gemini", "content": "done", "timestamp": "2026-01-01T10:00:01Z"})
    save(cut=20)
    watched.pull()
    save()
    watched.pull()
    assert [note.text for note in watched.state.notes()] == ["go", "done"]
    watched.pull(NOW + SETTLED)
    assert [type(one.event) for one in watched.posted].count(TurnEnded) == 1
    assert watched.state.status == "completed"


def test_a_turn_that_ended_tells_how_many_secrets_were_masked(tmp_path: Path) -> None:
    secret, redactor = "ghp_" + "a1B2" * 9, Redactor()
    path = tmp_path / f"{ID}.jsonl"
    watched, other = Watched(path, redactor=redactor), redactor.copy()
    write(path, prompt(f"use {secret}"), call("t1", command=f"curl {secret}"), answer("Done."))
    watched.pull()
    watched.pull(NOW + SETTLED)
    notices = [note.text for note in watched.state.notes() if note.kind == "notice"]
    assert notices == ["masked 2 secrets: github-token ×2"]
    watched.following = SessionReader(watched.following.session, project_named("shop"), redactor=redactor)
    watched.pull()
    watched.pull(NOW + SETTLED)
    assert [note.text for note in watched.state.notes() if note.kind == "notice"] == notices, "after a new start"
    assert (redactor.news(), other.news(), watched.state.status) == (None, None, "completed")


def test_silence_is_no_end_of_an_agent_that_is_seen_to_live(path: Path) -> None:
    write(path, prompt("go"), call("t1"))
    watched = Watched(path)
    watched.following.is_vouched = True
    watched.pull(NOW + 10 * SILENT)
    assert (watched.state.status, watched.state.open_tools) == ("active", {"t1"})
    watched.following.is_vouched = False
    watched.pull(NOW + 10 * SILENT)
    assert watched.state.status == "interrupted"


def limit(text: str = "You've hit your session limit · resets 3pm (UTC)") -> dict[str, Any]:
    message = {
        "id": "x",
        "model": "<synthetic>",
        "stop_reason": "stop_sequence",
        "content": [{"type": "text", "text": text}],
    }
    record = {"type": "assistant", "message": message, "error": "rate_limit", "isApiErrorMessage": True}
    return record | {"timestamp": "2026-11-20T09:00:03.000Z", "sessionId": "s", "uuid": "u-limit"}


NINE = 1_795_165_200.0
RESET = NINE + 6 * 3600


def test_a_limit_of_the_plan_is_waited_for_until_the_agent_goes_on_by_itself(path: Path) -> None:
    watched = Watched(path)
    write(path, prompt("go"), limit(), at=NINE + 3)
    watched.pull(NINE + 4)
    waiting = watched.state
    assert (waiting.status, waiting.activity.kind, waiting.activity.what) == ("active", "waiting-machine", "rate limit")
    assert waiting.activity.until == RESET * 1000
    assert not watched.pull(NINE + 3600)
    write(
        path, prompt("Continue from where you left off.", isMeta=True, timestamp="2026-11-20T15:00:01.000Z"), at=RESET
    )
    watched.pull(RESET + 1)
    assert (watched.state.activity.kind, watched.state.error) == ("working", "")
    write(path, answer("done") | {"timestamp": "2026-11-20T15:00:09.000Z"}, at=RESET)
    watched.pull(RESET + 10)
    assert (watched.state.status, watched.state.activity.kind) == ("completed", "idle")


@pytest.mark.parametrize("leaves", [True, False], ids=["chosen", "late"])
def test_a_limit_is_waited_for_no_longer_when_a_person_chose_or_its_time_is_over(path: Path, leaves: bool) -> None:
    watched = Watched(path)
    write(path, prompt("go"), limit(), at=NINE + 3)
    watched.pull(NINE + 4)
    if leaves:
        chosen = (
            "<command-name>/rate-limit-options</command-name>\n<command-message>rate-limit-options</command-message>"
        )
        write(path, prompt(chosen), at=NINE + 20)
    watched.pull(NINE + 21 if leaves else RESET + LATE + 1)
    assert (watched.state.status, watched.state.activity.kind) == ("failed", "idle")
    assert watched.state.error == "You've hit your session limit · resets 3pm (UTC)"


def test_a_limit_that_was_reset_long_ago_is_waited_for_by_nobody(path: Path) -> None:
    watched = Watched(path)
    write(path, prompt("go"), limit(), at=NINE + 3)
    watched.pull(RESET + 86_400)
    assert (watched.state.status, watched.state.activity.kind) == ("failed", "idle")
