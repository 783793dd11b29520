"""What an agent does and waits for: each row is a story, each time is milliseconds at the agent."""

import pytest
from msgspec import Raw

from sentryvibe_tui.model.activity import PROCESS_GONE, Activity, Request
from sentryvibe_tui.model.events import (
    About,
    ActivityReported,
    BuildEvent,
    BuildStarted,
    TextAdded,
    ToolEnded,
    ToolStarted,
    UsageReported,
)
from sentryvibe_tui.model.facts import (
    BackgroundMoved,
    BuildEnded,
    InputNeeded,
    RequestOpened,
    RequestResolved,
    TurnEnded,
)
from sentryvibe_tui.model.reducer import apply, reduce
from sentryvibe_tui.model.requests import LIMIT
from sentryvibe_tui.model.state import BuildState, Usage
from sentryvibe_tui.model.updates import BuildBegan, Entry, ToolChanged

ABOUT = About("p", "s", "b")
BASH = ToolStarted("c1", "Bash", Raw(b'{"command":"touch x"}'))
READ = ToolStarted("c2", "Read", Raw(b'{"file_path":"a.py"}'))
HELPER = ToolStarted("h", "Agent", Raw(b'{"description":"look around"}'))
PROMPT, MORE = (TextAdded(f"p{n}", f"do {n}", "prompt", whole=True) for n in (1, 2))
ANSWER = TextAdded("a1", "done", whole=True)
STOP = TurnEnded("completed", "all done", source="hook")
ESC = TurnEnded("cancelled", source="file")
GUESS = BuildEnded("interrupted", source="silence")
GONE = BuildEnded("interrupted", error=PROCESS_GONE, source="registry")
FAIL = TurnEnded("failed", error="no more", source="file")
LIMITED = ActivityReported("waiting-machine", "rate limit", 900, "file")
MOVED = BackgroundMoved("c1", "npm run dev")
OUT = Raw(b'"ok"')


def tell(*story: tuple[int, BuildEvent]) -> BuildState:
    state, log = BuildState(), list[Entry]()
    for at, event in story:
        state, entry = reduce(state, event, at, ABOUT)
        log += [] if entry is None else [entry]
    again = BuildState()
    for entry in log:
        again = apply(again, entry)
    assert again == state
    return state


def permission(ident: str = "r1", call: str = "c1", **more) -> RequestOpened:
    return RequestOpened(Request(ident, "permission", "Bash touch x", "Bash", call, **more))


def registry(kind: str, what: str = "", until: int | None = None) -> ActivityReported:
    return ActivityReported(kind, what, until, "registry")


