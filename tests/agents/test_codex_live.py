"""Codex' daemon: what its messages tell of threads, and a socket that comes, goes and refuses."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, unix_serve

from sentryvibe_tui.agents.codex.live import Codex, Daemon, witness
from sentryvibe_tui.agents.codex.threads import LOADED, READ, SETTLING, TERMINALS, RpcRefusal, Threads
from sentryvibe_tui.agents.common.live import Sighting
from sentryvibe_tui.model.activity import PROCESS_GONE
from sentryvibe_tui.model.events import ActivityReported
from sentryvibe_tui.model.facts import BackgroundMoved, BuildEnded, RequestOpened, RequestResolved, TurnEnded

S, CHILD, NAMING = "01a2f111-0000-7000-8000-000000000001", "01a2f111-0000-7000-8000-000000000002", "naming"
Json = dict[str, Any]


def thread(name: str = S, status: str = "idle", **more: Any) -> Json:
    fixed = {"id": name, "cwd": "/w/shop", "parentThreadId": None, "ephemeral": False, "status": {"type": status}}
    return fixed | more


def started(at: int, name: str = S, **more: Any) -> Json:
    return {"method": "thread/started", "params": {"thread": thread(name, **more)}, "emittedAtMs": at}


def changed(at: int, kind: str, *flags: str, name: str = S) -> Json:
    status = {"type": kind, "activeFlags": list(flags)} if kind == "active" else {"type": kind}
    return {"method": "thread/status/changed", "params": {"threadId": name, "status": status}, "emittedAtMs": at}


class Talk:
    """A daemon that answers what it is asked, from `results` by method."""

    def __init__(self, at_work: dict[str, str] | None = None, **results: Any) -> None:
        self.threads = Threads(at_work or {})
        self.results = {"initialize": {}, LOADED: {"data": []}, TERMINALS: {"data": []}, **results}
        self.now, self.asked = 0.0, list[str]()
        self.seen = self.settled()

    def settled(self) -> list[Sighting]:
        """What comes of everything that is to be asked now."""
        seen: list[Sighting] = []
        while asked := self.threads.asks(self.now):
            for question in asked:
                self.asked.append(question["method"])
                if "id" in question:
                    result = self.results.get(question["method"])
                    answer = {"error": {"message": "no"}} if result is None else {"result": result}
                    seen += self.threads.feed({"id": question["id"], **answer}, self.now)
        return seen

    def hears(self, *messages: Json) -> list[tuple[str, str, int | None]]:
        """Session, words and time of what these tell, and of what is asked because of them, once it is time."""
        seen = [sighting for message in messages for sighting in self.threads.feed(message, self.now)]
        self.now += SETTLING
        return [(one.session, words(one), one.at) for one in [*seen, *self.settled()]]


def words(sighting: Sighting) -> str:
    match sighting.event:
        case ActivityReported(kind, what):
            return f"{kind} {what}".strip()
        case BackgroundMoved(call, what):
            return f"background {call} {what}"
        case RequestOpened(request):
            return f"asks {request.id} {request.kind}"
        case RequestResolved(request):
            return f"answered {request}"
        case TurnEnded(outcome, _, error) | BuildEnded(outcome, _, error):
            return f"{outcome} {error}".strip()
        case other:
            return type(other).__name__


def test_a_prompt_an_approval_a_question_and_the_end() -> None:
    told = Talk().hears(
        started(1), changed(2, "active"), changed(3, "active", "waitingOnApproval"), changed(4, "active"),
        changed(5, "active", "waitingOnUserInput"), changed(6, "active"), changed(7, "idle"),
    )  # fmt: skip
    assert told == [(S, word, at) for word, at in [
        ("working", 2), ("waiting-person permission", 3), ("working", 4), ("waiting-person question", 5),
        ("working", 6), ("idle", 7),
    ]]  # fmt: skip


def test_nothing_is_subscribed_to() -> None:
    talk = Talk(**{READ: {"thread": thread(status="active")}, LOADED: {"data": [S]}})
    talk.hears(started(1), changed(2, "active", "waitingOnApproval"), changed(3, "idle"), changed(4, "idle", name="x"))
    assert {*talk.asked} == {"initialize", "initialized", LOADED, READ, TERMINALS}


def test_commands_that_run_on_after_the_turn() -> None:
    runs = {"data": [{"itemId": "call_1", "command": "npm run dev", "processId": "1", "cwd": "/w"}, {"odd": 1}]}
    told = Talk(**{TERMINALS: runs}).hears(started(1), changed(2, "active"), changed(3, "idle"))
    assert [(word, at) for _, word, at in told] == [
        ("working", 2), ("background call_1 npm run dev", 3), ("waiting-machine npm run dev", 3),
    ]  # fmt: skip


def test_a_turn_that_goes_on_at_once_never_rested() -> None:
    told = Talk().hears(started(1), changed(2, "active"), changed(3, "idle"), changed(4, "active"))
    assert [word for _, word, _ in told] == ["working", "working"]


def test_a_daemon_that_cannot_list_commands_is_asked_once() -> None:
    talk = Talk(**{TERMINALS: None})
    assert talk.hears(started(1), changed(2, "active"), changed(3, "idle"))[-1] == (S, "idle", 3)
    assert talk.hears(changed(4, "active"), changed(5, "idle"))[-1] == (S, "idle", 5)
    assert talk.asked.count(TERMINALS) == 1


def test_what_the_program_asks_a_model_for_itself_is_no_session() -> None:
    own = started(1, NAMING, ephemeral=True, threadSource="thread_title")
    ends = {"method": "thread/closed", "params": {"threadId": NAMING}}
    told = Talk().hears(own, changed(2, "active", name=NAMING), changed(3, "idle", name=NAMING), ends)
    assert told == []


def test_a_subagent_waits_in_its_session() -> None:
    told = Talk().hears(
        started(1), started(2, CHILD, parentThreadId=S), changed(3, "active", name=CHILD),
        changed(4, "active", "waitingOnApproval", name=CHILD), changed(5, "active", name=CHILD),
        changed(6, "idle", name=CHILD),
    )  # fmt: skip
    assert told == [(S, f"asks witness-{CHILD} permission", 4), (S, f"answered witness-{CHILD}", 5)]


def test_threads_that_were_there_before() -> None:
    """How they stand is read, without a time; an approval may wait since long."""
    waiting = {"type": "active", "activeFlags": ["waitingOnApproval"]}
    seen = Talk(**{LOADED: {"data": [S]}, READ: {"thread": thread() | {"status": waiting}}}).seen
    assert [(one.session, words(one), one.at, one.directory) for one in seen] == [
        (S, "waiting-person permission", None, "/w/shop")
    ]


@pytest.mark.parametrize(("message", "told"), [
    (changed(3, "systemError"), "failed Codex met an error"),
    ({"method": "thread/closed", "params": {"threadId": S}, "emittedAtMs": 3}, "ended"),
    (changed(3, "hibernating"), ""),
    ({"method": "thread/status/changed", "params": {"threadId": S, "status": [1]}}, ""),
    ({"method": "other"}, ""), ({}, ""), ({"id": 99, "result": {}}, ""), ({"id": [], "result": 1}, ""),
])  # fmt: skip
def test_other_words(message: Json, told: str) -> None:
    assert [word for _, word, _ in Talk().hears(started(1), message)] == ([told] if told else [])


def test_a_session_at_work_that_a_new_daemon_does_not_have_is_gone() -> None:
    other = "01a2f111-0000-7000-8000-000000000009"
    results = {LOADED: {"data": [S]}, READ: {"thread": thread(status="active")}}
    seen = Talk({S: "/w/shop", other: "/w/api"}, **results).seen
    assert {(one.session, words(one), one.directory) for one in seen} == {
        (other, f"interrupted {PROCESS_GONE}", "/w/api"), (S, "working", "/w/shop"),
    }  # fmt: skip


def test_a_daemon_that_refuses_says_so_in_one_line() -> None:
    with pytest.raises(RpcRefusal, match="Codex' daemon refuses: no"):
        Talk(initialize=None)


# ---------------------------------------------------------------------------------- the socket

Serve = Callable[[ServerConnection], Awaitable[None]]


async def _daemon(link: ServerConnection) -> None:
    """One thread, which works."""
    async for frame in link:
        question = json.loads(frame)
        assert "jsonrpc" not in question
        if question["method"] == "initialize":
            await link.send(json.dumps({"id": question["id"], "result": {}}))
        elif question["method"] == LOADED:
            await link.send(json.dumps({"id": question["id"], "result": {"data": []}}))
            await link.send("no JSON")
            await link.send(json.dumps(started(1)))
            await link.send(json.dumps(changed(2, "active")))


async def _refusing(link: ServerConnection) -> None:
    await link.send(json.dumps({"id": json.loads(await link.recv())["id"], "error": {"message": "too old"}}))
    await link.wait_closed()


@asynccontextmanager
async def served(place: Path, serve: Serve) -> AsyncIterator[None]:
    """As Codex has it: a link to a socket elsewhere."""
    socket = place / "real"
    async with unix_serve(serve, str(socket)):
        (place / "link").unlink(missing_ok=True)
        (place / "link").symlink_to(socket)
        yield
    socket.unlink(missing_ok=True)


async def test_a_daemon_comes_and_dies(tmp_path: Path) -> None:
    seen = Daemon(tmp_path / "link", retry=0.01).sightings()
    first = asyncio.ensure_future(anext(seen))
    async with served(tmp_path, _daemon):
        assert words(await asyncio.wait_for(first, 30)) == "working"
    gone = await asyncio.wait_for(anext(seen), 30)
    assert (words(gone), gone.session, gone.directory) == (f"interrupted {PROCESS_GONE}", S, "/w/shop")
    again = asyncio.ensure_future(anext(seen))
    async with served(tmp_path, _daemon):
        assert words(await asyncio.wait_for(again, 30)) == "working"
    await seen.aclose()  # type: ignore[attr-defined]


async def test_a_daemon_that_is_not_understood_ends_the_witness(tmp_path: Path) -> None:
    async with served(tmp_path, _refusing):
        with pytest.raises(RpcRefusal, match="too old"):
            await asyncio.wait_for(anext(Daemon(tmp_path / "link", retry=0.01).sightings()), 30)


async def test_a_daemon_that_is_not_understood_is_told_of_once_and_the_processes_go_on(tmp_path: Path) -> None:
    told: asyncio.Queue[str] = asyncio.Queue()
    seen = Codex(tmp_path / "link", tmp_path, told.put_nowait).sightings()
    async with served(tmp_path, _refusing):
        waiting = asyncio.ensure_future(anext(seen))
        notice = await asyncio.wait_for(told.get(), 30)
        assert (waiting.done(), told.empty()) == (False, True)
    assert notice.startswith("Codex' daemon refuses: too old; ")
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


@pytest.mark.parametrize(("environ", "place"), [({"HOME": "/h"}, "/h/.codex"), ({"CODEX_HOME": "/c"}, "/c")])
def test_where_it_listens(environ: dict[str, str], place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Path] = []
    monkeypatch.setattr("sentryvibe_tui.agents.codex.live.Codex", lambda *places: looked.extend(places))
    witness(environ)
    assert looked == [Path(place) / "app-server-control" / "app-server-control.sock", Path(place) / "sessions"]
