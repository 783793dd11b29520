"""A server without a token file of its user's: for processes of that user, and for who bears the token it made."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect

from sentryvibe_tui.errors import BadTokenFile
from sentryvibe_tui.principals import TOKENS, NamedTokens
from sentryvibe_tui.server import socket_owner
from sentryvibe_tui.server.access import TOKEN, secured
from sentryvibe_tui.server.caller import Caller
from sentryvibe_tui.server.guard import ANYONE, OWNER, Guard
from sentryvibe_tui.server.serve import Running, running
from sentryvibe_tui.server.settings import ServerLimits
from sentryvibe_tui.server.socket_owner import tells_users

from ..patience import PATIENCE

GOOD = {"projectId": "p", "sessionId": "s", "event": {"type": "start"}}
NOBODY = 65534

pytestmark = pytest.mark.skipif(not tells_users(), reason="this system does not tell whose process a connection is")
as_another = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Running]:
    data = tmp_path / "data"
    async with running(data, settings=secured(ServerLimits(), "127.0.0.1", data)) as server:
        yield server


def asking(server: Running, token: str = "") -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.AsyncClient(base_url=server.url, trust_env=False, verify=False, headers=headers)


@pytest.fixture(params=["netlink", "table"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """By which the system is asked; where netlink is not there, the table is."""
    if request.param == "table":
        monkeypatch.setattr(socket_owner, "_by_netlink", lambda *_: None)
    return request.param


_PROGRAM = """
import encodings.idna, http.client, json, os, socket
os.setgroups([]), os.setgid({0}), os.setuid({0})
place = "{1}".partition("//")[2]
def request(method, path, body=None, headers={{}}):
    link = http.client.HTTPConnection(place, timeout=20)
    link.request(method, path, body, headers)
    return link.getresponse()
"""


async def as_nobody(server: Running, script: str) -> str:
    """What a program of another user prints; it has `request(method, path, body=None, headers={})`, and `place`."""
    program = _PROGRAM.format(NOBODY, server.url) + script
    run = await asyncio.create_subprocess_exec(sys.executable, "-c", program, cwd="/", stdout=PIPE, stderr=PIPE)
    out, errors = await asyncio.wait_for(run.communicate(), PATIENCE)
    assert run.returncode == 0, errors
    return out.decode()


async def test_its_own_user_needs_no_token_and_may_bear_any(server: Running) -> None:
    for token in ("", "sv_of-another-server", (server.app.context.settings.token)):
        async with asking(server, token) as http:
            assert (await http.post("/api/build-events", json=GOOD)).status_code == 200
            assert (await http.get("/api/projects/p")).status_code == 200
    async with connect(server.url.replace("http", "ws") + "/ws?projectId=p", proxy=None) as link:
        assert '"connected"' in str(await link.recv())


async def test_a_token_of_ours_is_judged_by_itself(server: Running, tmp_path: Path) -> None:
    tokens = NamedTokens(tmp_path / "data" / TOKENS)
    token = tokens.add("guest", "watch", now=0)
    async with asking(server, token) as http:
        assert (await http.get("/api/projects")).status_code == 200
        assert (await http.post("/api/build-events", json=GOOD)).status_code == 403
        tokens.revoke("guest")
        assert (await http.get("/api/projects")).status_code == 401


@as_another
async def test_another_user_of_the_machine_stays_out(server: Running) -> None:
    script = """
for method, path in (("GET", "/api/projects"), ("POST", "/api/build-events"), ("POST", "/api/hooks/claude"),
                     ("POST", "/api/build-events?x"), ("GET", "/healthz"), ("DELETE", "/api/builds?projectId=p")):
    print(request(method, path, b"{}" if method == "POST" else None).status)
upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
           "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
print(request("GET", "/ws?projectId=p", headers=upgrade).status)
print(request("GET", "/api/projects").read().decode())
"""
    *statuses, words = (await as_nobody(server, script)).splitlines()
    assert statuses == ["401"] * 7
    assert "--no-token" in words
    assert server.app.context.settings.token not in words


@as_another
async def test_another_user_who_was_given_the_token_comes_in(server: Running) -> None:
    token = server.app.context.settings.token
    script = f'print(request("GET", "/api/projects", headers={{"Authorization": "Bearer {token}"}}).status)'
    assert await as_nobody(server, script) == "200\n"


@as_another
@pytest.mark.usefixtures("way")
async def test_a_connection_that_its_process_has_left_is_nobodys(server: Running) -> None:
    """The system calls it root's: a post whose sender is gone already must not pass as the owner's."""
    script = f"""
body = json.dumps({GOOD!r}).encode()
host, _, port = place.partition(":")
for _ in range(50):
    link = socket.create_connection((host, int(port)))
    head = f"POST /api/build-events HTTP/1.1\\r\\nHost: {{place}}\\r\\nContent-Length: {{len(body)}}\\r\\n\\r\\n"
    link.sendall(head.encode() + body)
    link.close()
print("done")
"""
    assert await as_nobody(server, script) == "done\n"
    async with asking(server) as http:
        assert (await http.get("/api/projects")).json() == {"projects": []}


@pytest.mark.usefixtures("way")
def test_who_listens_at_the_port_of_a_connection_that_is_gone_is_not_its_user() -> None:
    """Another user may connect from a port, wait until the owner serves something there, and reset the connection
    behind a request."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_server(("127.0.0.1", 0)) as other:
        assert Caller(other.getsockname(), server.getsockname()).uid is None
    with (
        socket.create_server(("::1", 0), family=socket.AF_INET6) as server,
        socket.create_server(("::", 0), family=socket.AF_INET6) as other,
    ):
        assert Caller(("::1", other.getsockname()[1]), server.getsockname()[:2]).uid is None


