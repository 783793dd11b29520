"""A file that another process writes."""

import os
from pathlib import Path

import pytest

from sentryvibe_tui.sources.follow.tail import PIECE, Grown, Tail


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "session.jsonl"


def test_growth_comes_once_and_whole(path: Path) -> None:
    tail = Tail(path)
    assert tail.look() == Grown()
    path.write_bytes(b"one\ntw")
    assert tail.look() == Grown(b"one\ntw")
    assert tail.look() == Grown()
    with path.open("ab") as file:
        file.write(b"o\n")
    assert tail.look() == Grown(b"o\n")


def test_much_comes_in_pieces(path: Path) -> None:
    whole = os.urandom(2 * PIECE + 17)
    path.write_bytes(whole)
    tail, pieces = Tail(path), list[Grown]()
    while not pieces or pieces[-1].more:
        pieces.append(tail.look())
    assert b"".join(piece.data for piece in pieces) == whole
    assert max(len(piece.data) for piece in pieces) == PIECE


def test_a_shorter_file_starts_over(path: Path) -> None:
    path.write_bytes(b"a long line\n")
    tail = Tail(path)
    tail.look()
    path.write_bytes(b"short\n")
    assert tail.look() == Grown(b"short\n", restarted=True)
    assert tail.look() == Grown()


def test_an_emptied_file_starts_over_once(path: Path) -> None:
    path.write_bytes(b"a long line\n")
    tail = Tail(path)
    tail.look()
    path.write_bytes(b"")
    assert tail.look() == Grown(restarted=True)
    path.write_bytes(b"next\n")
    assert tail.look() == Grown(b"next\n")


def test_a_replaced_file_starts_over_even_when_it_is_longer(path: Path, tmp_path: Path) -> None:
    path.write_bytes(b"old\n")
    tail = Tail(path)
    tail.look()
    fresh = tmp_path / "fresh"
    fresh.write_bytes(b"another and longer\n")
    fresh.rename(path)
    assert tail.look() == Grown(b"another and longer\n", restarted=True)


def test_a_file_written_anew_in_place_starts_over_even_when_it_is_longer(path: Path) -> None:
    path.write_bytes(b"old\n")
    tail = Tail(path)
    tail.look()
    path.write_bytes(b"another and longer\n")
    assert tail.look() == Grown(b"another and longer\n", restarted=True)


def test_a_file_that_is_gone_has_not_grown(path: Path) -> None:
    path.write_bytes(b"old\n")
    tail = Tail(path)
    tail.look()
    path.unlink()
    assert tail.look() == Grown()
    path.write_bytes(b"new file\n")
    assert tail.look() == Grown(b"new file\n", restarted=True)
