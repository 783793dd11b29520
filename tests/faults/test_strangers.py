"""A stranger posts what nobody foresaw: no 500, no traceback, and every event that was answered 200 is in the state."""

from __future__ import annotations

import json
import random
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote, urlencode

from ..patience import PATIENCE

REQUESTS = 600
HOOKS = ["SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse", "PermissionRequest", "Notification", "Stop",
         "StopFailure", "PreCompact", "SessionEnd", "BeforeTool", "AfterTool", "BeforeAgent", "AfterAgent",
         "Elicitation", "Odd"]  # fmt: skip
TOOLS = ["Bash", "TodoWrite", "TaskCreate", "TaskUpdate", "update_plan", "write_todos", "AskUserQuestion"]
PATHS = ["/healthz", "/api/projects", "/api/projects/p1/messages", "/api/projects/%00", "/api/projects//builds",
         "/api/projects/a%2Fb/messages?sessionId=%ff", "/api/sessions/s1/tools/t%0A1", "/ws?projectId=p1"]  # fmt: skip
ODD: list[Any] = [
    *(
        "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00:00+23:59",
        "",
        None,
        True,
        -1,
        0,
        1.5,
        1e308,
        10**30,
        2**63,
        2**64,
    ),
    *(float("nan"), float("inf"), "\ud800", "\0", "x" * 600, "x" * 512, "²", "a/b", "..", " ", "\u2028"),
    *([], {}, [[]], [None], {"a": None}, [1, "a", {}]),
]


def deep(levels: int) -> Any:
    value: Any = 1
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


