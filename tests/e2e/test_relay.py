"""`run --acp`: an editor and an agent, both real processes' ends, with us between."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from .conftest import PATIENCE, PROGRAM, Desk, Process

ECHO = """
import os
while data := os.read(0, 4096):
    os.write(1, data[::-1] if len(data) < 9 else data)
"""
AGENT = """
import json, sys

def say(**fields):
    print(json.dumps({"jsonrpc": "2.0", **fields}), flush=True)

def update(**fields):
    say(method="session/update", params={"sessionId": "s-1", "update": fields})

for line in sys.stdin:
    asked = json.loads(line)
    method, ident = asked.get("method"), asked.get("id")
    if method == "initialize":
        say(id=ident, result={"protocolVersion": 1, "agentInfo": {"name": "parrot", "version": "1"}})
    elif method == "session/new":
        say(id=ident, result={"sessionId": "s-1"})
    elif method == "session/prompt":
        turn = ident
        update(sessionUpdate="plan", entries=[{"content": "Mark it", "priority": "high", "status": "in_progress"}])
        call = {"toolCallId": "c1", "title": "touch r", "kind": "execute", "rawInput": {"command": "touch r"}}
        update(sessionUpdate="tool_call", status="pending", **call)
        say(id=0, method="session/request_permission", params={"sessionId": "s-1", "toolCall": call, "options": []})
    elif ident == 0:
        update(sessionUpdate="tool_call_update", toolCallId="c1", status="completed")
        update(sessionUpdate="agent_message_chunk", content={"type": "text", "text": "Done."})
        say(id=turn, result={"stopReason": "end_turn"})
sys.exit(3)
"""
NOTHING_HERE = "http://127.0.0.1:9"


@pytest.fixture
def agent(tmp_path: Path) -> list[str]:
    (tmp_path / "agent.py").write_text(AGENT)
    return [sys.executable, "agent.py"]


def line(**fields: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **fields}).encode() + b"\n"


PROMPT = [{"type": "text", "text": "Mark the release"}]
OPENING = (
    line(id=0, method="initialize", params={"protocolVersion": 1}),
    line(id=1, method="session/new", params={"cwd": "/srv/shop", "mcpServers": []}),
    line(id=2, method="session/prompt", params={"sessionId": "s-1", "prompt": PROMPT}),
)


def opened(relay: Process) -> None:
    """A session whose prompt has led to a question."""
    relay.feed(OPENING[0] + OPENING[1])
    relay.until('"sessionId": "s-1"')
    relay.feed(OPENING[2])
    relay.until("session/request_permission")


def state_when(desk: Desk, project: str, kind: str) -> dict[str, Any]:
    """The newest build's state as soon as its activity is of that kind."""
    until = time.monotonic() + PATIENCE
    while True:
        shown = desk.run("show", project, "--json")
        state: dict[str, Any] = json.loads(shown.stdout) if shown.returncode == 0 else {}
        if state.get("activity", {}).get("kind") == kind:
            return state
        assert time.monotonic() < until, (state, shown.stderr)


def test_a_turn_is_watched_from_the_question_to_the_end(desk: Desk, server: str, agent: list[str]) -> None:
    relay = desk.start("run", "--acp", "--", *agent)
    opened(relay)
    waiting = state_when(desk, "shop", "waiting-person")
    assert [todo["content"] for todo in waiting["todos"]] == ["Mark it"]
    assert waiting["needsInput"].startswith("permission: touch r")
    relay.feed(line(id=0, result={"outcome": {"outcome": "selected", "optionId": "y"}}))
    relay.until("end_turn")
    assert state_when(desk, "shop", "idle")["status"] == "completed"
    assert relay.end() == 3, "the agent's own exit code"
    assert state_when(desk, "shop", "ended")["status"] == "completed"


@pytest.mark.parametrize("flags", [(), ("--server", NOTHING_HERE)], ids=["serving by itself", "server out of reach"])
def test_every_byte_passes_whatever_it_is_and_whoever_listens(desk: Desk, flags: tuple[str, ...]) -> None:
    odd = b"{\r\n\x00\xff\xfe no json \xe2\x82 \n" + OPENING[0].rstrip() + os.urandom(300_000) + b"without an end"
    sent = subprocess.run(
        [*PROGRAM, "run", "--acp", *flags, "--", sys.executable, "-c", ECHO],
        input=odd,
        capture_output=True,
        cwd=desk.folder,
        timeout=2 * PATIENCE,
        check=False,
    )
    assert sent.returncode == 0, sent.stderr
    assert sent.stdout == odd


def test_a_small_message_does_not_wait_for_a_larger_one(desk: Desk) -> None:
    relay = subprocess.Popen(
        [*PROGRAM, "run", "--acp", "--server", NOTHING_HERE, "--", sys.executable, "-c", ECHO],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=desk.folder,
        bufsize=0,
    )
    assert relay.stdin is not None
    assert relay.stdout is not None
    for word in (b"abc", b"de"):
        relay.stdin.write(word)
        assert relay.stdout.read(len(word)) == word[::-1]
    relay.stdin.close()
    assert relay.wait(PATIENCE) == 0
    relay.stdout.close()


def test_a_signal_reaches_the_agent(desk: Desk, server: str, agent: list[str]) -> None:
    relay = desk.start("run", "shop", "--acp", "--", *agent)
    opened(relay)
    relay.popen.send_signal(signal.SIGTERM)
    assert relay.popen.wait(PATIENCE) == 128 + signal.SIGTERM
    relay.end()
    ended = state_when(desk, "shop", "ended")
    assert (ended["status"], ended["error"]) == ("interrupted", "the agent was killed by SIGTERM")


def test_what_cannot_be_started_and_what_makes_no_sense(desk: Desk) -> None:
    assert desk.run("run", "--acp", "--server", NOTHING_HERE, "--", "no-such-agent").returncode == 127
    refused = desk.run("run", "--acp", "--watch", "--", "parrot")
    assert (refused.returncode, b"--watch" in refused.stderr) == (2, True)
