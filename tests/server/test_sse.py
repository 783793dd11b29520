"""The ends of an event stream."""

from __future__ import annotations

import asyncio

import pytest

from sentryvibe_tui.server.outbound_frame import OutboundFrame
from sentryvibe_tui.server.sse import StreamOutlet, _send_frame


@pytest.mark.parametrize("turns", range(4))
async def test_an_end_is_not_lost_to_a_frame_that_comes_with_it(turns: int) -> None:
    outlet = StreamOutlet()
    waiting = asyncio.create_task(outlet.next())
    await asyncio.sleep(0)
    outlet.take(OutboundFrame(b"{}"))
    for _ in range(turns):
        await asyncio.sleep(0)
    ends = waiting.cancel()
    await asyncio.wait([waiting])
    assert waiting.cancelled() is ends


async def test_a_large_frame_goes_out_in_pieces_and_shows_how_much_is_left() -> None:
    outlet, left, sent = StreamOutlet(), list[int](), list[bytes]()

    async def send(message) -> None:
        left.append(outlet.waiting)
        sent.append(message["body"])

    text = b"x" * 200_000
    outlet.take(OutboundFrame(text))
    await _send_frame(text, outlet, send)
    assert b"".join(sent) == text
    assert left == [200_000, 134_464, 68_928, 3_392]