@as_another
@pytest.mark.usefixtures("way")
async def test_on_any_way_to_loopback(tmp_path: Path) -> None:
    """A client may come by IPv6, or by an IPv6 socket to an IPv4 address."""
    for host in ("127.0.0.1", "::1"):
        data = tmp_path / host
        async with running(data, host=host, settings=secured(ServerLimits(), host, data)) as server:
            port = int(server.url.rpartition(":")[2])
            script = f"""
for host in {("::ffff:127.0.0.1", "127.0.0.1") if host == "127.0.0.1" else ("::1",)!r}:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    link = socket.socket(family)
    link.connect((host, {port}))
    link.sendall(b"GET /healthz HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n")
    print(link.recv(100).split()[1].decode())
"""
            assert set((await as_nobody(server, script)).split()) == {"401"}


def test_where_nothing_tells_the_user_a_token_is_needed(tmp_path: Path) -> None:
    limits = secured(ServerLimits(), "127.0.0.1", tmp_path)
    scope = {"type": "http", "scheme": "http", "headers": [(b"host", b"localhost")], "client": ("127.0.0.1", 1)}
    with pytest.raises(Exception, match="--no-token"):
        Guard("127.0.0.1", limits).identify(scope | {"server": ("127.0.0.1", 2)})
    bearing = [*scope["headers"], (b"authorization", b"Bearer " + limits.token.encode())]
    assert Guard("127.0.0.1", limits).identify(scope | {"headers": bearing}).role == "admin"


@pytest.mark.usefixtures("way")
def test_whose_a_connection_within_this_process_is() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
        client.connect(listener.getsockname())
        ends = (client.getsockname(), listener.getsockname())
        assert Caller(*ends).uid == os.geteuid()
        assert Caller(*reversed(ends)).uid in (os.geteuid(), None)  # the server's end, not accepted yet
        assert Caller(("192.0.2.1", 7), ends[1]).uid is None
        assert Caller(("fe80::1%eth0", 7), ends[1]).uid is None


_ENDS = """
import os, socket
{0}
from sentryvibe_tui.server.caller import Caller
def is_own(client, listener):
    client.connect(listener.getsockname())
    accepted = listener.accept()[0]
    if client.family == socket.AF_UNIX:
        return Caller(None, None, accepted).is_own_user
    return Caller(client.getsockname(), listener.getsockname(), accepted).is_own_user
local = socket.socket(socket.AF_UNIX)
local.bind("\\0sentryvibe-test-" + str(os.getpid()))
local.listen()
print(is_own(socket.socket(), socket.create_server(("127.0.0.1", 0))), is_own(socket.socket(socket.AF_UNIX), local))
"""


@as_another
async def test_who_cannot_be_told_from_unmapped_users_is_not_the_own_one() -> None:
    """In a user namespace all whom it does not map have one number, and the server's user may have it, too."""

    async def ends(*command: str, start: str = "") -> str:
        run = await asyncio.create_subprocess_exec(*command, sys.executable, "-c", _ENDS.format(start), stdout=PIPE)
        out, _ = await asyncio.wait_for(run.communicate(), PATIENCE)
        return out.decode().strip()

    if shutil.which("unshare") is None or (inside := await ends("unshare", "--user")) == "":
        pytest.skip("this system makes no user namespaces")
    assert inside == "False False"
    assert await ends("unshare", "--user", "--map-root-user") == "True True"
    assert await ends(start=f"import sentryvibe_tui.server.caller; os.setuid({NOBODY})") == "True True"


def test_both_ways_tell_the_same() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
        client.connect(listener.getsockname())
        ends = (client.getsockname(), listener.getsockname())
        answer = socket_owner._by_netlink(*ends)
        if answer is None:
            pytest.skip("this system answers no question by netlink")
        assert answer == socket_owner._by_table(*ends)
        assert answer[0] == os.geteuid()


def test_the_token_of_the_data_folder_is_made_once_and_is_its_users(tmp_path: Path) -> None:
    limits = secured(ServerLimits(), "127.0.0.1", tmp_path)
    path = tmp_path / TOKEN
    assert (limits.own_user, limits.token, limits.token_file) == (True, path.read_text().strip(), str(path))
    assert path.stat().st_mode & 0o777 == 0o600
    assert secured(ServerLimits(), "127.0.0.1", tmp_path) == limits


def test_a_token_file_that_is_named_is_asked_of_everybody(tmp_path: Path) -> None:
    limits = secured(ServerLimits(), "127.0.0.1", tmp_path, tmp_path / "other")
    assert (limits.own_user, bool(limits.token)) == (False, True)
    assert not secured(ServerLimits(), "0.0.0.0", tmp_path).token


def test_without_a_file_its_own_user_still_comes_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / TOKEN).mkdir()
    limits = secured(ServerLimits(), "127.0.0.1", tmp_path)
    assert (limits.own_user, limits.token) == (True, "")
    scope = {"type": "http", "scheme": "http", "headers": [(b"host", b"localhost"), (b"authorization", b"Bearer ")]}
    with pytest.raises(Exception, match="--no-token"):
        Guard("127.0.0.1", limits).identify(scope | {"client": ("192.0.2.1", 1), "server": ("192.0.2.1", 2)})
    monkeypatch.setattr(socket_owner, "_TABLES", (tmp_path / "none",))
    with pytest.raises(BadTokenFile):
        secured(ServerLimits(), "127.0.0.1", tmp_path)


def test_nobody_is_refused_where_everybody_is_let_in() -> None:
    scope = {"type": "http", "scheme": "http", "headers": [(b"host", b"localhost")], "client": ("192.0.2.1", 1)}
    assert Guard("127.0.0.1", ServerLimits(tokenless=True)).identify(scope) == ANYONE
    assert OWNER.may("admin")
