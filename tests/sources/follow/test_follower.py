"""What a follower publishes together: a scripted server takes it, the agents' files and witnesses are the test's."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from sentryvibe_tui.agents.common.live import Sighting, Witness
from sentryvibe_tui.agents.common.session_files import Session
from sentryvibe_tui.client.publisher import Publisher
from sentryvibe_tui.errors import OutboxUnusable
from sentryvibe_tui.model.activity import PROCESS_GONE
from sentryvibe_tui.model.events import ActivityReported, BuildStarted
from sentryvibe_tui.model.facts import BuildEnded
from sentryvibe_tui.sources.follow.follower import Follow, OrphanSearch, Pace
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


@asynccontextmanager
async def following(place: Path, witnesses: Mapping[str, Witness], search: OrphanSearch) -> AsyncGenerator[Scripted]:
    """What is published of the sessions in `projects`."""
    scripted = Scripted()
    listener = await asyncio.start_server(scripted.handle, "127.0.0.1", 0)
    server = Address(f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}")
    roots = {"claude": place / "projects"}
    follow = Follow(server, place / "out", roots, None, lambda _: None, Pace(), witnesses=witnesses, orphans=search)
    running = asyncio.create_task(follow.run())
    try:
        yield scripted
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        listener.close()


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
    async with following(tmp_path, witnesses, search) as scripted:
        await scripted.until(lambda: any("build-interrupted" in kinds(body) for body in scripted.bodies))
    (last,) = (body for body in scripted.bodies if "AskUserQuestion" in json.dumps(body))
    assert last[-1]["event"]["type"] == "build-interrupted"
    assert PROCESS_GONE in json.dumps(last[-1])


@pytest.fixture
async def scripted() -> AsyncIterator[tuple[Scripted, Address]]:
    scripted = Scripted()
    listener = await asyncio.start_server(scripted.handle, "127.0.0.1", 0)
    yield scripted, Address(f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}")
    listener.close()


@asynccontextmanager
async def followed(follow: Follow) -> AsyncGenerator[None]:
    running = asyncio.create_task(follow.run())
    await follow.searched()
    try:
        yield
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


def session(folder: Path, name: str, identity: str = ID) -> None:
    """Of an agent that works in `folder / name`."""
    work = folder / name
    work.mkdir()
    lines = [prompt("go", cwd=str(work)), answer(f"hello from {name}")]
    write(folder / "projects" / mangled(str(work)) / f"{identity}.jsonl", *lines, at=time.time())


OFTEN = Pace(look=0.01, search=0.01)


def says(scripted: Scripted, words: str) -> Callable[[], bool]:
    return lambda: words in json.dumps(scripted.bodies)


async def test_a_look_that_fails_is_told_once_and_the_next_one_finds_what_there_is(
    tmp_path: Path,
    scripted: tuple[Scripted, Address],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server, address = scripted
    told: list[str] = []
    follow = Follow(address, tmp_path / "out", {"claude": tmp_path / "projects"}, None, told.append, OFTEN)
    usual, failures = follow._sessions.changed_since, [OSError("the disk says no")] * 3

    def changed_since(since: float) -> Any:
        if follow._has_begun and failures:
            raise failures.pop()
        return usual(since)

    monkeypatch.setattr(follow._sessions, "changed_since", changed_since)
    async with followed(follow):
        session(tmp_path, "shop")
        await server.until(says(server, "hello from shop"))
    assert failures == []
    assert [words for words in told if "the disk says no" in words] == [
        "OSError: the disk says no; agents are looked for all the same"
    ]
    assert caplog.messages.count("a look at the sessions failed") == 1


async def test_a_project_whose_outbox_cannot_be_opened_keeps_no_other_waiting(
    tmp_path: Path, scripted: tuple[Scripted, Address], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, address = scripted
    told: list[str] = []
    follow = Follow(address, tmp_path / "out", {"claude": tmp_path / "projects"}, None, told.append, OFTEN)
    usual, is_full = Publisher.__aenter__, True

    async def enter(publisher: Publisher) -> Publisher:
        if is_full and publisher.about.agent.project_name == "bad":
            raise OutboxUnusable("cannot keep events: no space")
        return await usual(publisher)

    monkeypatch.setattr(Publisher, "__aenter__", enter)
    async with followed(follow):
        session(tmp_path, "first", "0a" + ID[2:])
        await server.until(says(server, "hello from first"))
        session(tmp_path, "bad", "0b" + ID[2:])
        session(tmp_path, "good", "0c" + ID[2:])
        await server.until(says(server, "hello from good"))
        while not any("no space" in words for words in told):  # noqa: ASYNC110  the follower's own time
            await asyncio.sleep(0)
        is_full = False
        await server.until(says(server, "hello from bad"))
    assert [words for words in told if "no space" in words] == ["project bad waits: cannot keep events: no space"]


async def test_what_keeps_a_follower_from_beginning_is_its_end(
    tmp_path: Path, scripted: tuple[Scripted, Address]
) -> None:
    session(tmp_path, "shop")
    (tmp_path / "out").write_text("no folder")
    follow = Follow(scripted[1], tmp_path / "out", {"claude": tmp_path / "projects"}, None, lambda _: None, OFTEN)
    with pytest.raises(OutboxUnusable):
        await follow.run()


class Idle:
    """A witness that sees a session before its first prompt, and then at work."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.is_prompted = str(directory), asyncio.Event()

    async def sightings(self) -> AsyncIterator[Sighting]:
        now = int(time.time() * 1000)
        yield Sighting(ID, BuildStarted(), now, self.directory, "begun")
        yield Sighting(ID, ActivityReported("idle", source="registry"), now, self.directory)
        await self.is_prompted.wait()
        yield Sighting(ID, ActivityReported("working", source="registry"), now + 1_000, self.directory)
        await asyncio.Event().wait()


async def test_a_session_that_was_idle_before_its_first_prompt_stays_one_build(tmp_path: Path) -> None:
    """Its file begins with lines that say not where it works."""
    work = tmp_path / "shop"
    work.mkdir()
    path, idle = tmp_path / "projects" / mangled(str(work)) / f"{ID}.jsonl", Idle(work)
    async with following(tmp_path, {"claude": idle}, nobody) as scripted:
        await scripted.until(lambda: "idle" in json.dumps(scripted.bodies))
        write(path, {"type": "mode", "sessionId": ID}, at=time.time())
        idle.is_prompted.set()
        await scripted.until(lambda: "working" in json.dumps(scripted.bodies))
        write(path, prompt("what is this", cwd=str(work)), at=time.time())
        await scripted.until(lambda: "what is this" in json.dumps(scripted.bodies))
    posted = [event for body in scripted.bodies for event in body]
    assert {(event["projectName"], event["sessionId"]) for event in posted} == {("shop", ID)}
