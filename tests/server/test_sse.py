"""The ends of an event stream."""

from __future__ import annotations

import asyncio

import pytest

from sentryvibe_tui.server.frame import Frame
from sentryvibe_tui.server.sse import _Outlet


@pytest.mark.parametrize("turns", range(4))
async def test_an_end_is_not_lost_to_a_frame_that_comes_with_it(turns: int) -> None:
    outlet = _Outlet()
    waiting = asyncio.create_task(outlet.next())
    await asyncio.sleep(0)
    outlet.take(Frame(b"{}"))
    for _ in range(turns):
        await asyncio.sleep(0)
    ends = waiting.cancel()
    await asyncio.wait([waiting])
    assert waiting.cancelled() is ends
