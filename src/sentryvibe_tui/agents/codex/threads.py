"""What Codex' daemon says of its threads. Sans-I/O: its messages in, sightings out, and what it is to be asked.

A thread is a session, or the subagent of one (with a parent), or ephemeral: what the program asks a model for itself.
Sources: `codex app-server generate-json-schema`, and what 0.171 was seen to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from ...errors import SentryVibeError
from ...model.activity import PROCESS_GONE, Request
from ...model.events import ActivityReported, BuildEvent
from ...model.facts import BackgroundMoved, BuildEnded, RequestOpened, RequestResolved, TurnEnded
from ...model.requests import OF_SUBAGENT
from ...model.state import Millis
from ..common.live import Sighting
from ..common.values import Record, as_list, as_object, count, obj, objects, text

SETTLING = 0.25
"""Seconds after a turn's end until the daemon is asked what runs on: the rollout has told of its calls by then."""

TERMINALS = "thread/backgroundTerminals/list"
LOADED = "thread/loaded/list"
READ = "thread/read"

_WAITS = {"waitingOnApproval": "permission", "waitingOnUserInput": "question"}


class RpcRefusal(SentryVibeError):
    """The daemon does not take what it is asked: it is another version than is understood here."""


class Thread(Struct, frozen=True):
    """`parent` is the thread that it works for; `is_ephemeral`: it has no rollout."""

    id: str
    cwd: str = ""
    parent: str = ""
    is_ephemeral: bool = False


class ThreadStatus(Struct, frozen=True):
    """`waits`: for what, in one word, "" when for nothing. `at`: by the daemon's clock, epoch milliseconds."""

    kind: str
    waits: str = ""
    at: Millis | None = None


