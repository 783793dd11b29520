"""However an input is cut, delayed or repeated, the same build comes out of it."""

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from sentryvibe_tui.agents.common.reader import Reported
from sentryvibe_tui.agents.detect import AutoReader, detect, new_reader
from sentryvibe_tui.errors import UnknownFormat

SAMPLES = Path(__file__).parent.parent / "data" / "transcripts"
FILES = sorted(json.loads((SAMPLES / "truth.json").read_text()))


def _pieces(data: bytes, random: Random) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        size = random.choice((1, 2, 17, 1_000, 30_000))
        yield data[at : at + size]
        at += size


@pytest.mark.parametrize("name", FILES)
def test_pieces_make_no_difference(name: str) -> None:
    data = (SAMPLES / name).read_bytes()
    whole = new_reader(detect(data))
    expected = [*whole.feed(data), *whole.finish()]
    for seed in range(3):
        reader = AutoReader()
        reports = [report for piece in _pieces(data, Random(seed)) for report in reader.feed(piece)]
        assert [*reports, *reader.finish()] == expected


@pytest.mark.parametrize("name", FILES)
def test_a_cut_input_gives_the_beginning_of_the_same_events(name: str, fold: Any) -> None:
    data = (SAMPLES / name).read_bytes()
    kind = detect(data)
    whole = new_reader(kind).feed(data)
    for part in range(50):
        reader = new_reader(kind)
        reports: list[Reported] = reader.feed(data[: len(data) * part // 50])
        assert reports == whole[: len(reports)]
        state = fold([*reports, *reader.finish()])
        assert not state.is_active
        assert not state.open_tools


@pytest.mark.parametrize("name", FILES)
def test_reading_again_adds_nothing(name: str, fold: Any) -> None:
    data = (SAMPLES / name).read_bytes()
    kind = detect(data)
    first, second = new_reader(kind), new_reader(kind)
    once = [*first.feed(data), *first.finish()]
    again = [*once, *second.feed(data), *second.finish()]
    assert fold(again).tool_count == fold(once).tool_count
    notices = {"notice"}
    assert [note.id for note in fold(again).notes() if note.kind not in notices] == [
        note.id for note in fold(once).notes() if note.kind not in notices
    ]


def test_nothing_to_read_is_an_error_that_says_so() -> None:
    with pytest.raises(UnknownFormat, match="it is empty"):
        AutoReader().finish()
