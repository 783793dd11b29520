"""A watch on a directory, without what it follows and shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from sentryvibe_tui.errors import OutboxUnusable
from sentryvibe_tui.settings import Settings
from sentryvibe_tui.sources.directory import DirectoryWatch

from ..patience import PATIENCE


class Nothing:
    """A watch in which nothing happens."""

    def __init__(self) -> None:
        self.is_shown = asyncio.Event()

    async def events(self) -> AsyncIterator[Any]:
        self.is_shown.set()
        await asyncio.Event().wait()
        yield

    async def aclose(self) -> None: ...


async def test_who_watches_is_told_that_nothing_is_followed_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    nothing, is_told, is_over = Nothing(), asyncio.Event(), asyncio.Event()

    def tell(words: str) -> None:
        told.append(words)
        is_told.set()

    async def follow(future: asyncio.Future[Any]) -> None:
        future.set_result(nothing)
        await is_over.wait()
        raise OutboxUnusable("cannot keep events: no space")

    watch = DirectoryWatch(tmp_path, None, Settings(), lambda: None, tell, lambda _, __: "", probe=False)
    monkeypatch.setattr(watch, "_follow", follow)
    events = watch.events()
    assert await anext(events)
    watching = asyncio.ensure_future(anext(events))
    async with asyncio.timeout(PATIENCE):
        await nothing.is_shown.wait()
        is_over.set()
        await is_told.wait()
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
    await watch.aclose()
    assert told == [f"the agents of {tmp_path} are followed no longer: cannot keep events: no space"]
