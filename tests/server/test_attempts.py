"""Guessing a token takes for ever, and keeps nobody else out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sentryvibe_tui.errors import BadTokenFile
from sentryvibe_tui.principals import TOKENS, NamedTokens
from sentryvibe_tui.server.asgi import HTTPError, Scope
from sentryvibe_tui.server.attempts import PLACES, Attempts
from sentryvibe_tui.server.caller import Caller
from sentryvibe_tui.server.guard import BEARER, Guard
from sentryvibe_tui.server.settings import ServerLimits

SECRET = "s3cret-word"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def scope(token: str, address: str = "192.0.2.1") -> Scope:
    headers = [(b"host", b"localhost"), (b"authorization", f"Bearer {token}".encode())]
    return {"type": "http", "scheme": "http", "headers": headers, "client": (address, 7), "server": ("192.0.2.9", 80)}


def status(identify: Callable[[Scope], object], request: Scope) -> int:
    try:
        identify(request)
    except HTTPError as refused:
        return refused.status
    return 200


def guard(clock: Clock) -> Guard:
    return Guard("127.0.0.1", ServerLimits(token=SECRET, wrong_tokens=3), clock)


def test_who_guesses_is_not_listened_to_for_the_rest_of_a_minute() -> None:
    clock = Clock()
    ours = guard(clock)
    assert [status(ours.identify, scope(f"guess {n}")) for n in range(5)] == [401, 401, 401, 429, 429]
    clock.now += 20
    with pytest.raises(HTTPError, match="wrong tokens") as refused:
        ours.identify(scope(SECRET))  # else guessing would go on
    assert (refused.value.status, refused.value.retry_after) == (429, 40)
    assert ours.identify(scope(SECRET, "192.0.2.2")) == BEARER
    clock.now += 41
    assert ours.identify(scope(SECRET)) == BEARER


def test_one_wrong_token_over_and_over_keeps_nobody_out() -> None:
    ours = guard(Clock())
    assert {status(ours.identify, scope("revoked")) for _ in range(50)} == {401}
    assert ours.identify(scope(SECRET)) == BEARER


def test_who_bears_no_token_guesses_nothing() -> None:
    ours = guard(Clock())
    request = scope("") | {"headers": [(b"host", b"localhost")]}
    assert {status(ours.identify, request) for _ in range(50)} == {401}
    assert ours.identify(scope(SECRET)) == BEARER


def test_named_tokens_are_guessed_no_faster(tmp_path: Path) -> None:
    tokens = NamedTokens(tmp_path / TOKENS)
    token = tokens.add("x", "watch", now=0)
    limits = ServerLimits(token=SECRET, tokens=str(tmp_path / TOKENS), wrong_tokens=3)
    ours = Guard("127.0.0.1", limits, Clock())
    guesses = [f"{token.partition('.')[0]}.{n}" for n in range(4)]
    assert [status(ours.identify, scope(guess)) for guess in guesses] == [401, 401, 401, 429]


def test_who_has_a_named_token_is_let_in_from_where_others_guess(tmp_path: Path) -> None:
    token = NamedTokens(tmp_path / TOKENS).add("x", "watch", now=0)
    limits = ServerLimits(token=SECRET, tokens=str(tmp_path / TOKENS), wrong_tokens=3)
    ours = Guard("127.0.0.1", limits, Clock())
    assert [status(ours.identify, scope(f"guess {n}")) for n in range(4)] == [401, 401, 401, 429]
    assert status(ours.identify, scope(token)) == 200


def test_who_bears_a_named_token_may_come_again_when_the_file_cannot_be_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    token, clock = NamedTokens(tmp_path / TOKENS).add("x", "watch", now=0), Clock()
    ours = Guard("127.0.0.1", ServerLimits(token=SECRET, tokens=str(tmp_path / TOKENS), wrong_tokens=3), clock)
    (tmp_path / TOKENS).chmod(0o644)
    assert {status(ours.identify, scope(token)) for _ in range(9)} == {503}
    assert ours.identify(scope(SECRET)) == BEARER
    with pytest.raises(BadTokenFile):
        ours.valid_tokens()
    assert caplog.text.count("chmod 600") == 1  # a line a minute, however many come
    clock.now += 61
    assert status(ours.identify, scope(token)) == 503
    assert caplog.text.count("chmod 600") == 2
    (tmp_path / TOKENS).chmod(0o600)
    assert status(ours.identify, scope(token)) == 200


def test_one_household_of_ipv6_is_one_place() -> None:
    ours = guard(Clock())
    statuses = [status(ours.identify, scope(f"guess {n}", f"2001:db8::{n}")) for n in range(4)]
    assert statuses == [401, 401, 401, 429]
    assert status(ours.identify, scope(SECRET, "2001:db8:0:1::1")) == 200


@pytest.mark.parametrize(
    ("address", "place"),
    [("192.0.2.1", "192.0.2.1"), ("2001:db8::7", "2001:db8::/64"), ("::ffff:192.0.2.1", "::ffff:192.0.2.1")],
)
def test_a_place_in_a_word(address: str, place: str) -> None:
    assert Caller((address, 7), None).place == place
    assert Caller(None, None).place == "this machine"


def test_places_take_no_more_room_than_they_may() -> None:
    attempts = Attempts(2, Clock())
    for number in range(PLACES + 10):
        for word in range(5):
            attempts.fail(f"place {number}", f"{word}")
    assert len(attempts._places) == PLACES
    assert max(len(words) for _, words in attempts._places.values()) == 2
