"""A watch that stands before anybody knows what it watches; meanwhile its link says what it waits for."""

from collections.abc import AsyncIterator, Callable
from typing import Any, cast

from sentryvibe_tui.client.deferred import ResolvedWatch
from sentryvibe_tui.client.watch import Watch
from sentryvibe_tui.client.watching import LinkChanged, LinkStatus, WatchEvent
from sentryvibe_tui.errors import SentryVibeError

Expect = Callable[[str], None]


async def phases(watch: ResolvedWatch) -> list[tuple[str, str]]:
    return [
        (event.status.phase, event.status.reason) async for event in watch.events() if isinstance(event, LinkChanged)
    ]


class Waiting:
    """A watch on a project that is not there yet."""

    async def events(self) -> AsyncIterator[WatchEvent]:
        for phase in ("waiting", "live"):
            yield LinkChanged(LinkStatus(cast("Any", phase)))


async def test_the_link_says_what_is_waited_for_as_long_as_it_waits() -> None:
    async def resolve(expect: Expect) -> Any:
        expect("no project 'shop'; there are: blog; waiting for it")
        return Waiting()

    assert await phases(ResolvedWatch(resolve)) == [
        ("connecting", ""),
        ("waiting", "no project 'shop'; there are: blog; waiting for it"),
        ("live", ""),
    ]


async def test_why_there_is_nothing_to_watch_is_told_and_kept() -> None:
    async def nothing(_: Expect) -> Watch:
        raise SentryVibeError("no project 'shop'")

    watch = ResolvedWatch(nothing, is_awaited=True)
    assert await phases(watch) == [("connecting", ""), ("waiting", ""), ("refused", "no project 'shop'")]
    assert str(watch.problem) == "no project 'shop'"


async def test_before_there_is_a_watch_nothing_is_known_and_nothing_fails() -> None:
    async def never(_: Expect) -> Watch:
        raise AssertionError

    watch = ResolvedWatch(never)
    watch.retry_now()
    assert await watch.builds() == ()
    assert await watch.build("s", "b") is None
    assert await watch.whole_tool("s", "t") == (None, None)
