"""Which server is meant."""

import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from sentryvibe_tui import runtime
from sentryvibe_tui.cli import overview
from sentryvibe_tui.cli.options import UsageProblem, find_server, settings


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SENTRYVIBE_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("SENTRYVIBE_CONFIG", str(tmp_path / "none.toml"))
    monkeypatch.delenv("SENTRYVIBE_SERVER", raising=False)
    settings.cache_clear()


def test_a_server_that_runs_here_is_known_by_its_builds_whoever_names_it() -> None:
    runtime.announce(runtime.LocalServer("http://127.0.0.1:4000", os.getpid(), "/data", 1))
    found, named, other = (find_server(flag).address for flag in (None, "127.0.0.1:4000", "127.0.0.1:4001"))
    assert (found.base, found.identity) == ("http://127.0.0.1:4000", "/data")
    assert named == found
    assert other.identity == other.base == "http://127.0.0.1:4001"


def test_a_runtime_file_of_nonsense_is_as_good_as_none() -> None:
    runtime.announce(runtime.LocalServer("ftp://nowhere", os.getpid(), "/data", 1))
    assert not find_server(None).certain


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_certificates_that_cannot_be_used_are_named_before_anything_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv("SENTRYVIBE_CA", str(file))
    with pytest.raises(UsageProblem, match=re.escape(str(file))):
        find_server("https://builds.example.org")
    assert find_server("http://builds.example.org").address.base == "http://builds.example.org"


def test_without_any_server_both_places_and_the_way_out_are_named() -> None:
    said = find_server(None).absence
    for part in ("http://127.0.0.1:3000", "http://127.0.0.1:4777", "sentryvibe-tui serve", "--server URL"):
        assert part in said


@pytest.mark.parametrize("flag", [None, "127.0.0.1:4001"])
def test_a_token_goes_with_every_server_and_is_never_shown(flag: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTRYVIBE_TOKEN", "sv_secret")
    settings.cache_clear()
    found = find_server(flag)
    assert found.address.headers == {"Authorization": "Bearer sv_secret"}
    assert "sv_secret" not in f"{found}{found.address!r}{found.absence}{found.refusal('HTTP 401')}"
    settings.cache_clear()


@pytest.mark.parametrize("arguments", ["--server http://127.0.0.1:1 ls --active", "--ascii ls"])
def test_an_option_in_front_of_a_command_is_told_where_it_belongs(arguments: str) -> None:
    answer = CliRunner().invoke(overview.command, arguments)
    assert answer.exit_code == 2
    assert "options stand behind the command: `sentryvibe-tui ls …`" in answer.output