STORIES = {
    "a prompt": ([(1, PROMPT)], "active", "working", 1, ""),
    "a turn ends": ([(1, PROMPT), (2, BASH), (3, ToolEnded("c1", OUT)), (9, STOP)], "completed", "idle", 9, ""),
    "a session ends": ([(1, PROMPT), (9, BuildEnded("failed", error="limit"))], "failed", "ended", 9, ""),
    "a turn and then the session": (
        [(1, PROMPT), (5, STOP), (9, BuildEnded("interrupted"))],
        "completed",
        "ended",
        9,
        "",
    ),
    "killed at work": ([(1, PROMPT), (2, BASH), (9, GONE)], "interrupted", "ended", 9, ""),
    "killed while idle": ([(1, PROMPT), (5, STOP), (9, GONE)], "completed", "ended", 9, ""),
    "the next prompt": ([(1, PROMPT), (5, STOP), (9, MORE)], "active", "working", 9, ""),
    "no prompt is needed": ([(1, PROMPT), (5, STOP), (9, BASH)], "active", "working", 9, ""),
    "after the session too": ([(1, PROMPT), (5, GONE), (9, BASH)], "active", "working", 9, ""),
    "no work": ([(1, PROMPT), (5, STOP), (9, UsageReported(Usage(3)))], "completed", "idle", 5, ""),
    "a call's end after the turn": ([(1, BASH), (5, STOP), (9, ToolEnded("c1", OUT))], "completed", "idle", 5, ""),
    "a call's end after a guess": ([(1, BASH), (5, GUESS), (9, ToolEnded("c1", OUT))], "active", "working", 9, ""),
    "a late word": ([(1, PROMPT), (500, STOP), (300, BASH)], "completed", "idle", 500, ""),
    "a late end": ([(1, PROMPT), (500, ANSWER), (700, MORE), (510, ESC)], "active", "working", 1, ""),
    "permission": ([(1, BASH), (2, permission())], "active", "waiting-person", 2, "Bash touch x"),
    "allowed": ([(1, BASH), (2, permission()), (9, ToolEnded("c1", OUT))], "active", "working", 9, ""),
    "another call is no answer": (
        [(1, BASH), (2, permission()), (9, READ)],
        "active",
        "waiting-person",
        2,
        "Bash touch x",
    ),
    "words are": ([(1, BASH), (2, permission()), (9, ANSWER)], "active", "working", 9, ""),
    "answered elsewhere": ([(1, BASH), (2, permission()), (9, RequestResolved("r1"))], "active", "working", 9, ""),
    "Esc in a permission": ([(1, BASH), (2, permission()), (9, ESC)], "cancelled", "idle", 9, ""),
    "asked twice, one call": (
        [(1, BASH), (2, permission()), (3, permission("r2"))],
        "active",
        "waiting-person",
        2,
        "Bash touch x",
    ),
    "asked before its call is told": ([(2, permission()), (1, BASH)], "active", "waiting-person", 2, "Bash touch x"),
    "asked, and told after its end": (
        [(1, BASH), (3, ToolEnded("c1", OUT)), (2, permission())],
        "active",
        "working",
        1,
        "",
    ),
    "a message": ([(1, BASH), (2, InputNeeded("which?"))], "active", "waiting-person", 2, "which?"),
    "a message passed over": ([(1, BASH), (2, InputNeeded("which?")), (9, READ)], "active", "working", 9, ""),
    "a message taken back": ([(1, BASH), (2, InputNeeded("which?")), (9, InputNeeded(""))], "active", "working", 9, ""),
    "a message from before": (
        [(1, BASH), (9, InputNeeded("which?")), (5, READ)],
        "active",
        "waiting-person",
        9,
        "which?",
    ),
    "asks after its end": (
        [(1, PROMPT), (5, STOP), (9, InputNeeded("which?"))],
        "active",
        "waiting-person",
        9,
        "which?",
    ),
    "background": ([(1, BASH), (2, MOVED), (5, STOP)], "active", "waiting-machine", 5, "npm run dev"),
    "allowed, and moved": (
        [(1, BASH), (2, permission()), (3, MOVED), (5, STOP)],
        "active",
        "waiting-machine",
        5,
        "npm run dev",
    ),
    "background in the turn": ([(1, BASH), (2, MOVED)], "active", "working", 1, ""),
    "moved though it answered": (
        [(1, BASH), (2, ToolEnded("c1", OUT)), (2, MOVED), (5, STOP)],
        "active",
        "waiting-machine",
        5,
        "npm run dev",
    ),
    "told to be moved after the turn": (
        [(1, BASH), (500, STOP), (200, MOVED)],
        "active",
        "waiting-machine",
        200,
        "npm run dev",
    ),
    "never after the session": ([(1, BASH), (500, GONE), (200, MOVED)], "interrupted", "ended", 500, ""),
    "moved, never started": ([(1, PROMPT), (2, MOVED), (5, STOP)], "active", "waiting-machine", 5, "npm run dev"),
    "background ends": ([(1, BASH), (2, MOVED), (5, STOP), (9, ToolEnded("c1", OUT))], "completed", "idle", 9, ""),
    "background ends in the turn": ([(1, BASH), (2, MOVED), (5, ToolEnded("c1", OUT))], "active", "working", 1, ""),
    "background and a new turn": (
        [(1, BASH), (2, MOVED), (5, STOP), (8, MORE), (9, ToolEnded("c1", OUT))],
        "active",
        "working",
        8,
        "",
    ),
    "background after Esc": ([(1, BASH), (2, MOVED), (5, ESC), (9, ToolEnded("c1", OUT))], "cancelled", "idle", 9, ""),
    "two in the background": (
        [(1, BASH), (2, MOVED), (3, READ), (4, BackgroundMoved("c2")), (5, STOP)],
        "active",
        "waiting-machine",
        5,
        "npm run dev +1",
    ),
    "one of two ends": (
        [(1, BASH), (2, MOVED), (3, READ), (4, BackgroundMoved("c2")), (5, STOP), (9, ToolEnded("c1"))],
        "active",
        "waiting-machine",
        5,
        "npm run dev +1",
    ),
    "a helper's calls": (
        [(1, HELPER), (2, BackgroundMoved("h")), (5, STOP), (8, ToolStarted("x", "Grep", parent_id="h"))],
        "active",
        "waiting-machine",
        5,
        "Agent look around",
    ),
    "a helper asks": (
        [(1, HELPER), (2, BackgroundMoved("h")), (5, STOP), (8, permission("r", "x", parent_id="h"))],
        "active",
        "waiting-person",
        8,
        "Bash touch x",
    ),
    "killed with its background": ([(1, BASH), (2, MOVED), (5, STOP), (9, GONE)], "interrupted", "ended", 9, ""),
    "asks itself while its background runs": (
        [(1, BASH), (2, MOVED), (5, STOP), (8, InputNeeded("which?")), (9, ToolEnded("c1", OUT))],
        "active",
        "waiting-person",
        8,
        "which?",
    ),
    "a limit": (
        [(1, PROMPT), (5, registry("waiting-machine", "rate limit", 99))],
        "active",
        "waiting-machine",
        5,
        "rate limit",
    ),
    "a limit is over": (
        [(1, PROMPT), (5, registry("waiting-machine", "rate limit", 99)), (99, BASH)],
        "active",
        "working",
        99,
        "",
    ),
    "the registry's shell": (
        [(1, PROMPT), (5, STOP), (6, registry("waiting-machine", "shell"))],
        "active",
        "waiting-machine",
        6,
        "shell",
    ),
    "its shell first": (
        [(1, PROMPT), (600, registry("waiting-machine", "shell")), (590, STOP)],
        "active",
        "waiting-machine",
        600,
        "shell",
    ),
    "and its end": (
        [(1, PROMPT), (5, STOP), (6, registry("waiting-machine", "shell")), (9, registry("idle"))],
        "completed",
        "idle",
        9,
        "",
    ),
    "idle at its start": ([(1, BuildStarted()), (2, registry("idle"))], "active", "idle", 2, ""),
    "idle in a call": ([(1, BASH), (9, registry("idle"))], "interrupted", "idle", 9, ""),
    "idle without an answer": ([(1, PROMPT), (9, registry("idle"))], "interrupted", "idle", 9, ""),
    "idle after words": ([(1, PROMPT), (5, ANSWER), (9, registry("idle"))], "completed", "idle", 9, ""),
    "idle, then told of Esc": ([(1, BASH), (9, registry("idle")), (8, ESC)], "cancelled", "idle", 9, ""),
    "idle while a helper runs": (
        [(1, HELPER), (2, BackgroundMoved("h")), (9, registry("idle"))],
        "active",
        "waiting-machine",
        9,
        "Agent look around",
    ),
    "busy from before the end": ([(1, PROMPT), (500, STOP), (60, registry("working"))], "completed", "idle", 500, ""),
    "busy after the end": ([(1, PROMPT), (5, STOP), (9, registry("working"))], "active", "working", 9, ""),
    "busy after a guess": ([(1, PROMPT), (500, GUESS), (60, registry("working"))], "active", "working", 60, ""),
    "a guess that is confirmed": (
        [(1, PROMPT), (5, GUESS), (6, STOP), (3, registry("working"))],
        "completed",
        "idle",
        6,
        "",
    ),
    "asks before a silent end": (
        [(1, PROMPT), (5, BuildEnded("completed", source="silence")), (3, registry("waiting-person", "an answer"))],
        "completed",
        "ended",
        5,
        "",
    ),
    "no guess against a witness": ([(1, PROMPT), (2, registry("working")), (500, GUESS)], "active", "working", 1, ""),
    "no guess against a wait": (
        [(1, BASH), (2, permission()), (500, GUESS)],
        "active",
        "waiting-person",
        2,
        "Bash touch x",
    ),
    "nor against background": (
        [(1, BASH), (2, MOVED), (5, STOP), (500, GUESS)],
        "active",
        "waiting-machine",
        5,
        "npm run dev",
    ),
    "a limit, and a register that sees nothing": (
        [(1, PROMPT), (5, FAIL), (5, LIMITED), (9, registry("idle"))],
        "active",
        "waiting-machine",
        5,
        "rate limit",
    ),
    "the register was quicker": (
        [(1, PROMPT), (7, registry("idle")), (5, FAIL), (5, LIMITED)],
        "active",
        "waiting-machine",
        5,
        "rate limit",
    ),
    "after the limit's time": (
        [(1, PROMPT), (5, FAIL), (5, LIMITED), (901, registry("idle"))],
        "failed",
        "idle",
        901,
        "",
    ),
    "the limit is reset": (
        [(1, PROMPT), (5, FAIL), (5, LIMITED), (900, registry("working"))],
        "active",
        "working",
        900,
        "",
    ),
    "asked before a turn that left something in the background, and told late": (
        [(1, BASH), (2, MOVED), (5, ESC), (3, permission("r1", ""))],
        "active",
        "waiting-machine",
        5,
        "npm run dev",
    ),
    "seen waiting, and its call is told late": (
        [(1, PROMPT), (5, registry("waiting-person", "permission prompt")), (3, READ), (4, BASH)],
        "active",
        "waiting-person",
        5,
        "permission prompt: Bash touch x",
    ),
    "seen waiting": (
        [(1, BASH), (2, registry("waiting-person", "permission prompt"))],
        "active",
        "waiting-person",
        2,
        "permission prompt: Bash touch x",
    ),
    "seen waiting, then told": (
        [(1, BASH), (2, registry("waiting-person", "permission prompt")), (4, permission())],
        "active",
        "waiting-person",
        2,
        "Bash touch x",
    ),
    "told, then seen waiting": (
        [(1, BASH), (2, permission()), (4, registry("waiting-person", "permission prompt"))],
        "active",
        "waiting-person",
        2,
        "Bash touch x",
    ),
    "seen answered": ([(1, BASH), (2, permission()), (9, registry("working"))], "active", "working", 9, ""),
    "busy from before the wait": (
        [(1, BASH), (60, permission()), (5, registry("working"))],
        "active",
        "waiting-person",
        60,
        "Bash touch x",
    ),
    "gone while it waits": ([(1, BASH), (2, permission()), (9, registry("ended"))], "interrupted", "ended", 9, ""),
}


