"""How facts are said: durations, clocks, sizes, marks, the link."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.cells import cell_len

from sentryvibe_tui.client.watching import CaughtUp, LinkStatus
from sentryvibe_tui.model.activity import Request
from sentryvibe_tui.model.state import Agent, BuildState, ToolCall
from sentryvibe_tui.report import words
from sentryvibe_tui.report.plain import headline
from sentryvibe_tui.report.summary import page


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.mark.parametrize(
    ("ms", "said"),
    [
        (0, "0.0s"),
        (-5, "0.0s"),
        (449, "0.4s"),
        (9_999, "9.9s"),
        (10_000, "10s"),
        (41_700, "41s"),
        (59_999, "59s"),
        (138_000, "2m18s"),
        (3_599_999, "59m59s"),
        (3_840_000, "1h04m"),
        (86_399_999, "23h59m"),
        (86_400_000 * 3 + 7 * 3_600_000, "3d07h"),
        (86_400_000 * 10 - 1, "9d23h"),
        (86_400_000 * 474 + 9 * 3_600_000, "474d"),
    ],
)
def test_duration(ms: int, said: str) -> None:
    assert words.duration(ms) == said


@given(st.integers(0, 99_999 * 86_400_000))
def test_a_duration_never_gets_wider_than_its_column(ms: int) -> None:
    assert len(words.duration(ms)) <= words.DURATION_WIDTH


def test_a_running_clock_shows_whole_seconds() -> None:
    assert [words.running_time(ms) for ms in (0, 999, 1_000, 9_999, 61_000)] == ["0s", "0s", "1s", "9s", "1m01s"]


def test_clock_is_local_time() -> None:
    assert words.clock(43_391_000) == "12:03:11"
    assert words.clock(None) == "--:--:--"


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0"), (999, "999"), (1_000, "1.0k"), (8_124, "8.1k"), (9_999, "9.9k"), (812_345, "812k"), (1_250_000, "1.2M")],
)
def test_count(number: int, said: str) -> None:
    assert words.short_count(number) == said


@pytest.mark.parametrize(
    ("amount", "said"),
    [(0, "0 B"), (1023, "1023 B"), (4198, "4.1 KiB"), (1024 * 1024 - 1, "1.0 MiB"), (31 << 20, "31 MiB")],
)
def test_size(amount: int, said: str) -> None:
    assert words.size(amount) == said


@pytest.mark.parametrize(
    ("link", "said"),
    [
        (LinkStatus("connecting"), "◌ connecting"),
        (LinkStatus("live", rtt_ms=38.2), "● live 38ms"),
        (LinkStatus("live", "sse"), "● live · sse"),
        (LinkStatus("retrying", attempt=3, retry_at=104_000), "↻ retry 3/10 in 4s"),
        (LinkStatus("retrying", attempt=3, retry_at=100_001), "↻ retry 3/10 in 1s"),
        (LinkStatus("retrying", attempt=3, retry_at=90_000), "↻ retry 3/10"),
        (LinkStatus("gave-up"), "✗ gave up · r retries"),
        (LinkStatus("refused", reason="401 no token"), "✗ refused: 401 no token"),
        (LinkStatus("closed", lost_at=43_382_000), "○ offline, showing 12:03:02"),
        (LinkStatus("closed"), "■ ended"),
    ],
)
def test_link(link: LinkStatus, said: str) -> None:
    mark = words.link_mark(link, 100_000)
    assert f"{mark.glyph} {mark.word}" == said


def test_gap_line() -> None:
    gap = CaughtUp(43_382_000, 43_389_000, 14, "replayed")
    assert words.caught_up(gap) == "link lost 12:03:02 · back 12:03:09 · 14 events replayed"


@pytest.mark.parametrize("glyphs", [words.UNICODE, words.ASCII])
def test_every_glyph_takes_one_cell(glyphs: words.Glyphs) -> None:
    widths = {
        name: {cell_len(glyph) for glyph in (getattr(glyphs, name) if name == "sparks" else [getattr(glyphs, name)])}
        for name in glyphs.__struct_fields__
    }
    assert {name: width for name, width in widths.items() if width != {1}} == {}
    assert len(glyphs.sparks) == 8


def test_ascii_glyphs_are_ascii() -> None:
    assert all(getattr(words.ASCII, name).isascii() for name in words.ASCII.__struct_fields__)


def test_the_template_of_a_project_stands_beside_its_agent() -> None:
    state = BuildState(id="b", project_id="p", agent=Agent("claude-code", "m", "Shop", template="Starter (astro)"))
    assert headline(state).startswith("Shop (claude-code · m · Starter (astro))")
    assert next(page(state, 0)) == "Shop  (claude-code · m · Starter (astro))"


def test_a_call_that_a_person_is_asked_about_does_not_run() -> None:
    call = ToolCall("c1", "Bash", "input-available")
    asks = Request("r", tool_call_id="c1")
    assert words.call_mark(call, [asks]) == words.Mark("?", "waits for you", "warn")
    assert words.call_mark(call, [Request("r", tool_call_id="c2")]).word == "running"
    assert words.call_mark(call, []).word == "running"
    assert words.call_mark(replace(call, state="output-available"), [asks]).word == "done"
