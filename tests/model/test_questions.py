"""A question to a person is open from its call to its answer, whichever source told of the call."""

import pytest
from msgspec import Raw
from msgspec.structs import replace

from sentryvibe_tui.model.activity import Request
from sentryvibe_tui.model.events import About, TextAdded, TodosReported, ToolEnded, ToolStarted
from sentryvibe_tui.model.facts import BuildEnded, InputNeeded, Noticed, RequestOpened, RequestResolved, TodoItem
from sentryvibe_tui.model.merge import merge
from sentryvibe_tui.model.questions import LIMIT, NEAR, permission, question, request_kind
from sentryvibe_tui.model.reducer import apply, reduce
from sentryvibe_tui.model.requests import OF_SUBAGENT
from sentryvibe_tui.model.state import BuildState

GIVEN = Raw(b'{"questions":[{"question":"Which database?","options":[{"label":"Postgres"},{"label":"SQLite"}]}]}')
ASKED = "Which database? (Postgres, SQLite)"
ASK, ANSWER = ToolStarted("q", "AskUserQuestion", GIVEN), ToolEnded("q", Raw(b'"SQLite"'))
OTHER = ToolStarted("t", "Bash", Raw(b"{}"))


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("AskUserQuestion", bytes(GIVEN), ASKED),
        ("request_user_input", b'{"questions":[{"question":"Which?"},{"question":"When?"}]}', "Which?\nWhen?"),
        ("ask_user", b'{"questions":[{"question":"Which?","options":["A","B"]}]}', "Which? (A, B)"),
        ("ask_user", b'{"question":"Which?"}', "Which?"),
        ("AskUserQuestion", b"{}", "a question"),
        ("AskUserQuestion", b'{"questions":7}', "a question"),
        ("AskUserQuestion", b"[broken", "a question"),
        ("AskUserQuestion", None, ""),
        ("ExitPlanMode", b'{"plan":"# Plan"}', "the plan waits for approval"),
        ("Bash", b'{"question":"Which?"}', ""),
    ],
)
def test_what_a_call_asks(name: str, given: bytes | None, said: str) -> None:
    assert question(name, None if given is None else Raw(given)) == said


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("Bash", b'{"command":"npm test","description":"Run tests"}', "permission: Bash: npm test"),
        ("shell", b'{"command":["bash","-lc","ls | wc"],"workdir":"/w"}', "permission: shell: bash -lc 'ls | wc'"),
        ("Edit", b'{"old_string":"a","file_path":"/w/a.py"}', "permission: Edit: /w/a.py"),
        ("WebFetch", b'{"url":"https://a.example","prompt":"Sum up"}', "permission: WebFetch: https://a.example"),
        ("mcp__mail__send", b'{"to":"a@b.example","n":1}', 'permission: mcp__mail__send: {"to":"a@b.example","n":1}'),
        ("Bash", b'{"command":" ","file_path":7}', 'permission: Bash: {"command":" ","file_path":7}'),
        ("Bash", b"{}", "permission: Bash"),
        ("Bash", b"[1]", "permission: Bash"),
        ("Bash", None, "permission: Bash"),
        ("", None, "permission: a question"),
        ("Bash", b'{"command":"' + b"x" * 3000 + b'"}', "permission: Bash: " + "x" * (LIMIT - 19) + "…"),
    ],
)
def test_what_a_call_may_be_allowed_to_do(name: str, given: bytes | None, said: str) -> None:
    assert permission(name, None if given is None else Raw(given)) == said


@pytest.mark.parametrize(
    ("events", "needs"),
    [
        ([ASK], ASKED),
        ([ToolStarted("q", "AskUserQuestion"), ASK], ASKED),
        ([ASK, ANSWER], ""),
        ([ASK, ToolEnded("q", Raw(b'"no"'), is_error=True)], ""),
        ([OTHER, ASK, ToolEnded("t")], ASKED),
        ([ASK, OTHER, ToolEnded("t")], ASKED),
        ([ASK, OTHER, ANSWER], ""),
        ([ASK, Noticed("compacted"), TodosReported((TodoItem("one"),))], ASKED),
        ([ASK, TextAdded("n", "so I go on")], ""),
        ([ASK, TextAdded("n", "so I go on"), OTHER], ""),
        ([ASK, ANSWER, ASK], ""),
        ([ASK, ToolStarted("p", "ExitPlanMode", Raw(b"{}")), ToolEnded("p")], ASKED),
        ([ASK, InputNeeded("permission: Bash"), OTHER], ASKED),
        ([ASK, BuildEnded("completed")], ""),
        ([BuildEnded("completed"), ASK], ASKED),
        ([ASK, *(ToolEnded(f"t{number}") for number in range(NEAR))], ASKED),
    ],
)
def test_a_question_is_open_until_it_is_answered_or_passed_over(fold, events, needs) -> None:
    state, log = fold(events)
    assert state.needs_input == needs
    again = BuildState()
    for entry in log:
        again = apply(again, entry)
    assert again == state