@pytest.mark.parametrize("name", STORIES)
def test_stories(name: str) -> None:
    story, status, kind, since, what = STORIES[name]
    state = tell(*story)
    now = state.activity
    assert (state.status, now.kind, now.since, now.what) == (status, kind, since, what)


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        (TurnEnded("interrupted"), ESC, "cancelled"),
        (TurnEnded("completed"), TurnEnded("failed", error="no"), "failed"),
        (ESC, TurnEnded("completed", source="file"), "cancelled"),
        (ESC, TurnEnded("completed", source="hook"), "completed"),
        (STOP, TurnEnded("interrupted", source="registry"), "completed"),
        (GUESS, STOP, "completed"),
    ],
)
def test_two_words_about_one_end(first: BuildEvent, second: BuildEvent, status: str) -> None:
    assert tell((1, PROMPT), (5, first), (6, second)).status == status


def test_the_calls_that_a_guess_closed_are_under_way_again_and_those_of_a_real_end_are_not() -> None:
    assert tell((1, BASH), (5, GUESS), (9, READ)).open_tools == {"c1", "c2"}
    assert tell((1, BASH), (5, ESC), (9, READ)).open_tools == {"c2"}


def test_the_end_of_the_turn_is_told_with_the_end_of_its_background() -> None:
    state = tell((1, BASH), (2, MOVED), (3, TurnEnded("failed", "half of it", "no network")))
    assert (state.ended_at, state.error) == (None, "")
    state, entry = reduce(state, ToolEnded("c1", OUT), 9, ABOUT)
    assert (state.status, state.summary, state.error, state.ended_at) == ("failed", "half of it", "no network", 9)
    assert [type(update).__name__ for update in entry.updates] == ["ToolChanged", "BuildEnded", "ActivityChanged"]


