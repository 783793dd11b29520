"""A server that asks for a token: every way in asks the one guard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from sentryvibe_tui.errors import CannotServe
from sentryvibe_tui.server.asgi import HTTPError
from sentryvibe_tui.server.guard import ANYONE, BEARER, Guard, is_loopback
from sentryvibe_tui.server.serve import Running, running
from sentryvibe_tui.server.settings import ServerLimits

TOKEN = "s3cret-word"
GOOD = {"projectId": "p", "sessionId": "s", "event": {"type": "start"}}
ROUTES = [
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("GET", "/api/projects"),
    ("GET", "/api/projects/p"),
    ("GET", "/api/projects/p/builds"),
    ("GET", "/api/projects/p/messages"),
    ("GET", "/api/projects/p/events"),
    ("GET", "/api/sessions/s/tools/t"),
    ("POST", "/api/build-events"),
    ("PUT", "/api/build-events"),
    ("POST", "/api/build-heartbeats"),
    ("POST", "/api/hooks/claude"),
    ("POST", "/api/runner/events"),
    ("GET", "/ws/runner"),
    ("GET", "/ws"),
    ("GET", "/no-such-path"),
]


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path / "data", settings=ServerLimits(token=TOKEN)) as server:
        yield server


def bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("headers", [{}, bearing("wrong"), {"Authorization": f"Basic {TOKEN}"}])
async def test_no_route_answers_without_the_token(
    guarded: Running, method: str, path: str, headers: dict[str, str]
) -> None:
    async with httpx.AsyncClient(base_url=guarded.url, trust_env=False, verify=False) as http:
        answer = await http.request(method, f"{path}?token={TOKEN}&access_token={TOKEN}", headers=headers)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert TOKEN not in answer.text


async def test_who_bears_it_posts_reads_and_watches(guarded: Running) -> None:
    async with httpx.AsyncClient(base_url=guarded.url, trust_env=False, headers=bearing(TOKEN), verify=False) as http:
        assert (await http.post("/api/build-events", json=GOOD)).json()["version"] == 1
        assert (await http.get("/api/projects/p/messages")).status_code == 200
        async with http.stream("GET", "/api/projects/p/events") as events:
            assert (await anext(events.aiter_lines())).startswith("data:")
    url = guarded.url.replace("http", "ws") + "/ws?projectId=p"
    async with connect(url, additional_headers=bearing(TOKEN), proxy=None) as link:
        assert '"connected"' in str(await link.recv())
    for headers in ({}, bearing("wrong")):
        with pytest.raises(InvalidStatus, match="401"):
            await connect(f"{url}&token={TOKEN}", additional_headers=headers, proxy=None)


def scope(authorization: bytes | None = None, host: bytes = b"localhost") -> dict[str, object]:
    headers = [(b"host", host)] + ([(b"authorization", authorization)] if authorization is not None else [])
    return {"type": "http", "scheme": "http", "headers": headers}


def test_the_guard_says_who_it_is() -> None:
    assert Guard("127.0.0.1", ServerLimits()).identify(scope()) == ANYONE
    assert Guard("127.0.0.1", ServerLimits()).identify(scope(b"Bearer sv_any")) == ANYONE
    guard = Guard("127.0.0.1", ServerLimits(token=TOKEN))
    for spelling in (b"Bearer ", b"bearer ", b"Bearer   "):
        assert guard.identify(scope(spelling + TOKEN.encode())) == BEARER


ADDRESSES = [b"192.0.2.7", b"192.0.2.7:4777", b"[2001:db8::7]", b"[2001:db8::7]:4777"]
NAMES = [b"evil.example", b"192.0.2.7.evil.example:4777", b"[evil.example]", b"[2001:db8::7", b"192.0.2.7:x", b""]


@pytest.mark.parametrize("host", ["0.0.0.0", "", "::"])
def test_who_listens_on_any_address_is_called_by_address_and_by_no_foreign_name(host: str) -> None:
    """DNS can point a name anywhere, an address nowhere else."""
    guard = Guard(host, ServerLimits())
    for address in ADDRESSES:
        assert guard.identify(scope(host=address)) == ANYONE
    for name in NAMES:
        with pytest.raises(HTTPError, match="Host"):
            guard.identify(scope(host=name))


def test_who_listens_on_one_address_is_called_by_no_other() -> None:
    guard = Guard("192.0.2.1", ServerLimits())
    assert guard.identify(scope(host=b"192.0.2.1:4777")) == ANYONE
    for other in (*ADDRESSES, *NAMES):
        with pytest.raises(HTTPError, match="Host"):
            guard.identify(scope(host=other))


@pytest.mark.parametrize("host", ["0.0.0.0", "", "::", "192.0.2.1", "example.test"])
async def test_an_address_that_others_reach_wants_a_token_or_insistence(tmp_path: Path, host: str) -> None:
    with pytest.raises(CannotServe, match=r"--token-file FILE.*--no-token"):
        async with running(tmp_path / "data", host=host):
            pass
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("settings", [ServerLimits(token=TOKEN), ServerLimits(tokenless=True)])
async def test_with_either_it_serves(tmp_path: Path, settings: ServerLimits) -> None:
    async with running(tmp_path / "data", host="0.0.0.0", settings=settings) as server:
        assert server.url.startswith("http://0.0.0.0:")


def test_what_only_this_machine_reaches() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.8.8.8", "::1", "localhost")))
    assert not any(map(is_loopback, ("", "0.0.0.0", "::", "10.0.0.1", "localhost.example")))
