"""What sessions are read from: forks, compressed files, arrays, and what a person names."""

import json
from types import ModuleType
from typing import Any

import pytest

from sentryvibe_tui.agents.common import zstd
from sentryvibe_tui.agents.detect import AutoReader, new_reader
from sentryvibe_tui.errors import UnknownFormat
from sentryvibe_tui.model.state import BuildState

PARENT = {"sessionId": "a", "messageUuid": "u"}


def record(kind: str, uuid: str, minute: int, content: Any, **fields: Any) -> dict[str, Any]:
    message = {"id": f"m-{uuid}", "content": content} | fields.pop("message", {})
    at = f"2026-11-20T09:{minute:02}:00.000Z"
    return {"type": kind, "uuid": uuid, "sessionId": "b", "timestamp": at, "message": message, **fields}


def call(uuid: str, minute: int, name: str, given: dict[str, Any], **fields: Any) -> dict[str, Any]:
    usage = {"usage": {"input_tokens": 7, "output_tokens": 15}}
    block = {"type": "tool_use", "id": f"t-{uuid}", "name": name, "input": given}
    return record("assistant", uuid, minute, [block], message=usage, **fields)


def result(uuid: str, minute: int, content: str, **fields: Any) -> dict[str, Any]:
    return record(
        "user", f"r-{uuid}", minute, [{"type": "tool_result", "tool_use_id": f"t-{uuid}", "content": content}], **fields
    )


def lines(*records: dict[str, Any]) -> bytes:
    return "".join(json.dumps(one) + "\n" for one in records).encode()


FORK = (
    record("user", "u", 0, "Write the importer", forkedFrom=PARENT),
    call("c1", 1, "TaskCreate", {"subject": "Read CSV"}, forkedFrom=PARENT),
    result("c1", 1, "Task #1 created successfully", forkedFrom=PARENT),
    call("c2", 2, "Bash", {"command": "ls"}, forkedFrom=PARENT),
    result("c2", 2, "a", forkedFrom=PARENT),
    record("user", "v", 30, "Now try it with XML instead"),
    call("c3", 31, "TaskUpdate", {"taskId": "1", "status": "in_progress"}),
    result("c3", 31, "Updated task #1 status"),
    call("c4", 32, "Bash", {"command": "xml"}),
    result("c4", 32, "ok"),
)


def test_a_fork_shows_only_its_own_part(fold: Any) -> None:
    reader = AutoReader()
    reports = [*reader.feed(lines(*FORK)), *reader.finish()]
    state: BuildState = fold(reports)
    assert [tool.id for tool in state.tools()] == ["t-c4"]
    assert [note.text for note in state.notes()] == ["Now try it with XML instead"]
    assert state.agent.title == "Now try it with XML instead"
    assert (state.usage.input_tokens, state.usage.output_tokens) == (14, 30)
    assert min(report.at for report in reports if report.at) % 3_600_000 == 30 * 60_000


def test_the_list_of_what_a_session_was_forked_from_goes_on(fold: Any) -> None:
    reader = AutoReader()
    state: BuildState = fold([*reader.feed(lines(*FORK)), *reader.finish()])
    assert [(todo.content, todo.status) for todo in state.todos] == [("Read CSV", "in_progress")]


def test_an_array_of_records_is_read_as_its_lines(fold: Any) -> None:
    words = [{"type": "text", "text": "Hello."}]
    records = [
        {
            "type": "system",
            "subtype": "init",
            "session_id": "s",
            "model": "opus",
            "cwd": "/w",
            "claude_code_version": "2",
        },
        {
            "type": "assistant",
            "session_id": "s",
            "message": {"id": "m", "content": words},
        },
        {"type": "result", "subtype": "success", "num_turns": 1, "result": "Hello.", "session_id": "s"},
    ]
    reader = AutoReader()
    state: BuildState = fold([*reader.feed(json.dumps(records).encode()), *reader.finish()])
    assert (reader.format, state.status) == ("claude-stream", "completed")
    assert [note.text for note in state.notes()] == ["Hello."]


def test_a_format_that_is_named_is_believed(fold: Any) -> None:
    block = {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "ls"}}
    records = [
        {"type": "user", "uuid": "u1", "message": {"role": "user", "content": "Hi"}},
        {"type": "assistant", "uuid": "a1", "message": {"id": "m1", "content": [block], "stop_reason": "tool_use"}},
    ]
    with pytest.raises(UnknownFormat):
        AutoReader().finish()
    reader = AutoReader("claude-session")
    state: BuildState = fold([*reader.feed(lines(*records)), *reader.finish()])
    assert [tool.name for tool in state.tools()] == ["Bash"]


ROLLOUT = lines(
    {"timestamp": "2026-11-20T09:00:00.000Z", "type": "session_meta", "payload": {"id": "c0de", "cwd": "/w"}},
    {"timestamp": "2026-11-20T09:00:01.000Z", "type": "event_msg", "payload": {"type": "task_started"}},
    {
        "timestamp": "2026-11-20T09:00:02.000Z",
        "type": "event_msg",
        "payload": {"type": "task_complete", "last_agent_message": "done"},
    },
)


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_a_compressed_rollout_is_unpacked(size: int, fold: Any) -> None:
    packed = pytest.importorskip("zstandard", reason="no zstd here").ZstdCompressor().compress(ROLLOUT)
    reader = AutoReader()
    reports = [one for at in range(0, len(packed), size) for one in reader.feed(packed[at : at + size])]
    state: BuildState = fold([*reports, *reader.finish()])
    assert (reader.format, state.status, state.summary) == ("codex-rollout", "completed", "done")


@pytest.mark.parametrize("behind", [b"no frame at all", b"\xff" * 40])
def test_a_damaged_one_says_so(behind: bytes) -> None:
    pytest.importorskip("zstandard", reason="no zstd here")
    with pytest.raises(UnknownFormat, match="compressed with zstd"):
        AutoReader().feed(zstd.MAGIC + behind)


def test_where_nothing_unpacks_it_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> ModuleType:
        raise ImportError(name)

    monkeypatch.setattr(zstd, "import_module", absent)
    with pytest.raises(UnknownFormat, match="zstd -d FILE"):
        AutoReader().feed(zstd.MAGIC + b"x" * 10)


def test_subagents_change_the_sessions_one_list(fold: Any) -> None:
    main: Any = new_reader("claude-session")
    reports = main.feed(
        lines(
            call("c1", 0, "TaskCreate", {"subject": "Parser"}),
            result("c1", 0, "Task #1 created"),
            call("c2", 1, "TaskCreate", {"subject": "Tests"}),
            result("c2", 1, "Task #2 created"),
            call("c3", 9, "TaskUpdate", {"taskId": "2", "status": "completed"}),
        )
    )
    part = type(main)("t-agent", main.lists)
    reports += part.feed(
        lines(
            call("s1", 3, "TaskUpdate", {"taskId": "2", "status": "in_progress"}),
            call("s2", 4, "TaskUpdate", {"taskId": "1", "status": "completed"}),
        )
    )
    state: BuildState = fold(reports)
    assert [(todo.content, todo.status) for todo in state.todos] == [("Parser", "completed"), ("Tests", "completed")]
