"""A server's URL: what is sent of it, and what may be shown and kept."""

import base64

import pytest

from sentryvibe_tui.errors import BadAddress
from sentryvibe_tui.wire.address import Address, parse_address, shown


@pytest.mark.parametrize(
    ("url", "base", "login"),
    [
        ("https://ada:love%20lace@example.com:8443/a/", "https://example.com:8443/a", "ada:love lace"),
        ("ada:lovelace@example.com", "http://example.com", "ada:lovelace"),
        ("https://TOKEN@example.com", "https://example.com", "TOKEN:"),
        ("ws://:lovelace@[::1]:4777/ws", "http://[::1]:4777", ":lovelace"),
        ("https://a:p@q@example.com", "https://example.com", "a:p@q"),
        ("example.com", "http://example.com", ""),
    ],
)
def test_a_login_is_sent_and_stands_in_no_url(url: str, base: str, login: str) -> None:
    address = parse_address(url)
    assert (address.base, address.login) == (base, login)
    sent = f"Basic {base64.b64encode(login.encode()).decode()}"
    assert address.headers == ({"Authorization": sent} if login else {})
    for words in (repr(address), address.absence, address.identity, address.http("projects"), address.ws({})):
        assert not login or login.rstrip(":") not in words
        assert "@" not in words


def test_a_token_comes_before_a_login() -> None:
    address = parse_address("http://ada:lovelace@example.com", token="secret-token")
    assert address.headers == {"Authorization": "Bearer secret-token"}
    assert "secret-token" not in repr(address)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://ada:lovelace@example.com", "http://ada:lovelace@example.com:port", "http://ada:lovelace@",
        "http://ada:lovelace@example.com?x=1", "http://ada:love/lace@example.com", "http://ada:lovelace@[::1",
        "ada:lovelace@example.com:99999",
    ],
)  # fmt: skip
def test_a_url_of_no_use_is_told_without_its_password(url: str) -> None:
    with pytest.raises(BadAddress) as told:
        parse_address(url)
    assert "lace" not in str(told.value)
    assert "ada" not in str(told.value)


def test_what_is_shown_of_a_url() -> None:
    assert shown("https://ada:love@lace@example.com/a") == "https://…@example.com/a"
    assert shown("ada:lovelace@example.com") == "…@example.com"
    assert shown("http://127.0.0.1:4777") == "http://127.0.0.1:4777"
    assert Address("http://x").headers == {}


@pytest.mark.parametrize(
    ("text", "may"),
    [
        ("http://127.0.0.1:4777", False),
        ("http://localhost", False),
        ("https://localhost", True),
        ("http://example.test", True),
        ("https://example.test", True),
    ],
)
def test_certificates_are_loaded_only_where_they_may_be_asked_for(text: str, may: bool) -> None:
    assert parse_address(text).may_use_tls == may
