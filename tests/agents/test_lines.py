import json

import pytest

from sentryvibe_tui.agents.common.json_lines import JsonLines, Lines
from sentryvibe_tui.agents.common.reader import Counts
from sentryvibe_tui.wire.json import MAX_CONTAINERS


def _objects(data: bytes) -> tuple[list[dict[str, object]], Counts]:
    counts = Counts()
    lines = JsonLines(counts)
    return [*lines.feed(data), *lines.finish()], counts


def test_only_newline_ends_a_line() -> None:
    text = "a\u2028b\x0cc\x0bd\re"
    records, counts = _objects(json.dumps({"x": text}, ensure_ascii=False).replace("\\u000b", "\x0b").encode() + b"\n")
    assert records == [{"x": text}]
    assert counts.noise == 0


def test_the_last_line_needs_no_newline() -> None:
    assert _objects(b'{"a":1}\n{"b":2}')[0] == [{"a": 1}, {"b": 2}]


def test_objects_glued_together_are_told_apart() -> None:
    records, counts = _objects(b'{"a":"}{"}{"b":2} {"c":[{}]}\n')
    assert records == [{"a": "}{"}, {"b": 2}, {"c": [{}]}]
    assert counts.noise == 0


def test_the_rest_of_a_cut_object_is_noise_and_no_object_of_its_own() -> None:
    records, counts = _objects(b'{"a":1}{"type":"outer","inner":{"type":"text"}\n{"b":2}\n')
    assert records == [{"a": 1}, {"b": 2}]
    assert counts.noise == 1


@pytest.mark.parametrize("noise", [b"warning: deprecated", b"[1,2]", b'"text"', b"{", b"null", b"\xff\xfe"])
def test_noise_is_counted_and_passed_over(noise: bytes) -> None:
    records, counts = _objects(noise + b'\n{"a":1}\n')
    assert records == [{"a": 1}]
    assert counts.noise == 1


def test_invalid_utf8_and_lone_surrogates_are_replaced() -> None:
    expected = [{"a": "x\ufffdy"}, {"b": "\ufffd"}]
    assert _objects(b'{"a":"x\xffy"}\n{"b":"\\ud800"}\n')[0] == expected
    assert _objects(b'{"a":"x\xffy"}{"b":"\\ud800"}\n')[0] == expected


def test_deep_nesting_is_noise_and_no_crash() -> None:
    records, counts = _objects(b'{"a":' * 100_000 + b"\n" + b'{"b":1}\n')
    assert records == [{"b": 1}]
    assert counts.noise == 1


@pytest.mark.parametrize("edge", [b"\xef\xbb\xbf", b"\0\0\0", b" \xef\xbb\xbf ", b"\r"])
def test_what_stands_around_a_line_is_left_out(edge: bytes) -> None:
    records, counts = _objects(edge + b'{"a":1}' + b"\0\r\n" + edge + b'data: {"b":2}\n')
    assert records == [{"a": 1}, {"b": 2}]
    assert counts.noise == 0


def test_server_sent_events_are_read() -> None:
    assert _objects(b'event: x\nid: 4\n: ping\ndata: {"a":1}\n\ndata: [DONE]\n')[0] == [{"a": 1}]


def test_a_line_beyond_the_limit_is_dropped_whole_and_counted() -> None:
    counts = Counts()
    lines = Lines(counts, limit=10)
    data = b"short\n" + b"x" * 25 + b"\nnext\n" + b"y" * 11
    for cut in range(len(data)):
        counts.oversize = 0
        lines = Lines(counts, limit=10)
        assert [*lines.feed(data[:cut]), *lines.feed(data[cut:]), *lines.finish()] == [b"short", b"next"]
        assert counts.oversize == 2


def test_a_line_that_takes_a_hundred_times_its_size_in_memory_is_dropped_and_counted() -> None:
    counts = Counts()
    heavy = b'{"a":[' + b",".join([b"{}"] * (MAX_CONTAINERS + 1)) + b"]}"
    quoted = b'{"a":"' + b"[{" * MAX_CONTAINERS + b'\\""}'
    records = list(JsonLines(counts).feed(heavy + b"\n" + quoted + b"\n"))
    assert [len(record["a"]) for record in records] == [2 * MAX_CONTAINERS + 1]
    assert (counts.oversize, counts.noise) == (1, 0)


def test_a_dropped_line_holds_no_memory() -> None:
    lines = Lines(Counts(), limit=1_000)
    for _ in range(100):
        assert list(lines.feed(b"z" * 900)) == []
    assert sum(map(len, lines._pending)) == 0  # pyright: ignore[reportPrivateUsage]


def test_what_was_left_out_is_told_once_and_in_full() -> None:
    counts = Counts(noise=2, oversize=1)
    counts.add_unknown("odd")
    counts.add_unknown("odd")
    notice = counts.left_out()
    assert notice is not None
    assert notice.message == (
        "not read: 2 lines that are no JSON; 1 lines that are too long; 2 records of unknown kind (odd ×2)"
    )
    assert Counts().left_out() is None


def test_kinds_are_bounded() -> None:
    counts = Counts()
    for number in range(10_000):
        counts.add_unknown(str(number))
    assert len(counts.unknown) <= 257
    assert counts.unknown.total() == 10_000
