"""What passes a relay faster than it can be looked at."""

from sentryvibe_tui.sources.run.relay import AHEAD, Relay


async def test_what_is_looked_at_ends_where_the_first_piece_is_left_out() -> None:
    relay = Relay(("agent",), None)
    for piece in (b"x" * AHEAD, b"the last", b"left out"):
        relay._on_data("agent", piece)
    assert [relay._queue.get_nowait()[1][:9] for _ in range(relay._queue.qsize())] == [b"x" * 9, b"the last"]
