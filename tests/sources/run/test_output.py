"""A command's output as events."""

import json
from collections.abc import Iterable

import msgspec
import pytest

from sentryvibe_tui.agents.common.reader import Reported
from sentryvibe_tui.agents.redact import Redactor
from sentryvibe_tui.model.events import About, BuildEvent
from sentryvibe_tui.model.facts import BuildEnded, Noticed
from sentryvibe_tui.model.reducer import reduce
from sentryvibe_tui.model.state import BuildState
from sentryvibe_tui.sources.run.output import STREAMED, TEXT_LIMIT, Exit, Output
from sentryvibe_tui.wire.json import plain

INIT = {
    "type": "system",
    "subtype": "init",
    "session_id": "s",
    "model": "m",
    "cwd": "/agent",
    "claude_code_version": "2",
}
CALL = {
    "type": "assistant",
    "session_id": "s",
    "uuid": "u1",
    "message": {"id": "m1", "content": [{"type": "tool_use", "id": "t1", "name": "Bash", "input": {}}]},
}
SAID = {
    "type": "assistant",
    "session_id": "s",
    "uuid": "u2",
    "message": {"id": "m2", "content": [{"type": "text", "text": "All done"}]},
}
RESULT = {"type": "result", "subtype": "success", "is_error": False, "num_turns": 1, "session_id": "s", "result": "ok"}


def lines(*records: object) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def state_of(reports: Iterable[Reported]) -> BuildState:
    state = BuildState()
    for report in reports:
        state, _ = reduce(state, report.event, 0, About("p", "s", "b"))
    return state


def events(reports: Iterable[Reported]) -> list[type[BuildEvent]]:
    return [type(report.event) for report in reports]


def claude() -> Output:
    return Output(["claude", "-p", "x"], "claude", "claude-stream", "/here")


def other(redactor: Redactor | None = None) -> Output:
    return Output(["make", "all it"], "make", "", "/here", redactor)


def taken(output: Output) -> list[tuple[int, bytes]]:
    printed, output.printed = output.printed, []
    return printed


def test_an_agents_text_is_printed_and_its_events_are_not() -> None:
    output = claude()
    reports = output.stdout(b"npm warn old\n" + lines(INIT, CALL, SAID, RESULT)) + output.stderr(b"hm\n")
    reports += output.finish(Exit(0))
    assert b"".join(data for stream, data in output.printed if stream == 1) == b"npm warn old\nAll done\n"
    assert [data for stream, data in output.printed if stream == 2] == [b"hm\n"]
    state = state_of(reports)
    assert (state.status, state.agent.cwd, state.summary) == ("completed", "/agent", "ok")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (1, "claude exited with code 1"),
        (-9, "claude was killed by SIGKILL"),
        (0, "claude exited with code 0"),
    ],
)
def test_an_output_that_just_ends_is_interrupted_whatever_the_code(code: int, words: str) -> None:
    output = claude()
    state = state_of(
        output.stdout(lines(INIT, CALL))
        + output.stderr(b"Error: \x1b[31mno credit\x1b[0m\n")
        + output.finish(Exit(code))
    )
    assert (state.status, state.error) == ("interrupted", f"{words} without an end of the build")
    assert [tool.state for tool in state.tools()] == ["interrupted"]
    assert [note.text for note in state.notes()] == [f"{words}: Error: no credit"]


def test_an_agent_that_never_began_is_shown_as_a_command() -> None:
    output = claude()
    state = state_of(output.stdout(b"Invalid API key\n") + output.finish(Exit(1)))
    assert taken(output) == [(1, b"Invalid API key\n")]
    (call,) = state.tools()
    assert (state.status, call.state, plain(call.output)) == ("failed", "error", "Invalid API key\n")


def test_another_command_is_one_call_with_its_output_as_text() -> None:
    output = other()
    reports = output.stdout(b"building\n") + output.stderr(b"a warning\n") + output.flush()
    assert taken(output) == [(1, b"building\n"), (2, b"a warning\n")]
    state = state_of(reports)
    assert [(tool.name, plain(tool.input), tool.is_open) for tool in state.tools()] == [
        ("Bash", {"command": "make 'all it'"}, True)
    ]
    assert [note.text for note in state.notes()] == ["building\na warning\n"]
    state = state_of(reports + output.stdout(b"done") + output.finish(Exit(0)))
    assert (state.status, state.agent.title, state.agent.agent_id) == ("completed", "make 'all it'", "make")
    assert [plain(tool.output) for tool in state.tools()] == ["building\na warning\ndone"]
    assert [note.text for note in state.notes()] == ["building\na warning\ndone"]