def test_the_answer_by_which_a_call_went_to_the_background_does_not_end_it_there() -> None:
    told = ((1, BASH), (2, ToolEnded("c1", OUT)), (2, MOVED))
    assert tell(*told, (3, ToolEnded("c1", OUT))).in_background == {"c1"}
    ended = tell(*told, (9, ToolEnded("c1", Raw(b'"exit 1"'), is_error=True)), (3, ToolEnded("c1", OUT)), (3, MOVED))
    assert (ended.tool("c1").state, ended.tool("c1").output, ended.error_count) == ("error", Raw(b'"exit 1"'), 1)


def test_what_a_call_answered_before_it_was_seen_to_go_on_is_not_its_end_however_late_that_is_told() -> None:
    witnessed = (
        (1, BASH),
        (5, ESC),
        (5, MOVED),
        (5, ActivityReported("waiting-machine", "npm run dev", None, "socket")),
    )
    late = tell(*witnessed, (4, ToolEnded("c1", OUT, is_error=True)))
    assert (late.activity.kind, late.in_background, late.tool("c1").output) == ("waiting-machine", {"c1"}, OUT)
    assert tell(*witnessed, (4, ToolEnded("c1", OUT)), (7, ToolEnded("c1", Raw(b"0")))).status == "cancelled"