class Threads:
    """`at_work`: the sessions (with their directories) that were at work when the daemon was last heard."""

    def __init__(self, at_work: Mapping[str, str] = {}) -> None:
        self._before = at_work
        self._threads: dict[str, Thread] = {}
        self._statuses: dict[str, ThreadStatus] = {}
        self._waiting: dict[str, str] = {}
        self._resting: dict[str, float] = {}
        self._requests: dict[int, tuple[str, str]] = {}
        self._outbox: list[Record] = []
        self._knows_terminals = True
        client = {"name": "sentryvibe-tui", "title": "sentryvibe-tui", "version": "1"}
        self._ask("initialize", {"clientInfo": client, "capabilities": {"experimentalApi": True}})

    def at_work(self) -> dict[str, str]:
        """Sessions whose turn is not over, with the directories they work in."""
        busy = (self._threads[name] for name, status in self._statuses.items() if status.kind == "active")
        return {thread.id: thread.cwd for thread in busy if not thread.parent}

    def asks(self, now: float) -> list[Record]:
        """What is to be sent. `now` is monotonic, in seconds."""
        for name, due in list(self._resting.items()):
            if due <= now:
                del self._resting[name]
                self._ask(TERMINALS, {"threadId": name}, name)
        asked, self._outbox = self._outbox, []
        return asked

    def due_in(self, now: float) -> float | None:
        """Seconds until there is something to send though nothing was heard; None when only messages matter."""
        return max(0.0, min(self._resting.values()) - now) if self._resting else None

    def feed(self, message: Record, now: float) -> Iterator[Sighting]:
        """Raises RpcRefusal."""
        method, params = text(message, "method"), obj(message, "params")
        if "id" in message and not method:
            yield from self._response(message, now)
        elif method == "thread/started":
            yield from self._met(obj(params, "thread"), _at(message), now)
        elif method == "thread/status/changed":
            yield from self._changed(text(params, "threadId"), _status(obj(params, "status"), _at(message)), now)
        elif method == "thread/closed":
            yield from self._changed(text(params, "threadId"), ThreadStatus("notLoaded", at=_at(message)), now)

    # ------------------------------------------------------------------------ questions

    def _ask(self, method: str, params: Record, thread: str = "") -> None:
        number = len(self._requests) + 1
        self._requests[number] = (method, thread)
        self._outbox.append({"id": number, "method": method, "params": params})

    def _response(self, message: Record, now: float) -> Iterator[Sighting]:
        number = message["id"]
        method, thread = self._requests.get(number if isinstance(number, int) else 0, ("", ""))
        result, failed = obj(message, "result"), "error" in message
        if method == "initialize":
            if failed:
                raise RpcRefusal(
                    f"Codex' daemon refuses: {text(obj(message, 'error'), 'message')[:200] or 'no reason'}"
                )
            self._outbox.append({"method": "initialized"})
            self._ask(LOADED, {})
        elif method == LOADED:
            yield from self._loaded(result, failed)
        elif method == READ and not failed:
            yield from self._met(obj(result, "thread"), None, now)
        elif method == TERMINALS:
            self._knows_terminals = self._knows_terminals and not failed
            yield from self._rests(thread, objects(result, "data"))

    def _loaded(self, result: Record, failed: bool) -> Iterator[Sighting]:
        names = [name for name in _names(result.get("data")) if name not in self._threads]
        for name in names:
            self._ask(READ, {"threadId": name, "includeTurns": False}, name)
        for name in () if failed else self._before.keys() - {*names, *self._threads}:
            end = BuildEnded("interrupted", error=PROCESS_GONE, source="socket")
            yield Sighting(name, end, None, self._before[name])

    # ------------------------------------------------------------------------ threads

    def _met(self, thread: Record, at: Millis | None, now: float) -> Iterator[Sighting]:
        name = text(thread, "id")
        if not name:
            return
        is_ephemeral = thread.get("ephemeral") is True or text(thread, "threadSource") == "thread_title"
        self._threads[name] = Thread(name, text(thread, "cwd"), text(thread, "parentThreadId"), is_ephemeral)
        status = self._statuses.pop(name, None) or _status(obj(thread, "status"), at)
        if status.kind == "idle" and status.at is not None:  # one that just begins has nothing to tell yet
            self._statuses[name] = status
            return
        yield from self._changed(name, status, now)

    def _changed(self, name: str, status: ThreadStatus, now: float) -> Iterator[Sighting]:
        thread = self._threads.get(name)
        if thread is None:
            is_new = bool(name) and name not in self._statuses
            self._statuses[name] = status
            if is_new:
                self._ask(READ, {"threadId": name, "includeTurns": False}, name)
            return
        self._statuses[name] = status
        self._resting.pop(name, None)
        if thread.is_ephemeral:
            return
        if thread.parent:
            yield from self._subagent(thread, status)
        elif status.kind == "idle" and self._knows_terminals:
            self._resting[name] = now + SETTLING
        else:
            yield from self._sightings(thread, status)

    def _sightings(self, thread: Thread, status: ThreadStatus) -> Iterator[Sighting]:
        if event := _event(status):
            yield Sighting(thread.id, event, status.at, thread.cwd)

    def _rests(self, name: str, terminals: Iterable[Record]) -> Iterator[Sighting]:
        """The turn is over. Commands that run on keep the build."""
        thread, status = self._threads.get(name), self._statuses.get(name)
        if thread is None or status is None or status.kind != "idle" or name in self._resting:
            return
        running = [one for one in terminals if text(one, "itemId")]
        for one in running:
            yield Sighting(name, BackgroundMoved(text(one, "itemId"), text(one, "command")), status.at, thread.cwd)
        if running:
            waits = ActivityReported("waiting-machine", text(running[0], "command"), source="socket")
            yield Sighting(name, waits, status.at, thread.cwd)
        else:
            yield from self._sightings(thread, status)

    def _subagent(self, thread: Thread, status: ThreadStatus) -> Iterator[Sighting]:
        """What it does is told by its rollout; what it waits for, it waits for in its session."""
        session, request = self._session(thread), f"{OF_SUBAGENT}{thread.id}"
        before, self._waiting[thread.id] = self._waiting.get(thread.id, ""), status.waits
        if status.waits and status.waits != before:
            kind = "question" if status.waits == "question" else "permission"
            asks = Request(request, kind, f"{status.waits}: a subagent", since=status.at or 0)
            yield Sighting(session.id, RequestOpened(asks), status.at, session.cwd)
        elif before and not status.waits:
            yield Sighting(session.id, RequestResolved(request), status.at, session.cwd)

    def _session(self, thread: Thread) -> Thread:
        """The thread that a person began."""
        seen = {thread.id}
        while thread.parent and thread.parent not in seen:
            seen.add(thread.parent)
            thread = self._threads.get(thread.parent) or Thread(thread.parent, thread.cwd)
        return thread


def _status(status: Record, at: Millis | None) -> ThreadStatus:
    flags = [_WAITS.get(flag, "") for flag in _names(status.get("activeFlags"))]
    return ThreadStatus(text(status, "type"), next(filter(None, flags), ""), at)


def _event(status: ThreadStatus) -> BuildEvent | None:
    """None for a status that is not known here: the rollout goes on to tell what happens."""
    match status.kind:
        case "active":
            return ActivityReported("waiting-person" if status.waits else "working", status.waits, source="socket")
        case "idle":
            return ActivityReported("idle", source="socket")
        case "notLoaded":
            return ActivityReported("ended", source="socket")
        case "systemError":
            return TurnEnded("failed", error="Codex met an error", source="socket")
        case _:
            return None


def _at(message: Record) -> Millis | None:
    return count(message, "emittedAtMs") or None


def _names(values: object) -> list[str]:
    """The texts in a list, or the ids of the objects in it."""
    return [one if isinstance(one, str) else text(as_object(one), "id") for one in as_list(values)]
