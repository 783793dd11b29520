"""A watch that stands before anybody knows what it watches."""

from sentryvibe_tui.client.deferred import ResolvedWatch
from sentryvibe_tui.client.watch import Watch
from sentryvibe_tui.client.watching import LinkChanged
from sentryvibe_tui.errors import SentryVibeError


async def phases(watch: ResolvedWatch) -> list[tuple[str, str]]:
    return [
        (event.status.phase, event.status.reason) async for event in watch.events() if isinstance(event, LinkChanged)
    ]


async def test_why_there_is_nothing_to_watch_is_told_and_kept() -> None:
    async def nothing() -> Watch:
        raise SentryVibeError("no project 'shop'")

    watch = ResolvedWatch(nothing, is_awaited=True)
    assert await phases(watch) == [("connecting", ""), ("waiting", ""), ("refused", "no project 'shop'")]
    assert str(watch.problem) == "no project 'shop'"


async def test_before_there_is_a_watch_nothing_is_known_and_nothing_fails() -> None:
    async def never() -> Watch:
        raise AssertionError

    watch = ResolvedWatch(never)
    watch.retry_now()
    assert await watch.builds() == ()
    assert await watch.build("s", "b") is None
    assert await watch.whole_tool("s", "t") == (None, None)
