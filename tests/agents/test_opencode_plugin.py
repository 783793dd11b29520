"""Our plugin for opencode: what it leaves in the spool, run as opencode runs it, and how the server reads that."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sentryvibe_tui.agents.opencode.hooks import PluginReader
from sentryvibe_tui.agents.opencode.plugin import content
from sentryvibe_tui.agents.redact import Redactor
from sentryvibe_tui.hooks import spool

from ..patience import PATIENCE

NODE = shutil.which("node") or shutil.which("bun")

SCRIPT = """
const { SentryvibeTui } = await import(process.argv[2])
const { event } = await SentryvibeTui({ directory: "/w" })
for (const one of JSON.parse(process.argv[3])) await event({ event: one })
"""


def told(kind: str, **properties: Any) -> dict[str, Any]:
    return {"type": kind, "properties": properties}


def call(session: str, status: str, **more: Any) -> dict[str, Any]:
    state = {"status": status, "input": {"command": "touch x"}} | more
    part = {"id": "p1", "sessionID": session, "messageID": "m1", "type": "tool", "tool": "bash", "callID": "c1"}
    return told("message.part.updated", part=part | {"state": state})


EVENTS = [
    told("session.created", info={"id": "A", "directory": "/w", "title": "T"}),
    told("session.created", info={"id": "B", "parentID": "A"}),
    told("message.updated", info={"id": "m1", "sessionID": "A", "role": "assistant"}),
    told("message.part.delta", sessionID="A", partID="p0", delta="no note each word"),
    call("A", "running"),
    call("A", "running", metadata={"output": "no note each line"}),
    told("permission.asked", id="per1", sessionID="A", permission="bash", metadata={"command": "touch x"},
         tool={"callID": "c1"}),
    told("session.idle", sessionID="B"),
    {"type": None, "properties": None},
]  # fmt: skip


@pytest.mark.skipif(NODE is None, reason="no node or bun, which run opencode's plugins")
def test_what_happens_lies_in_the_spool_and_no_more(tmp_path: Path, fold: Any) -> None:
    assert NODE is not None
    (tmp_path / "ours.mjs").write_text(content(str(tmp_path / "spool")))
    (tmp_path / "run.mjs").write_text(SCRIPT)
    words = [NODE, str(tmp_path / "run.mjs"), str(tmp_path / "ours.mjs"), json.dumps(EVENTS)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert (done.stdout, done.stderr) == ("", "")
    notes = sorted((tmp_path / "spool").iterdir())
    assert all(spool.is_whole(note.name) and note.suffix == ".opencode" for note in notes)
    payloads = [json.loads(note.read_text()) for note in notes]
    assert [(payload["session_id"], payload["cwd"], payload["event"]["type"]) for payload in payloads] == [
        ("A", "/w", "session.created"), ("A", "/w", "session.created"), ("A", "/w", "message.updated"),
        ("A", "/w", "message.part.updated"), ("A", "/w", "permission.asked"), ("A", "/w", "session.idle"),
        ("A", "/w", "server.instance.disposed"),
    ]  # fmt: skip
    reader = PluginReader()
    state = fold(report for payload in payloads[:-1] for report in reader.read(payload))
    (request,) = state.requests
    assert (state.status, request.title, request.tool_call_id) == ("active", "permission: bash: touch x", "c1")
    state = fold(report for payload in payloads for report in PluginReader().read(payload))
    assert state.status == "active"  # by a reader of each payload alone: nothing is known of the session that ends
    reader = PluginReader()
    state = fold(report for payload in payloads for report in reader.read(payload))
    assert (state.status, state.activity.kind) == ("interrupted", "ended")


def test_what_a_plugin_tells_is_masked(fold: Any) -> None:
    reader = PluginReader(Redactor())
    secret = "sk-ant-api03-" + "a1B2c3D4e5" * 5
    event = call("A", "running", input={"command": f"export ANTHROPIC_API_KEY={secret}"})
    reports = reader.read({"session_id": "A", "cwd": "/w", "event": event})
    (shown,) = fold(reports).tools()
    assert secret.encode() not in bytes(shown.input)
    assert b"export" in bytes(shown.input)


@pytest.mark.parametrize("payload", [{}, {"session_id": "A"}, {"session_id": "A", "event": {"type": 7}}])
def test_payloads_that_make_no_sense_tell_nothing(payload: dict[str, Any]) -> None:
    assert PluginReader().read(payload) == []
