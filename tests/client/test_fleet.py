"""Several servers in one stream."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest

from sentryvibe_tui.client.builds import BuildsWatch
from sentryvibe_tui.client.fleet import ServerBuilds, ServerFleet, ServerLink
from sentryvibe_tui.server.serve import running
from sentryvibe_tui.wire.address import parse_address

from ..patience import PATIENCE


async def test_a_server_that_cannot_be_listened_to_any_more_is_told_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = BuildsWatch._frame

    async with running(tmp_path / "one") as one, running(tmp_path / "other") as other:
        address = parse_address(one.url)

        def fails_for_one(watch: BuildsWatch, data: str | bytes, now: int) -> tuple[object, ...]:
            if watch.server.base == address.base:
                raise LookupError("what nobody thought of")
            return read(watch, data, now)

        monkeypatch.setattr(BuildsWatch, "_frame", fails_for_one)
        fleet = ServerFleet((address, parse_address(other.url)))
        refusal, others = None, None
        async with asyncio.timeout(PATIENCE), aclosing(fleet.events()) as events:
            async for event in events:
                if isinstance(event, ServerLink) and event.status.phase == "refused":
                    refusal = event
                elif isinstance(event, ServerBuilds):
                    others = event.server
                if refusal and others:
                    break
    assert refusal is not None
    assert refusal.server == address.identity
    assert refusal.status.reason == "LookupError: what nobody thought of"
    assert others == parse_address(other.url).identity
