"""Named tokens: who may do what, of which project, and until when."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from sentryvibe_tui.errors import BadTokenFile
from sentryvibe_tui.principals import TOKENS, NamedTokens, Role
from sentryvibe_tui.server.builds import PAGE
from sentryvibe_tui.server.serve import Running, running
from sentryvibe_tui.server.settings import ServerLimits

SHARED = "s3cret-word"


def event(project: str = "p") -> dict[str, Any]:
    return {"projectId": project, "sessionId": "s", "event": {"type": "start"}}


@pytest.fixture
def tokens(tmp_path: Path) -> NamedTokens:
    return NamedTokens(tmp_path / TOKENS)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Running]:
    limits = ServerLimits(token=SHARED, tokens=str(tmp_path / TOKENS))
    async with running(tmp_path / "data", settings=limits) as server:
        yield server


def bearing(server: Running, token: str) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.AsyncClient(base_url=server.url, trust_env=False, verify=False, headers=headers)


def watching(server: Running, token: str, path: str) -> connect:
    headers = {"Authorization": f"Bearer {token}"}
    return connect(server.url.replace("http", "ws") + path, additional_headers=headers, proxy=None)


async def until_closed(link: ClientConnection) -> int:
    async with asyncio.timeout(10):
        await link.wait_closed()
    assert link.close_code is not None
    return link.close_code


# ---------------------------------------------------------------------- the file


def test_a_token_is_kept_as_a_check_sum_that_its_user_alone_may_read(tokens: NamedTokens, tmp_path: Path) -> None:
    token = tokens.add("ci", "publish", now=5)
    path = tmp_path / TOKENS
    assert path.stat().st_mode & 0o777 == 0o600
    assert token.partition(".")[2] not in path.read_text()
    holder = tokens.holder(token, now=6)
    assert holder is not None
    assert (holder.name, holder.role, holder.project) == ("ci", "publish", "")
    for wrong in ("", token[:-1], token.partition(".")[0], f"{token.partition('.')[0]}.guess", "svt_x.y"):
        assert tokens.holder(wrong, now=6) is None


def test_a_token_ends_with_its_time_and_with_its_revocation(tokens: NamedTokens) -> None:
    token = tokens.add("guest", "watch", now=0, expires_at=10)
    assert tokens.holder(token, now=9) is not None
    assert tokens.holder(token, now=10) is None
    other = tokens.add("else", "watch", now=0)
    assert NamedTokens(tokens._path).revoke("else")  # by another process
    assert tokens.holder(other, now=1) is None
    assert not tokens.revoke("else")


def test_a_token_that_expired_is_listed_for_a_day(tokens: NamedTokens) -> None:
    hour = 3600 * 1000
    tokens.add("link", "watch", now=1, expires_at=hour)
    tokens.add("early", "watch", now=24 * hour)
    assert [record.name for record in tokens.records()] == ["link", "early"]
    tokens.add("late", "watch", now=25 * hour)
    assert [record.name for record in tokens.records()] == ["early", "late"]


def test_names_are_given_once_and_a_file_that_cannot_be_trusted_lets_nobody_in(
    tokens: NamedTokens, tmp_path: Path
) -> None:
    token = tokens.add("ci", "admin", now=0)
    with pytest.raises(BadTokenFile, match="already"):
        tokens.add("ci", "watch", now=0)
    (tmp_path / TOKENS).chmod(0o644)
    with pytest.raises(BadTokenFile, match="chmod 600"):
        NamedTokens(tmp_path / TOKENS).holder(token, now=1)
    (tmp_path / TOKENS).chmod(0o600)
    for nonsense in (b"[{]", b'[{"id": "\xff"}]', b"[" * 100_000):
        (tmp_path / TOKENS).write_bytes(nonsense)
        with pytest.raises(BadTokenFile, match="cannot be read"):
            tokens.holder(token, now=1)


# ---------------------------------------------------------------------- roles


@pytest.mark.parametrize(
    ("role", "posts", "deletes"),
    [("watch", 403, 403), ("publish", 200, 403), ("answer", 403, 403), ("admin", 200, 404)],
)
async def test_a_role_may_what_it_stands_for(
    server: Running, tokens: NamedTokens, role: Role, posts: int, deletes: int
) -> None:
    async with bearing(server, tokens.add("x", role, now=0)) as http:
        assert (await http.get("/api/projects")).status_code == 200
        assert (await http.post("/api/build-events", json=event())).status_code == posts
        assert (await http.delete("/api/projects/p/builds?sessionId=s")).status_code == deletes
        unusual = httpx.Request("POST", f"{server.url}/api/build-events?x", json=event(), headers=http.headers)
        assert (await http.send(unusual)).status_code == posts


async def test_who_only_watches_is_no_runner(server: Running, tokens: NamedTokens) -> None:
    token = tokens.add("x", "watch", now=0)
    with pytest.raises(InvalidStatus, match="403"):
        await watching(server, token, "/ws/runner")
    async with bearing(server, token) as http:
        refused = await http.post("/api/hooks/claude", json={})
    assert (refused.status_code, token in refused.text) == (403, False)


# ---------------------------------------------------------------------- projects


async def test_a_token_of_a_project_sees_no_other(server: Running, tokens: NamedTokens) -> None:
    async with bearing(server, SHARED) as admin:
        for project in ("p", "q", "p/builds"):
            assert (await admin.post("/api/build-events", json=event(project))).status_code == 200
    async with bearing(server, tokens.add("x", "publish", now=0, project="p")) as http:
        assert [row["id"] for row in (await http.get("/api/projects")).json()["projects"]] == ["p"]
        assert {row["projectId"] for row in (await http.get("/api/builds")).json()["builds"]} == {"p"}
        assert (await http.get("/api/projects/p/builds")).status_code == 200
        assert (await http.post("/api/build-events", json=event())).status_code == 200
        for path in (
            "/api/projects/q",
            "/api/projects/q/messages",
            "/api/projects/q/events",
            "/api/projects/p/builds/messages",
            "/api/projects/p%2Fbuilds",
            "/api/builds?projectId=q",
            "/api/builds/events?projectId=q",
            "/api/status",
            "/metrics",
        ):
            assert (await http.get(path)).status_code == 403, path
        both = (await http.get("/api/builds?projectId=&projectId=q")).json()["builds"]
        assert {row["projectId"] for row in both} == {"p"}
        for body in (event("q"), [event(), event("q")]):
            assert (await http.post("/api/build-events", json=body)).status_code == 403
        beat = {"projectId": "q", "sessionId": "s"}
        assert (await http.post("/api/build-heartbeats", json=beat)).status_code == 403


async def test_a_link_of_a_project_cannot_move_to_another(server: Running, tokens: NamedTokens) -> None:
    token = tokens.add("x", "watch", now=0, project="p")
    for path in ("/ws?projectId=q", "/ws?scope=builds&projectId=q"):
        with pytest.raises(InvalidStatus, match="403"):
            await watching(server, token, path)
    async with watching(server, token, "/ws?projectId=p&protocol=2") as link:
        await link.send(json.dumps({"type": "subscribe", "projectId": "q"}))
        assert await until_closed(link) == 4403


async def call(http: httpx.AsyncClient, project: str, build: str, value: str, session: str = "s") -> None:
    """A build in which a call answered `value`."""
    ended = {"type": "tool-output-available", "toolCallId": "t", "toolName": "Bash", "output": value}
    body = {"projectId": project, "sessionId": session, "buildId": build, "event": ended}
    assert (await http.post("/api/build-events", json=body)).status_code == 200


async def test_a_token_of_a_project_reads_whole_values_of_its_calls_alone(server: Running, tokens: NamedTokens) -> None:
    async with bearing(server, SHARED) as admin:
        await call(admin, "p", "b", "mine")
        await call(admin, "q", "b", "another's")  # newer, of a session of the same name
        await call(admin, "q", "else", "another's", session="other")
    async with bearing(server, tokens.add("x", "watch", now=0, project="p")) as http:
        assert (await http.get("/api/sessions/s/tools/t")).json()["output"] == "mine"
        assert (await http.get("/api/sessions/s/tools/t?buildId=b")).json()["output"] == "mine"
        assert (await http.get("/api/sessions/other/tools/t")).status_code == 404
    async with bearing(server, tokens.add("y", "watch", now=0, project="none")) as http:
        assert (await http.get("/api/sessions/s/tools/t")).status_code == 404


# ---------------------------------------------------------------------- one build


@pytest.fixture
async def lent(server: Running, tokens: NamedTokens) -> str:
    """A token for the build `one` of the project `p`, beside which there are others."""
    async with bearing(server, SHARED) as admin:
        await call(admin, "p", "one", "open")
        await call(admin, "p", "two", "secret")
        await call(admin, "p", "one", "secret", session="r")
        await call(admin, "q", "one", "secret")
    return tokens.add("x", "watch", now=0, project="p", build=("s", "one"))


async def test_the_build_of_a_token_is_listed_however_many_came_after_it(server: Running, lent: str) -> None:
    later = [event() | {"buildId": f"later-{number}"} for number in range(PAGE + 1)]
    async with bearing(server, SHARED) as admin:
        assert (await admin.post("/api/build-events", json=later)).status_code == 200
    async with bearing(server, lent) as http:
        page = (await http.get("/api/builds")).json()
    assert ([row["buildId"] for row in page["builds"]], page["next"]) == (["one"], None)


async def test_a_token_of_a_build_reads_nothing_else(server: Running, lent: str) -> None:
    async with bearing(server, lent) as http:
        (project,) = (await http.get("/api/projects")).json()["projects"]
        assert (project["id"], [row["buildId"] for row in project["builds"]]) == ("p", ["one"])
        assert [row["sessionId"] for row in (await http.get("/api/projects/p/builds")).json()["builds"]] == ["s"]
        for path in ("", "?sessionId=r", "?buildId=two", "?sessionId=r&buildId=one"):
            answer = await http.get(f"/api/projects/p/messages{path}")
            assert [session["session"]["buildId"] for session in answer.json()["sessions"]] == ["one"]
            assert ("open" in answer.text, "secret" in answer.text) == (True, False)
        assert (await http.get("/api/sessions/s/tools/t")).json()["output"] == "open"
        for path in ("/api/sessions/s/tools/t?buildId=two", "/api/sessions/r/tools/t"):
            assert (await http.get(path)).status_code == 404
        for path in ("", "?projectId=p", "?limit=1", "?since=0"):
            page = (await http.get(f"/api/builds{path}")).json()
            assert [(row["sessionId"], row["buildId"]) for row in page["builds"]] == [("s", "one")]
            assert page["next"] is None
        assert (await http.get("/api/builds?since=99999999999999")).json()["builds"] == []
        for path in (
            "/api/builds?projectId=q",
            "/api/builds/events",
            "/api/builds/expired?before=1",
            "/api/projects/q",
            "/api/status",
            "/metrics",
        ):
            assert (await http.get(path)).status_code == 403, path
        assert (await http.delete("/api/builds?sessionId=s&buildId=one")).status_code == 403
        assert (await http.post("/api/build-events", json=event())).status_code == 403


@pytest.mark.parametrize("asked", ["", "&protocol=2&sessionId=r", "&protocol=2&since=0&buildId=two&epoch={epoch}"])
async def test_a_link_of_a_build_shows_nothing_else(server: Running, lent: str, asked: str) -> None:
    path = "/ws?projectId=p" + asked.format(epoch=server.app.context.store.epoch)
    async with watching(server, lent, path) as link, bearing(server, SHARED) as admin:
        frames = [text(await link.recv()), text(await link.recv())]
        await link.send(json.dumps({"type": "get-state", "buildId": "two", "since": 0}))
        await link.send(json.dumps({"type": "subscribe", "projectId": "p", "sessionId": "r"}))
        await call(admin, "p", "two", "secret")
        await call(admin, "p", "one", "secret", session="r")
        note = {"type": "text", "id": "n", "text": "the last word"}
        body = {"projectId": "p", "sessionId": "s", "buildId": "one", "event": note}
        await admin.post("/api/build-events", json=body)
        async with asyncio.timeout(10):
            while "the last word" not in frames[-1]:
                frames.append(text(await link.recv()))
    assert any('"open"' in frame for frame in frames)
    assert not any("secret" in frame or '"two"' in frame for frame in frames)


async def test_the_stream_of_a_build_shows_nothing_else(server: Running, lent: str) -> None:
    path = "/api/projects/p/events?sessionId=r&buildId=two&since=0"
    async with (
        bearing(server, SHARED) as admin,
        bearing(server, lent) as http,
        http.stream("GET", path) as events,
        asyncio.timeout(10),
    ):
        lines, read = events.aiter_lines(), ""
        await call(admin, "p", "two", "secret")
        note = {"type": "text", "id": "n", "text": "the last word"}
        body = {"projectId": "p", "sessionId": "s", "buildId": "one", "event": note}
        await admin.post("/api/build-events", json=body)
        while "the last word" not in read:
            read += await anext(lines)
    assert ("open" in read, "secret" in read) == (True, False)


async def test_a_link_of_a_build_opens_no_list(server: Running, lent: str) -> None:
    for path in ("/ws?scope=builds", "/ws?scope=builds&projectId=p", "/ws?projectId=q", "/ws/runner"):
        with pytest.raises(InvalidStatus, match="403"):
            await watching(server, lent, path)


def text(frame: str | bytes) -> str:
    if isinstance(frame, str):
        return frame
    return gzip.decompress(frame).decode() if frame[:2] == b"\x1f\x8b" else frame.decode()


# ---------------------------------------------------------------------- revocation


async def test_an_error_while_links_are_ended_ends_not_the_ending(
    server: Running, tokens: NamedTokens, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    token, failures = tokens.add("guest", "watch", now=0), iter([True])
    before = server.app._guard.valid_tokens

    def fails_once() -> frozenset[str]:
        if next(failures, False):
            raise RuntimeError("unforeseen")
        return before()

    monkeypatch.setattr(server.app._guard, "valid_tokens", fails_once)
    async with watching(server, token, "/ws?projectId=p&protocol=2") as link:
        await link.recv()
        tokens.revoke("guest")
        assert await until_closed(link) == 4401
    assert "unforeseen" in caplog.text


@pytest.mark.parametrize("path", ["/ws?projectId=p&protocol=2", "/ws?scope=builds"])
async def test_open_links_end_within_a_second_of_the_revocation(
    server: Running, tokens: NamedTokens, path: str
) -> None:
    token = tokens.add("guest", "watch", now=0)
    async with watching(server, token, path) as link, watching(server, SHARED, path) as other:
        await link.recv()
        tokens.revoke("guest")
        begun = asyncio.get_running_loop().time()
        assert await until_closed(link) == 4401
        assert asyncio.get_running_loop().time() - begun < 2  # one, and what a busy machine adds
        await other.ping()
    async with bearing(server, token) as http:
        assert (await http.get("/api/projects")).status_code == 401


async def test_links_come_back_when_the_file_of_tokens_can_be_read_again(
    server: Running, tokens: NamedTokens, tmp_path: Path
) -> None:
    token, path = tokens.add("guest", "watch", now=0), "/ws?projectId=p&protocol=2"
    async with watching(server, token, path) as link:
        await link.recv()
        text = (tmp_path / TOKENS).read_bytes()
        (tmp_path / TOKENS).write_bytes(b"[{]")
        assert await until_closed(link) == 1013
        with pytest.raises(InvalidStatus, match="503"):
            await watching(server, token, path)
    (tmp_path / TOKENS).write_bytes(text)
    async with watching(server, token, path) as link:
        await link.recv()


async def test_an_event_stream_ends_with_its_token(server: Running, tokens: NamedTokens) -> None:
    token = tokens.add("guest", "watch", now=0)
    async with bearing(server, token) as http, http.stream("GET", "/api/projects/p/events") as events:
        lines = events.aiter_lines()
        await anext(lines)
        tokens.revoke("guest")
        async with asyncio.timeout(10):
            assert [line async for line in lines if line.startswith("event: error")] == []
    assert server.app.context.hub.watchers == 0
