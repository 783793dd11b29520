"""Whose word counts on where a request comes from."""

from __future__ import annotations

import pytest

from sentryvibe_tui.server.asgi import HTTPError, Scope
from sentryvibe_tui.server.caller import caller_of
from sentryvibe_tui.server.forwarded import Proxies
from sentryvibe_tui.server.guard import ANYONE, Guard
from sentryvibe_tui.server.peer import peer_of
from sentryvibe_tui.server.permits import PRINCIPAL
from sentryvibe_tui.server.settings import ServerLimits

PROXY = "10.0.0.9"


def scope(forwarded: str = "", proto: str = "", peer: str = PROXY, kind: str = "http") -> Scope:
    pairs = [(b"host", b"localhost"), (b"x-forwarded-for", forwarded.encode()), (b"x-forwarded-proto", proto.encode())]
    scheme = {"http": "http", "websocket": "ws"}[kind]
    return {
        "type": kind,
        "scheme": scheme,
        "headers": [(name, value) for name, value in pairs if value],
        "client": (peer, 7),
        "server": ("127.0.0.1", 80),
    }


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("6.6.6.6, 192.0.2.7", "192.0.2.7"),  # what stands before it may be invented
        ("192.0.2.7, 10.0.0.3", "192.0.2.7"),  # through another trusted one
        ("[2001:db8::7]:80", "2001:db8::7"),
        ("192.0.2.7:1234", "192.0.2.7"),
        ("nonsense", PROXY),
        ("192.0.2.7, nonsense", PROXY),
        ("", PROXY),
    ],
)
def test_a_trusted_proxy_says_for_whom_it_asks(forwarded: str, address: str) -> None:
    request = scope(forwarded, "https")
    Proxies(("10.0.0.0/8",)).resolve(request)
    assert (caller_of(request).address, request["client"][0], request["scheme"]) == (address, address, "https")


def test_nobody_elses_word_counts() -> None:
    for proxies in (Proxies(()), Proxies(("192.0.2.1",)), Proxies(("unix",))):
        request = scope("6.6.6.6", "https")
        proxies.resolve(request)
        assert (caller_of(request).address, request["scheme"]) == (PROXY, "http")


def test_an_upgrade_is_one_of_tls() -> None:
    request = scope("192.0.2.7", "https", kind="websocket")
    Proxies(("*",)).resolve(request)
    assert request["scheme"] == "wss"
    unknown = scope("192.0.2.7", "gopher")
    Proxies(("*",)).resolve(unknown)
    assert unknown["scheme"] == "http"


@pytest.mark.parametrize("word", ["10.0.0", "example.org", "10.0.0.0/99"])
def test_what_is_no_address_is_said(word: str) -> None:
    with pytest.raises(ValueError, match=r"10|example"):
        Proxies((word,))


def test_who_comes_by_a_proxy_is_not_its_user() -> None:
    """Even where the proxy is a process of the server's own user, and says nothing of whom it asks for."""
    import os
    import socket

    limits = ServerLimits(own_user=True, token="word", proxies=("127.0.0.1",))
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
        client.connect(listener.getsockname())
        ends = {"client": client.getsockname(), "server": listener.getsockname()}
        assert caller_of(scope() | ends).uid == os.geteuid()
        for forwarded in ("", "127.0.0.1", "192.0.2.7"):
            with pytest.raises(HTTPError) as refused:
                Guard("127.0.0.1", limits).identify(scope(forwarded) | ends)
            assert refused.value.status == 401


def test_guesses_are_counted_by_whom_the_proxy_asks_for() -> None:
    guard = Guard("127.0.0.1", ServerLimits(token="word", wrong_tokens=2, proxies=(PROXY,)), lambda: 5.0)
    statuses: list[int] = []
    for address, token in (("a", "1"), ("a", "2"), ("a", "3"), ("b", "word")):
        request = scope(f"192.0.2.{ord(address)}")
        request["headers"] = [*request["headers"], (b"authorization", f"Bearer {token}".encode())]
        try:
            guard.identify(request)
            statuses.append(200)
        except HTTPError as refused:
            statuses.append(refused.status)
    assert statuses == [401, 401, 429, 200]


def test_a_watcher_behind_a_proxy_stands_in_the_list_with_its_address_alone() -> None:
    for peer, forwarded, place in ((PROXY, "192.0.2.7", "192.0.2.7"), ("192.0.2.8", "6.6.6.6", "192.0.2.8:7")):
        request = scope(forwarded, peer=peer)
        Proxies((PROXY,)).resolve(request)
        request[PRINCIPAL] = ANYONE
        assert peer_of(request, "ws", 2, 0).address == place