def test_the_end_of_a_call_counts_when_its_file_saw_it_go_on_earlier_than_a_hook_that_came_first() -> None:
    file = ((2, ToolEnded("c1", OUT)), (2, MOVED), (3, ToolEnded("c1", Raw(b'"exit 0"'))))
    assert tell((1, BASH), (4, MOVED), *file, (5, STOP)).activity.kind == "idle"


def test_a_witness_that_sees_an_agent_at_rest_vouches_for_it() -> None:
    """Its file told the end of the turn first; since when it rests stays as it is."""
    file = TurnEnded("completed", source="file")
    state = tell((1, PROMPT), (5, file), (6, registry("idle", "")))
    assert (state.activity.kind, state.activity.since, state.activity.source) == ("idle", 5, "registry")
    assert tell((1, PROMPT), (5_000, file), (4_990, registry("idle", ""))).activity.source == "registry"
    assert tell((1, PROMPT), (5_000, file), (2_000, registry("idle", ""))).activity.source == "file"
    assert tell((1, PROMPT), (5, STOP), (6, ActivityReported("idle", "", None, "file"))).activity.source == "hook"


def test_a_question_that_is_told_late_takes_the_place_of_what_a_witness_saw() -> None:
    asks = ToolStarted("q", "AskUserQuestion", Raw(b'{"questions":[{"question":"Which color?","options":[]}]}'))
    state = tell((1, PROMPT), (5, registry("waiting-person", "input needed")), (4, asks))
    assert [(one.id, one.title, one.since) for one in state.requests] == [("q", "Which color?", 5)]
    assert (
        tell((1, PROMPT), (5, registry("waiting-person", "input needed")), (4, asks), (9, ToolEnded("q", OUT))).requests
        == ()
    )


def test_the_request_that_can_be_answered_here_is_kept() -> None:
    held = permission("held", answerable=True)
    for first, second in ((held, permission("seen")), (permission("seen"), held)):
        state = tell((1, BASH), (2, first), (3, second))
        assert [(one.id, one.since) for one in state.requests] == [("held", 2)]


def test_a_request_names_the_open_call_of_its_tool() -> None:
    asked = RequestOpened(Request("r", title="Bash touch x", tool="Bash"))
    assert tell((1, BASH), (2, READ), (3, asked)).requests[0].tool_call_id == "c1"


def test_several_wait_oldest_first() -> None:
    state = tell((1, BASH), (2, READ), (3, permission("r2", "c2")), (4, permission("r1", "c1")))
    assert [one.id for one in state.requests] == ["r2", "r1"]
    state = tell((1, BASH), (2, READ), (3, permission("r2", "c2")), (4, permission()), (9, ToolEnded("c2")))
    assert ([one.id for one in state.requests], state.activity.since) == (["r1"], 4)


def test_open_requests_are_bounded_and_the_oldest_expires() -> None:
    state = tell(*((n, permission(f"r{n}", f"x{n}")) for n in range(1, LIMIT + 3)))
    assert (len(state.requests), state.requests[0].id) == (LIMIT, "r3")


def test_a_log_of_version_0_1_says_the_same() -> None:
    began = Entry(1, 1, (BuildBegan("b", "s", "p"), ToolChanged("c1", "Bash", -1, "input-available")))
    state = apply(BuildState(), began)
    assert state.activity == Activity("working", 1)
    state = apply(state, Entry(2, 2, (InputNeeded("permission: Bash"),)))
    assert (state.activity, state.needs_input) == (
        Activity("waiting-person", 2, "permission: Bash"),
        "permission: Bash",
    )
    state = apply(state, Entry(3, 3, (InputNeeded(""),)))
    assert (state.activity.kind, state.requests) == ("working", ())
    state = apply(state, Entry(4, 4, (BuildEnded("completed"),)))
    assert state.activity == Activity("ended", 4)
    assert apply(state, Entry(5, 5, (BuildBegan("b", "s", "p"),))).activity == Activity("working", 5)
