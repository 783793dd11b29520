"""`status`, `wait` and `notify_command` as scripts use them: real processes against a real server, and without one."""

from __future__ import annotations

import json
import signal
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ..patience import until


def post(url: str, kind: str, build: str = "b", project: str = "Shop", at: str = "", **fields: object) -> None:
    event = {"type": kind, **fields}
    body = {"projectId": project.lower(), "projectName": project, "sessionId": build, "buildId": build, "event": event}
    if at:
        body["at"] = at
    request = urllib.request.Request(
        f"{url}/api/build-events", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200


def said(desk: Any, *arguments: str) -> tuple[int, list[str]]:
    done = desk.run(*arguments)
    return done.returncode, done.stdout.decode().splitlines()


def watchers(url: str) -> int:
    with urllib.request.urlopen(f"{url}/api/watchers") as answer:
        return len(json.load(answer)["watchers"])


def asks(url: str, **names: str) -> None:
    post(url, "needs-input", message="Bash npm publish: permission", **names)


def test_one_line_of_all_agents_with_a_server_and_without(desk: Any) -> None:
    serve, url = desk.serve()
    assert said(desk, "status") == (0, [""])
    post(url, "start")
    post(url, "usage", costUsd=3.1, inputTokens=5)
    post(url, "start", "other", "Docs")
    asks(url, build="other", project="Docs")
    assert said(desk, "status") == (0, ["1▶ 1? $3.10"])
    code, lines = said(desk, "status", "--format", "{needs} in {project}: {question}")
    assert (code, lines) == (0, ["1 in Docs: Bash npm publish: permission"])
    figures = json.loads(said(desk, "status", "--json")[1][0])
    assert (figures["working"], figures["needsInput"], figures["costUsd"]) == (1, 1, 3.1)
    assert said(desk, "status", "--format={nope}")[0] == 2
    assert serve.stop(signal.SIGTERM) == 0
    assert said(desk, "status") == (0, ["1▶ 1? $3.10"])
    assert said(desk, "status", "--server", url)[0] == 3


def test_wait_ends_when_it_has_come_true(desk: Any, server: str) -> None:
    post(server, "start")
    waits = desk.start("wait", "--any", "--for", "needs-input", "--timeout", "30")
    ends = desk.start("wait", "shop", "--timeout", "30")
    until(lambda: watchers(server) == 2, "two that wait")
    asks(server)
    assert waits.end() == 0
    assert waits.lines == ["Shop needs you: Bash npm publish: permission"]
    post(server, "build-failed", error="out of money")
    assert ends.end() == 1
    assert ends.lines == ["Shop is failed: out of money"]
    assert said(desk, "wait", "shop", "--for", "error")[0] == 0
    assert said(desk, "wait", "shop", "--for", "needs-input") == (1, ["Shop is failed without that"])
    assert said(desk, "wait", "--any", "--timeout", "0.5")[0] == 124
    assert b"no agent ended in that time" in desk.run("wait", "--any", "--timeout", "0.5").stderr
    assert said(desk, "wait", "nothing")[0] == 2
    assert said(desk, "wait")[0] == 2


def test_serve_tells_a_command_of_each_event_once(desk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "told"
    monkeypatch.setenv("SENTRYVIBE_NOTIFY_COMMAND", f"cat >> {out}")
    serve, url = desk.serve()
    post(url, "start", "old")
    time.sleep(0.5)
    post(url, "build-failed", "old", at="2026-01-01T00:00:00Z", error="long ago")
    post(url, "start")
    asks(url)
    until(out.exists, "the command")
    post(url, "build-completed", summary="All green.")
    assert serve.stop(signal.SIGTERM) == 0
    told = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(event["kind"], event["build"]["projectName"]) for event in told] == [
        ("needs-input", "Shop"),
        ("completed", "Shop"),
    ]


def test_serve_tells_of_a_question_of_a_while_ago_if_it_stands(
    desk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a hook or a file left is read at the start: the question first, then that its agent is gone."""
    out = tmp_path / "told"
    monkeypatch.setenv("SENTRYVIBE_NOTIFY_COMMAND", f"cat >> {out}")
    serve, url = desk.serve()
    while_ago = datetime.fromtimestamp(time.time() - 60, UTC).isoformat()
    for build in ("gone", "waits"):
        post(url, "start", build, at=while_ago)
        asks(url, build=build, at=while_ago)
    post(url, "build-interrupted", "gone", at=while_ago, error="process gone")
    until(lambda: "needs-input" in out.read_text() if out.exists() else False, "the command")
    assert serve.stop(signal.SIGTERM) == 0
    told = [json.loads(line) for line in out.read_text().splitlines()]
    assert sorted((event["kind"], event["build"]["buildId"]) for event in told) == [
        ("interrupted", "gone"),
        ("needs-input", "waits"),
    ]
