import json
from pathlib import Path
from typing import Any

import pytest

from sentryvibe_tui.agents.detect import AutoReader, detect, format_names, new_reader
from sentryvibe_tui.agents.registry import names
from sentryvibe_tui.errors import UnknownFormat

FOLDERS = {
    "claude-session": "claude-session", "claude-stream-json": "claude-stream", "codex-exec": "codex-exec",
    "codex-rollout": "codex-rollout", "gemini-session": "gemini-session", "opencode-run": "opencode-run",
    "opencode-db-parts": "opencode-parts",
}  # fmt: skip


def test_recorded_transcripts(samples: Path) -> None:
    for path in sorted(samples.rglob("*.jsonl")):
        assert detect(path.read_bytes()) == FOLDERS[path.relative_to(samples).parts[0]], path


@pytest.mark.parametrize(
    ("record", "name"),
    [
        ({"type": "init", "session_id": "x", "model": "auto"}, "gemini-stream"),
        ({"type": "session.created", "session_id": "x"}, "codex-exec"),
        ({"type": "session.created", "properties": {"info": {}}}, "opencode-serve"),
        ({"id": "0", "msg": {"type": "task_started"}}, "codex-exec"),
        ({"id": "x", "timestamp": "t", "instructions": None}, "codex-rollout"),
        ({"hook_event_name": "PreToolUse", "session_id": "x"}, "claude-hooks"),
        ({"hook_event_name": "BeforeTool", "session_id": "x"}, "gemini-hooks"),
        ({"hook_event_name": "Stop", "transcript_path": "/h/.codex/sessions/x"}, "codex-hooks"),
        ({"type": "start", "messageId": "m"}, "ai-sdk"),
        ({"projectId": "p", "sessionId": "s", "event": {"type": "start"}}, "build-events"),
        ({"is_error": False, "num_turns": 1, "subtype": "success", "type": "result"}, "claude-stream"),
        ({"type": "user", "sessionId": "s", "session_id": "its parent's", "message": {}}, "claude-session"),
        ({"type": "message", "role": "user", "content": []}, "codex-rollout"),
        ({"type": "message", "role": "user", "content": ""}, "gemini-stream"),
        ({"type": "function_call_output", "call_id": "c", "output": ""}, "codex-rollout"),
        ({"type": "error", "severity": "error", "message": "no key"}, "gemini-stream"),
    ],
)
def test_one_record_is_enough(record: dict[str, Any], name: str) -> None:
    data = b"some noise\n" + json.dumps(record).encode() + b"\n"
    assert detect(data) == name
    reader = AutoReader()
    reader.feed(data)
    assert reader.format == name
    reader.finish()


def test_every_sign_has_a_reader() -> None:
    for name in format_names():
        reader = new_reader(name)
        if name == "auto" or name in names():
            with pytest.raises(UnknownFormat):
                reader.finish()
        else:
            assert len([*reader.feed(b"{}\n"), *reader.finish()]) <= 4


@pytest.mark.parametrize(
    ("data", "seen"),
    [
        (b"", "it is empty"),
        (b"hello\nworld\n", "its first line is no JSON: 'hello'"),
        (b'{"type":"thr', 'its first record is cut or broken: \'{"type":"thr\''),
        (b'{"type":"odd"}\n{"a":1,"b":2}\n', "its first records are type 'odd'; an object with 'a', 'b'"),
    ],
)
def test_a_refusal_says_what_was_seen(data: bytes, seen: str) -> None:
    with pytest.raises(UnknownFormat, match="cannot tell the format") as refused:
        detect(data)
    assert seen in str(refused.value)
    assert "claude-stream" in str(refused.value)


def test_a_family_takes_only_its_own() -> None:
    with pytest.raises(UnknownFormat, match=r"Known formats: codex-hooks, codex-exec, codex-rollout$"):
        detect(b'{"type":"init","session_id":"x"}\n', "codex")


@pytest.mark.parametrize("wanted", ["codex-exec", "codex"])
def test_another_format_than_named_is_refused_at_once(wanted: str) -> None:
    record = json.dumps({"type": "system", "subtype": "init", "session_id": "s", "claude_code_version": "2"}).encode()
    reader = AutoReader(wanted)
    reader.feed(record)
    with pytest.raises(UnknownFormat, match=f"the input is claude-stream, not {wanted}"):
        reader.feed(b"\n")


def test_the_named_format_takes_what_could_be_another_one() -> None:
    hook = b'{"hook_event_name":"PreToolUse","session_id":"x"}\n'
    assert [detect(hook, name) for name in ("claude-hooks", "codex-hooks", "gemini-hooks")] == [
        "claude-hooks",
        "codex-hooks",
        "gemini-hooks",
    ]


def test_what_nobody_else_writes_is_taken_for_the_named_format() -> None:
    reader = AutoReader("codex-exec")
    reader.feed(b'{"type":"odd"}\n')
    assert (reader.format, reader.counts.unknown["odd"]) == ("codex-exec", 1)


@pytest.mark.parametrize("wanted", ["", "gemini", "gemini-session"])
def test_a_document_over_several_lines(wanted: str) -> None:
    document = b'\xef\xbb\xbf{\n  "sessionId": "g1",\n  "projectHash": "x",\n  "messages": []\n}\n'
    assert detect(document, wanted) == "gemini-session"
    with pytest.raises(UnknownFormat, match="the input is gemini-session, not codex-exec"):
        detect(document, "codex-exec")


def _forever(reader: AutoReader) -> None:
    for _ in range(2_000):
        reader.feed(b'{"x":"' + b"y" * 1_000 + b'"}\n')


def test_waiting_has_a_bound() -> None:
    with pytest.raises(UnknownFormat, match="an object with 'x'"):
        _forever(AutoReader())


def test_a_long_first_line_is_waited_for() -> None:
    line = json.dumps({"type": "file-history-snapshot", "messageId": "x", "pad": "y" * 3_000_000}).encode()
    reader = AutoReader()
    for at in range(0, len(line), 65_536):
        assert reader.feed(line[at : at + 65_536]) == []
    reader.feed(b"\n")
    assert reader.format == "claude-session"


STRANGE = {"type": "system", "subtype": "init", "session_id": "s", "cwd": "/srv", "model": "m"}


@pytest.mark.parametrize(
    "record",
    [
        STRANGE,
        STRANGE | {"tools": ["Read"]},
        STRANGE | {"tools": ["Read"], "mcp_servers": [], "other_code_version": "1"},
        {"type": "system", "content": "You are an agent."},
        {"type": "user", "content": [{"type": "text", "text": "Show the files"}]},
    ],
)
def test_a_stranger_is_refused_by_name_although_what_follows_looks_known(record: dict[str, Any]) -> None:
    """Its answers may have the shape of Claude Code's, its reasoning that of Codex."""
    known = [
        {"type": "reasoning", "id": "r1", "summary": []},
        {"type": "assistant", "message": {"content": []}, "parent_tool_use_id": None, "session_id": "s"},
    ]
    with pytest.raises(UnknownFormat, match=f"its first records are type '{record['type']}' with 'type', '"):
        detect(b"\n".join(json.dumps(one).encode() for one in (record, *known)) + b"\n")


def test_a_stranger_is_read_as_what_it_is_said_to_be() -> None:
    assert detect(json.dumps(STRANGE).encode() + b"\n", "claude-stream") == "claude-stream"
