"""Join links: where they can be made, what they say, and that what they hold stays in them."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.certificates import made_in
from tests.e2e.originals import Original

from sentryvibe_tui.audit import AUDIT
from sentryvibe_tui.client import join_link
from sentryvibe_tui.client.join_link import CannotLend, Lender, LinkTerms, public_url
from sentryvibe_tui.principals import TOKENS, NamedTokens
from sentryvibe_tui.server.serve import running
from sentryvibe_tui.server.settings import ServerLimits
from sentryvibe_tui.wire.address import Address, parse_address

NOW = 1_763_812_860_000
HOUR = 3_600_000
URL = "http://192.0.2.7:4777"
SILENT = "http://127.0.0.1:9"
"""Where nobody answers: it may be back before the link is used."""


@pytest.fixture
def lender(tmp_path: Path) -> Lender:
    return Lender(tmp_path, lambda: NOW)


def _here(url: str, folder: Path, token: str = "secret") -> Address:
    return parse_address(url, token, str(folder))


async def test_a_link_opens_its_build_until_it_ends_and_no_word_of_its_token_is_elsewhere(
    lender: Lender, tmp_path: Path
) -> None:
    link = await lender.lend(_here(SILENT, tmp_path), LinkTerms("shop", HOUR, "s", "b"), URL)
    secret, _, command = link.line.removeprefix("SENTRYVIBE_TOKEN=").partition(" ")
    assert command == f"sentryvibe-tui watch shop --server {URL}"
    assert (link.expires_at, link.cautions) == (NOW + HOUR, ())
    assert link.revocation == f"sentryvibe-tui token revoke {link.name}"
    tokens = NamedTokens(tmp_path / TOKENS)
    principal = tokens.holder(secret, NOW)
    assert principal is not None
    assert (principal.role, principal.project, principal.session, principal.build) == ("watch", "shop", "s", "b")
    assert tokens.holder(secret, NOW + HOUR) is None
    (record,) = map(json.loads, (tmp_path / AUDIT).read_text().splitlines())
    assert (record["what"], record["project"]) == ("share", "shop")
    assert record["to"] == f"{link.name}: build b, watch, for 1h"
    assert secret not in repr(link) + (tmp_path / AUDIT).read_text() + (tmp_path / TOKENS).read_text()
    assert tokens.revoke(link.name)


async def test_a_server_of_another_folder_is_named_in_what_ends_the_link(lender: Lender, tmp_path: Path) -> None:
    link = await lender.lend(_here(SILENT, tmp_path / "a b"), LinkTerms("shop", 90 * 60_000), URL)
    assert link.revocation == f"sentryvibe-tui token revoke {link.name} --data '{tmp_path}/a b'"
    assert ": watch, for 90m" in (tmp_path / "a b" / AUDIT).read_text()


async def test_tokens_that_cannot_be_kept_are_a_sentence(lender: Lender, tmp_path: Path) -> None:
    (tmp_path / TOKENS).write_text("[]")
    (tmp_path / TOKENS).chmod(0o644)
    with pytest.raises(CannotLend, match="chmod 600"):
        await lender.lend(_here(SILENT, tmp_path), LinkTerms("shop", HOUR), URL)


async def test_a_server_that_does_not_take_the_token_leaves_none_behind(lender: Lender, tmp_path: Path) -> None:
    with Original("its own") as server, pytest.raises(CannotLend, match="another list of tokens"):
        await lender.lend(_here(server.url, tmp_path), LinkTerms("shop", HOUR), URL)
    assert NamedTokens(tmp_path / TOKENS).records() == ()
    assert not (tmp_path / AUDIT).exists()


async def test_an_audit_log_that_cannot_be_written_is_a_caution(lender: Lender, tmp_path: Path) -> None:
    (tmp_path / AUDIT).mkdir()
    link = await lender.lend(_here(SILENT, tmp_path), LinkTerms("shop", HOUR), URL)
    assert "audit log cannot be written" in link.cautions[0]


async def test_a_certificate_that_systems_do_not_know_is_a_caution_that_names_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lender = Lender(tmp_path, lambda: time.time_ns() // 1_000_000)
    certificate = made_in(tmp_path)
    limits = ServerLimits(
        certificate=str(certificate.file),
        certificate_key=str(certificate.key),
        token="secret",
        tokens=str(tmp_path / TOKENS),
    )
    async with running(tmp_path / "data", settings=limits) as server:
        here = replace(_here(server.url, tmp_path), certificate=str(certificate.file))
        link = await lender.lend(here, LinkTerms("shop", HOUR), server.url)
        assert [str(certificate.file) in caution and "--ca FILE" in caution for caution in link.cautions] == [True]
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
        assert (await lender.lend(here, LinkTerms("shop", HOUR), server.url)).cautions == ()
    assert (await lender.lend(here, LinkTerms("shop", HOUR), server.url)).cautions == ()


async def test_where_others_reach_a_server_is_its_own_url(lender: Lender, tmp_path: Path) -> None:
    assert await lender.reach(_here(URL, tmp_path)) == URL


@pytest.mark.parametrize("url", ["http://127.0.0.1:4777", "http://[::1]:4777", "unix:/run/builds.sock"])
async def test_what_only_this_machine_reaches_says_how_others_would(lender: Lender, tmp_path: Path, url: str) -> None:
    with pytest.raises(CannotLend, match="serve --host"):
        await lender.reach(_here(url, tmp_path))


async def test_a_build_of_no_server_says_so(lender: Lender) -> None:
    with pytest.raises(CannotLend, match="no server"):
        await lender.reach(None)


async def test_a_server_for_everybody_has_nothing_to_lend(lender: Lender, tmp_path: Path) -> None:
    with pytest.raises(CannotLend, match="lets everybody in"):
        await lender.reach(_here(URL, tmp_path, token=""))


async def test_a_server_elsewhere_says_where_to_run_what(lender: Lender) -> None:
    with pytest.raises(CannotLend, match="where it runs"):
        await lender.reach(parse_address("http://127.0.0.1:9", "secret"))


async def test_an_original_server_has_no_tokens(lender: Lender) -> None:
    with Original() as server, pytest.raises(CannotLend, match="original SentryVibe server"):
        await lender.reach(parse_address(server.url))


@pytest.mark.parametrize(("url", "head"), [("https://0.0.0.0:4777", "https://"), ("http://[::]:4777", "http://[")])
def test_a_server_on_every_address_is_reached_by_one_of_them_or_says_that_nobody_knows(url: str, head: str) -> None:
    try:
        own = public_url(parse_address(url))
    except CannotLend as error:
        assert "--url URL" in str(error)  # noqa: PT017 - a machine without a network of that kind
    else:
        assert own.startswith(head)
        assert own.endswith(":4777")
        assert parse_address(own).host not in ("0.0.0.0", "::", "")


async def test_who_vouches_for_others_is_read_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []
    usual = ssl.create_default_context

    def noted() -> ssl.SSLContext:
        threads.append(threading.current_thread())
        return usual()

    monkeypatch.setattr(ssl, "create_default_context", noted)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        assert await join_link._is_trusted(f"https://127.0.0.1:{nobody.getsockname()[1]}")
    assert threads != []
    assert threading.main_thread() not in threads