class Stranger:
    """Makes requests by a seed; `number` tells its events apart."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self.number = 0

    def request(self) -> tuple[str, bytes | None]:
        kind = self._chance.random()
        if kind < 0.55:
            return "/api/build-events", self._spoilt(self._posts())
        if kind < 0.85:
            agent = self._chance.choice(["claude", "codex", "gemini", "nobody"])
            return f"/api/hooks/{agent}", self._spoilt(self._hook())
        if kind < 0.9:
            return "/api/build-heartbeats", self._spoilt(self._odd({"projectId": "p1", "sessionId": "s1", "outbox": 3}))
        return self._chance.choice(PATHS), None

    def _posts(self) -> Any:
        return self._post() if self._chance.random() < 0.7 else [self._post() for _ in range(self._chance.randrange(4))]

    def _post(self) -> dict[str, Any]:
        self.number += 1
        mark = f"mark{self.number}."
        event = self._chance.choice([
            {"type": "tool-call", "toolCallId": mark, "toolName": "Bash", "input": {"command": "x"}, "todoIndex": 0},
            {"type": "tool-result", "toolCallId": mark, "toolName": "Read", "output": ["o"], "isError": False},
            {"type": "text", "id": mark, "text": "words", "kind": "reasoning"},
            {"type": "text-delta", "id": mark, "delta": "words", "todoIndex": 1},
            {"type": "notice", "message": mark, "level": "warning"},
            {"type": "todos", "todos": [{"content": "a", "status": "pending", "id": 1}]},
            {"type": "usage", "inputTokens": 1, "costUsd": 0.5},
            {"type": "agent", "agentId": "a", "title": "t", "cwd": "/w"},
            {"type": "build-failed", "error": "e", "payload": {"summary": "s"}},
            {"type": "nobody-knows"},
        ])  # fmt: skip
        envelope = {
            "projectId": f"p{self.number % 3}",
            "sessionId": f"s{self.number % 2}",
            "at": "2026-01-01T00:00:00Z",
        }
        envelope |= {"eventId": mark, "projectName": "P", "event": self._odd(event)}
        return self._odd(envelope)

    def _hook(self) -> dict[str, Any]:
        given = {"command": "c", "todos": [{"content": "x"}], "plan": [{"step": "a"}], "taskId": "1"}
        answer = {"stdout": "x", "task": {"id": 1}, "content": [{"type": "text", "text": "y"}]}
        return self._odd(
            {
                "session_id": f"h{self._chance.randrange(4)}",
                "hook_event_name": self._chance.choice(HOOKS),
                "tool_name": self._chance.choice(TOOLS),
                "tool_input": self._odd(given),
                "tool_response": self._odd(answer),
                "tool_use_id": f"u{self._chance.randrange(9)}",
                "cwd": "/w/hooked",
                "prompt": "p",
                "message": "m",
                "error": "e",
                "timestamp": "2026-01-01T00:00:00Z",
            }
        )

    def _odd(self, record: dict[str, Any]) -> dict[str, Any]:
        """Some fields are gone, of another type, or far too deep."""
        for _ in range(self._chance.choice([0, 0, 0, 1, 1, 3])):
            key = self._chance.choice(list(record) or ["x"])
            match self._chance.randrange(8):
                case 0:
                    record.pop(key, None)
                case 1:
                    record[key] = deep(self._chance.choice([60, 99, 101, 400]))
                case _:
                    record[key] = self._chance.choice(ODD)
        return record

    def _spoilt(self, value: Any) -> bytes:
        """Sometimes cut, or with other bytes in it."""
        body = json.dumps(value, ensure_ascii=self._chance.random() < 0.5).encode("utf-8", "surrogatepass")
        match self._chance.randrange(20):
            case 0:
                return body[: self._chance.randrange(len(body))]
            case 1:
                place = self._chance.randrange(len(body))
                return body[:place] + self._chance.randbytes(2) + body[place + 2 :]
            case _:
                return body


def answer(url: str, body: bytes | None) -> tuple[int, bytes]:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as said:
            return said.status, said.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


SHOWN = {
    "tool-call": "toolCallId",
    "tool-result": "toolCallId",
    "text": "id",
    "text-delta": "id",
    "notice": "message",
}


def without_surrogates(text: str) -> str:
    """As a server reads it."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def marks(body: bytes) -> list[tuple[tuple[str, str, str], str]]:
    """Of each event that leaves a trace of its own: its build, and what must be in the state."""
    posts = json.loads(body.decode("utf-8", "replace"))
    found: list[tuple[tuple[str, str, str], str]] = []
    for post in posts if isinstance(posts, list) else [posts]:
        event = post["event"]
        mark = event.get(SHOWN.get(event["type"], ""))
        is_empty = event["type"].startswith("text") and not (event.get("text") or event.get("delta"))
        is_its_own = isinstance(mark, str) and mark.startswith("mark") and post.get("eventId") == mark
        if is_its_own and not is_empty:
            project, session = without_surrogates(post["projectId"]), without_surrogates(post["sessionId"])
            found.append(((project, session, without_surrogates(post.get("buildId") or session)), mark))
    return found


def test_whatever_is_posted_the_server_answers_and_keeps_what_it_took(server: Any) -> None:
    stranger, promised, statuses = Stranger(11), list[tuple[tuple[str, str, str], str]](), set[int]()
    for _ in range(REQUESTS):
        path, body = stranger.request()
        status, said = answer(server.url + path, body)
        assert status < 500, (path, body, said)
        statuses.add(status)
        if path == "/api/build-events" and status == 200 and body is not None:
            promised += marks(body)
    assert {200, 400, 404} <= statuses
    assert len(promised) > REQUESTS / 20
    states: dict[tuple[str, str, str], str] = {}
    for key, mark in promised:
        if key not in states:
            asked = urlencode({"sessionId": key[1], "buildId": key[2]})
            status, said = answer(f"{server.url}/api/projects/{quote(key[0], safe='')}/messages?{asked}", None)
            assert status == 200, (key, said)
            states[key] = said.decode()
        assert mark in states[key], key
    assert server.stop() == 0
    assert "Traceback" not in server.log.read_text()