@pytest.mark.parametrize(("code", "status"), [(0, "completed"), (2, "failed"), (-15, "interrupted")])
def test_its_exit_code_says_how_it_ended(code: int, status: str) -> None:
    assert state_of(other().finish(Exit(code))).status == status


def test_an_unknown_command_may_speak_a_known_format() -> None:
    output, whole = other(), lines(INIT, CALL, SAID, RESULT)
    reports = [report for at in range(len(whole)) for report in output.stdout(whole[at : at + 1])]
    state = state_of(reports + output.finish(Exit(0)))
    assert [tool.id for tool in state.tools()] == ["t1"]
    assert state.status == "completed"
    assert b"".join(data for _, data in output.printed) == b"All done\n"


def test_json_of_no_known_format_is_text() -> None:
    output = other()
    held = output.stdout(b'{"level":"info"}\n')
    assert held == []
    state = state_of(output.finish(Exit(0)))
    assert taken(output) == [(1, b'{"level":"info"}\n')]
    assert [note.text for note in state.notes()] == ['{"level":"info"}\n']


def test_a_silent_command_is_published_before_it_speaks() -> None:
    output = other()
    reports = output.waiting()
    assert state_of(reports).open_tools == {"command"}
    assert output.waiting() == []
    state = state_of(reports + output.stdout(lines(INIT, CALL, RESULT)) + output.finish(Exit(0)))
    assert [(tool.id, tool.state) for tool in state.tools()] == [("command", "output-available"), ("t1", "interrupted")]
    assert state.status == "completed"


def test_endless_output_takes_bounded_memory() -> None:
    output = other()
    reports: list[Reported] = []
    for number in range(300):
        reports += output.stdout(f"{number:05}".encode() + b" x" * 5000 + b"\n")
        reports += output.flush()
    reports += output.finish(Exit(0))
    state = state_of(reports)
    streamed = "".join(note.text for note in state.notes())
    assert len(streamed) == STREAMED
    (call,) = state.tools()
    kept = plain(call.output)
    assert kept.startswith("00000 x x")
    assert f"… {300 * 10006 - 2 * TEXT_LIMIT:,} characters left out …" in kept
    assert "00299 x x" in kept


def test_secrets_are_masked_even_when_they_come_in_halves() -> None:
    secret = "ghp_" + "a1B2" * 9
    output = other(Redactor())
    reports = output.stdout(f"token {secret[:20]}".encode()) + output.flush()
    reports += output.stdout(f"{secret[20:]} end\n".encode()) + output.flush() + output.finish(Exit(0))
    assert secret[:20] not in str(reports)
    assert "<redacted github-token> end" in str(reports)
    assert b"".join(data for _, data in output.printed).decode() == f"token {secret} end\n"
    assert [report.event for report in reports][-2:] == [
        Noticed("masked 1 secret: github-token ×1"),
        BuildEnded("completed"),
    ]


@pytest.mark.parametrize("at", [TEXT_LIMIT - 60, TEXT_LIMIT - 20, TEXT_LIMIT - 4, STREAMED - 20])
@pytest.mark.parametrize("after", [10, TEXT_LIMIT - 60, TEXT_LIMIT - 20, TEXT_LIMIT - 4, 3 * TEXT_LIMIT])
def test_where_a_long_output_is_cut_no_half_of_a_secret_shows(at: int, after: int) -> None:
    secret = "ghp_" + "a1B2" * 9
    said = "x " * (at // 2) + secret + " y" * (after // 2)
    output = other(Redactor())
    reports = [*output.stdout(said[: at + 9].encode()), *output.flush(), *output.stdout(said[at + 9 :].encode())]
    reports += [*output.stderr(said.encode()), *output.flush(), *output.finish(Exit(1))]
    shown = [part for report in reports for part in strings(report.event)]
    assert not any("a1B2" in text for text in shown)


def strings(event: BuildEvent) -> Iterable[str]:
    for value in msgspec.structs.asdict(event).values():
        yield bytes(value).decode() if isinstance(value, msgspec.Raw) else str(value)
