"""The file with a server's token."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sentryvibe_tui.errors import BadTokenFile
from sentryvibe_tui.token_file import read_token, server_token


def test_a_new_one_is_made_for_its_owner_only_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "new" / "token"
    before = os.umask(0)
    try:
        token = server_token(path)
    finally:
        os.umask(before)
    assert len(token) >= 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert server_token(path) == read_token(path) == token
    assert server_token(tmp_path / "other") != token


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_one_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "token"
    path.write_text("word")
    path.chmod(mode)
    with pytest.raises(BadTokenFile, match="chmod 600"):
        server_token(path)


@pytest.mark.parametrize("text", ["", " \n", "two words", "x\ny", "pässword", "x" * 5000, "\x00"])
def test_anything_but_a_word_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "token"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(BadTokenFile, match="one word"):
        server_token(path)


def test_what_cannot_be_read_or_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "folder", tmp_path / "missing"):
        with pytest.raises(BadTokenFile, match=path.name):
            read_token(path)
    (tmp_path / "file").write_text("")
    with pytest.raises(BadTokenFile, match="file"):
        server_token(tmp_path / "file" / "token")


def test_white_space_around_it_is_none_of_it(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("  word \r\n")
    path.chmod(0o600)
    assert read_token(path) == "word"


def test_those_who_start_at_once_have_the_same_token(tmp_path: Path) -> None:
    """Nobody reads it before it is whole."""
    with ThreadPoolExecutor(6) as starting:
        for number in range(100):
            path = tmp_path / str(number) / "token"
            tokens = [one.result() for one in [starting.submit(server_token, path) for _ in range(6)]]
            assert len(set(tokens)) == 1
            assert [file.name for file in path.parent.iterdir()] == ["token"]
