"""The bus that wakes other servers, without its connections."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from sentryvibe_tui.bus.bus import Bus, longest_pause

from ..patience import PATIENCE


class Channel:
    """A connection on which the test speaks; `failures`: of the next tries to listen."""

    def __init__(self, *failures: Exception) -> None:
        self._failures = list(failures)
        self.say: Callable[[str], None] = lambda _: None
        self.is_heard = asyncio.Event()

    async def listen(self, on_message: Callable[[str], None], joined: Callable[[], None]) -> None:
        if self._failures:
            raise self._failures.pop()
        self.say = on_message
        joined()
        self.is_heard.set()
        await asyncio.Event().wait()

    async def send(self, message: str) -> None: ...

    async def close(self) -> None: ...


def test_a_bus_that_is_away_for_days_is_tried_every_two_seconds() -> None:
    assert [longest_pause(failures) for failures in (0, 1, 5, 2_000)] == [0.1, 0.2, 2.0, 2.0]


@pytest.mark.parametrize(
    "hint",
    ["", "7", "7:", ":7", "0:3", "-1:3", "x:3", "7:x", f"{2**63}:1", f"{'9' * 5000}:1", f"7:{'9' * 5000}", "٣:٤"],
)
async def test_words_of_others_on_the_bus_are_passed_over(hint: str) -> None:
    channel, heard = Channel(), list[dict[int, int]]()
    bus = Bus(channel, "me")
    bus.start(lambda versions: heard.append(dict(versions)), lambda: None)
    async with asyncio.timeout(PATIENCE):
        await channel.is_heard.wait()
    channel.say(f"other {hint} 3:4")
    channel.say("")
    channel.say("me 5:6")
    assert heard == [{3: 4}]
    await bus.stop()


async def test_nothing_that_goes_wrong_with_a_connection_ends_the_hearing() -> None:
    channel = Channel(ValueError("what nobody thought of"))
    bus = Bus(channel, "me")
    bus.start(lambda _: None, lambda: None)
    async with asyncio.timeout(PATIENCE):
        await channel.is_heard.wait()
    await bus.stop()