def test_a_bare_message_beside_a_question_is_no_second_one(fold) -> None:
    """Claude Code notifies of each dialog 6 s after it, in words that say nothing of it."""
    asked, _ = fold([ASK, InputNeeded("Claude needs your permission")])
    assert [one.title for one in asked.requests] == [ASKED]


SPAWN, SPAWN_MORE = ToolStarted("p1", "spawn_agent"), ToolStarted("p2", "spawn_agent")
TOLD = RequestOpened(Request("asked-1", "permission", "permission: Bash: make", "Bash", parent_id="p1"))
TOLD_MORE = RequestOpened(Request("asked-2", "permission", "permission: Bash: ls", "Bash", parent_id="p2"))
OWN = RequestOpened(Request("own", "permission", "permission: Bash: rm", "Bash"))
SEEN, SEEN_MORE = (RequestOpened(Request(f"{OF_SUBAGENT}{n}", "permission", "permission: a subagent")) for n in "12")


@pytest.mark.parametrize(
    ("asked", "open_"),
    [
        ([SEEN, SEEN_MORE], [f"{OF_SUBAGENT}1", f"{OF_SUBAGENT}2"]),
        ([SEEN, TOLD], ["asked-1"]),
        ([TOLD, SEEN], ["asked-1"]),
        ([TOLD, TOLD_MORE, SEEN, SEEN_MORE], ["asked-1", "asked-2"]),
        ([SEEN, TOLD, TOLD_MORE, SEEN_MORE], ["asked-1", "asked-2"]),
        ([TOLD, SEEN, RequestResolved("asked-1")], []),
        ([OWN, SEEN], ["own", f"{OF_SUBAGENT}1"]),
    ],
)
def test_what_a_subagent_is_seen_to_wait_for_is_what_it_says(fold, asked, open_) -> None:
    """A witness that knows no words, and a hook that does, tell of the same dialog."""
    state, _ = fold([SPAWN, SPAWN_MORE, *asked])
    assert [one.id for one in state.requests] == open_


def test_of_many_open_calls_only_the_latest_are_looked_at(fold, monkeypatch) -> None:
    many = [ToolStarted(f"t{number}", "Bash", Raw(b"{}")) for number in range(20 * NEAR)]
    state, _ = fold(many)
    looked = []
    real = BuildState.tool
    monkeypatch.setattr(BuildState, "tool", lambda self, ident: looked.append(ident) or real(self, ident))
    after, _ = reduce(state, ASK, 5_000, About("shop", "s1", "b1"))
    assert after.needs_input == ASKED
    assert len(looked) <= 2 * NEAR


def test_an_original_server_tells_of_calls_only(fold) -> None:
    asked, log = fold([OTHER, ASK])
    unversioned = replace(asked, version=0, requests=())
    assert merge(BuildState(), unversioned, 5).needs_input == ASKED
    assert merge(unversioned, unversioned, 5).needs_input == ASKED
    update = log[-1].updates[0]
    told = apply(BuildState(id="b1"), replace(log[-1], version=0, updates=(update,)))
    assert told.needs_input == ASKED
    ended = replace(update, state="output-available", output=Raw(b'"A"'))
    assert apply(told, replace(log[-1], version=0, updates=(ended,))).needs_input == ""


def test_an_approval_is_a_plan_whatever_its_agent_calls_it() -> None:
    assert [request_kind(name, "?") for name in ("ExitPlanMode", "exit_plan_mode", "plan_exit")] == ["plan"] * 3
    assert (request_kind("AskUserQuestion", ASKED), request_kind("Bash", "")) == ("question", "permission")
