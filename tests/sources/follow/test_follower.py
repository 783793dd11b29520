"""What a follower publishes together: a scripted server takes it, the agents' files and witnesses are the test's."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from sentryvibe_tui.agents.common.live import Sighting
from sentryvibe_tui.agents.common.session_files import Session
from sentryvibe_tui.model.activity import PROCESS_GONE
from sentryvibe_tui.model.facts import BuildEnded
from sentryvibe_tui.sources.follow.follower import Follow, Pace
from sentryvibe_tui.sources.follow.tail import PIECE
from sentryvibe_tui.wire.address import Address
from sentryvibe_tui.wire.projects import mangled

from ...client.test_publisher import Scripted
from .test_session_reader import ID, answer, call, prompt, write


class Register:
    """A witness that saw at once that the session's process is gone."""

    async def sightings(self) -> AsyncIterator[Sighting]:
        end = BuildEnded("interrupted", error=PROCESS_GONE, source="registry")
        yield Sighting(ID, end, int(time.time() * 1000) - 60_000, id="gone")
        await asyncio.Event().wait()


def orphans(sessions: Sequence[Session]) -> set[Path]:
    return {session.path for session in sessions}


def nobody(_: Sequence[Session]) -> set[Path]:
    return set()


def kinds(body: list[dict[str, Any]]) -> list[str]:
    return [event["event"]["type"] for event in body]


@pytest.mark.parametrize(("witnesses", "search"), [({"claude": Register()}, nobody), ({}, orphans)])
@pytest.mark.parametrize("earlier", [0, PIECE], ids=["short", "long"])
async def test_an_agent_that_was_gone_before_asks_nothing(
    tmp_path: Path, witnesses: dict[str, Register], search: Any, earlier: int
) -> None:
    """Its question and its end go out together, so that nobody is called by it, however long the file is."""
    work = tmp_path / "shop"
    work.mkdir()
    asks = call("q1", "AskUserQuestion", questions=[{"question": "Red?", "options": []}])
    history = [prompt("go", cwd=str(work)), answer("x" * earlier), prompt("more", cwd=str(work)), asks]
    write(tmp_path / "projects" / mangled(str(work)) / f"{ID}.jsonl", *history, at=time.time() - 60)
    scripted = Scripted()
    listener = await asyncio.start_server(scripted.handle, "127.0.0.1", 0)
    server = Address(f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}")
    roots = {"claude": tmp_path / "projects"}
    follow = Follow(server, tmp_path / "out", roots, None, lambda _: None, Pace(), witnesses=witnesses, orphans=search)
    running = asyncio.create_task(follow.run())
    try:
        await scripted.until(lambda: any("build-interrupted" in kinds(body) for body in scripted.bodies))
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        listener.close()
    (last,) = (body for body in scripted.bodies if "AskUserQuestion" in json.dumps(body))
    assert last[-1]["event"]["type"] == "build-interrupted"
    assert PROCESS_GONE in json.dumps(last[-1])
