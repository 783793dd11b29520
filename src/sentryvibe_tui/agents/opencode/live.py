"""opencode's sessions as its database tells them, and whether a process still has them: nothing needs installing.

What is not in the database is not told: what a model is just saying, and permissions. But a command's call has no
metadata until it is allowed (measured with 1.18.33), so one that stays without waits for a person. That is a guess:
of a session whose own server is heard, the server's word counts.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from ...errors import BadJson
from ...model.activity import PROCESS_GONE, Request
from ...model.facts import BuildEnded, RequestOpened, RequestResolved, TurnEnded
from ...model.questions import permission
from ...model.state import Millis
from ..common.live import Sighting, merged, polled
from ..common.reader import Counts
from ..common.values import Record, obj, text, value
from .database import AT_ONCE, Database, EventRow, NotUnderstood, SessionRoot, open_database, path_of, stamp
from .events import Events
from .port import Ports
from .processes import Owners, at_work, says_so

log = logging.getLogger("sentryvibe_tui.agents")

RECENT: Millis = 10 * 60_000
"""So long ago a session may have been updated to be taken up at the start; later whenever it is."""
ORPHANED: Millis = 10_000
"""So long a session without a process of its own may be silent: it is then taken for one that ended."""

CREATION_SLACK: Millis = 60_000
"""So long a new database may lack its tables: a new opencode takes its time to make them."""

_ASKING: dict[str, Millis] = {"bash": 800, "task": 800, "edit": 1_500, "write": 1_500, "patch": 1_500, "read": 1_500}
"""Tools whose calls have metadata, or are over, so soon after they began that one without waits for permission."""


class _OpenCall(Struct):
    """A call that runs without metadata: from `since` on."""

    request: Request
    since: Millis
    is_told: bool = False
    number: int = 0
    """So many times it was guessed."""


class _Session:
    """A root session that is read."""

    def __init__(self, place: SessionRoot) -> None:
        self.place, self.counts = place, Counts()
        self.events = Events(self.counts, "registry")
        self.is_left_out_told = False
        self.last = place.updated
        self.is_owned = False
        """A process has it, or had it."""
        self.cursor: dict[str, int] = {}
        self.open_calls: dict[str, _OpenCall] = {}


class Live:
    """The database, and the servers of those that work at it."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        path = path_of(environ)
        self._owners = Owners(lambda: at_work(path)) if says_so() else None
        self._database = DatabaseWitness(path, self._owners, waiting_calls=self._waiting_calls)
        self._ports: Ports | None = None

    def sightings(self) -> AsyncIterator[Sighting]:
        if self._owners is None:
            return self._database.sightings()
        owners = self._owners
        self._ports = Ports(lambda: owners.processes, self._database.root)
        return merged(self._database.sightings(), self._ports.sightings())

    def _waiting_calls(self, directory: str, last: Millis) -> frozenset[str] | None:
        if self._owners is None or self._ports is None or not self._ports.is_any_heard:
            return None
        return self._ports.waiting_calls(directory, self._owners.of_any(directory, last))


WaitingCalls = Callable[[str, Millis], frozenset[str] | None]
"""The calls of a session that wait by its own server, None if that is not heard: by its directory and latest event."""


def _unheard(_directory: str, _last: Millis) -> None:
    return None


class DatabaseWitness:
    """`owners` None: nobody knows which processes there are. `now` is epoch milliseconds."""

    def __init__(
        self,
        path: Path,
        owners: Owners | None = None,
        now: Callable[[], Millis] = lambda: int(time.time() * 1000),
        waiting_calls: WaitingCalls = _unheard,
    ) -> None:
        self._path, self._owners, self._now, self._waiting_calls = path, owners, now, waiting_calls
        self._stamp: tuple[int, ...] = ()
        self._last: tuple[int, str] | None = None
        self._sessions: dict[str, _Session] = {}
        self._trouble = ""
        self._odd_since: Millis = 0

    def sightings(self) -> AsyncIterator[Sighting]:
        return polled(self.look)

    def root(self, session: str) -> tuple[str, str]:
        """Of a session that is read: its root, and the call that it works for. Any other is its own root."""
        read = next((one for one in self._sessions.values() if session in one.cursor), None)
        return (session, "") if read is None else (read.place.root, read.events.place(session)[1])

    def look(self) -> list[Sighting]:
        """What is new since the last look. Raises NotUnderstood for a database in use that has another shape."""
        sightings: list[Sighting] = []
        found = stamp(self._path)
        if found and found != self._stamp:
            sightings = self._poll(found)
        return [*sightings, *self._ends(), *self._guesses()]

    def _poll(self, stamp_now: tuple[int, ...]) -> list[Sighting]:
        try:
            with open_database(self._path) as connection:
                sightings, is_all = self._read(connection)
        except NotUnderstood:
            self._odd_since = self._odd_since or self._now()
            if (
                self._now() - self._odd_since > CREATION_SLACK
                and self._now() - max(stamp_now[::3]) // 1_000_000 < RECENT
            ):
                raise
            return []
        except sqlite3.Error as error:  # written anew, or locked for longer than a moment: the next look tells
            if str(error) != self._trouble:
                log.info("%s cannot be read now: %s", self._path, error)
                self._trouble = str(error)
            return []
        self._stamp, self._odd_since = stamp_now if is_all else (), 0
        return sightings

    def _read(self, source: Database) -> tuple[list[Sighting], bool]:
        """And whether that is all there is."""
        if self._last is None or not source.is_there(*self._last):
            return self._begin(source), True
        rows = source.after(self._last[0])
        sightings = [sighting for row in rows for sighting in self._follow(source, row)]
        if rows:
            self._last = (rows[-1].number, rows[-1].id)
        return sightings, len(rows) < AT_ONCE

    def _begin(self, source: Database) -> list[Sighting]:
        """At the start, and when the log was numbered anew."""
        since = self._now() - RECENT if self._last is None else 0
        known, self._sessions = self._sessions, {}
        last = source.last()
        places = source.since(since) if not known else [place for place in source.since(0) if place.root in known]
        seen = [sighting for place in places for sighting in self._take_up(source, place)]
        self._last = last if last[0] else None
        return seen

    def _follow(self, source: Database, row: EventRow) -> Iterator[Sighting]:
        root = next((one for one in self._sessions.values() if row.session in one.cursor), None)
        if root is None:
            place = source.place(row.session)
            root = None if place is None else self._sessions.get(place.root)
            if root is None:
                if place is not None:
                    yield from self._take_up(source, place)
                return
        yield from self._of_row(root, row)

    def _take_up(self, source: Database, place: SessionRoot) -> Iterator[Sighting]:
        """From its first event on: whoever has told of it before told the same."""
        session = self._sessions[place.root] = _Session(place)
        for row in source.of(place.root):
            yield from self._of_row(session, row)

    def _of_row(self, session: _Session, row: EventRow) -> Iterator[Sighting]:
        if row.seq <= session.cursor.get(row.session, -1):
            return
        session.cursor[row.session] = row.seq
        try:
            record = row.record
            reports = list(session.events.read(record))
        except Exception as error:  # one event that makes no sense must not hide those behind it
            session.counts.broken += 1
            is_odd = not isinstance(error, BadJson)
            log.info("an event of opencode (%s) is left out: %s", row.type, error, exc_info=is_odd)
            return
        for number, report in enumerate(reports):
            session.last = max(session.last, report.at or 0)
            yield self._sighting(session, Sighting(report.session, report.event, report.at, id=f"{row.id}-{number}"))
        if any(isinstance(report.event, TurnEnded) for report in reports):
            yield from self._left_out(session, row)
        if text(record, "type") == "message.part.updated":
            yield from self._of_call(session, obj(obj(record, "properties"), "part"))

    def _left_out(self, session: _Session, row: EventRow) -> Iterator[Sighting]:
        """What was not understood, once."""
        notice = None if session.is_left_out_told else session.counts.left_out()
        if notice is not None:
            session.is_left_out_told = True
            yield self._sighting(session, Sighting("", notice, session.last, id=f"{row.id}-left-out"))

    @staticmethod
    def _sighting(session: _Session, sighting: Sighting) -> Sighting:
        at = session.last if sighting.at is None else sighting.at
        return Sighting(session.place.root, sighting.event, at, session.place.directory, sighting.id)

    # ----------------------------------------------------------------------- permissions

    def _of_call(self, session: _Session, part: Record) -> Iterator[Sighting]:
        call, name, state = text(part, "callID"), text(part, "tool"), obj(part, "state")
        if name in _ASKING and text(state, "status") == "running" and not state.get("metadata"):
            if call not in session.open_calls:
                session.open_calls[call] = _OpenCall(_request(session, part, call), self._now())
        elif (held := session.open_calls.pop(call, None)) is not None and held.is_told:
            answer = RequestResolved(held.request.id)
            yield self._sighting(session, Sighting("", answer, session.last, id=f"{held.request.id}-over"))

    def _guesses(self) -> Iterator[Sighting]:
        now = self._now()
        for session in self._sessions.values():
            if self._owners is not None and not session.is_owned:
                continue  # it was over before the first look: nobody waits
            for call in session.open_calls.values():
                if now - call.since < _ASKING[call.request.tool]:
                    continue
                waiting = self._waiting_calls(session.place.directory, session.last)
                if waiting is None and not call.is_told:
                    yield self._guessed(session, call)
                elif waiting is not None and call.is_told and call.request.tool_call_id not in waiting:
                    yield self._withdrawn(session, call)

    def _guessed(self, session: _Session, call: _OpenCall) -> Sighting:
        call.is_told, call.number = True, call.number + 1
        again = "" if call.number == 1 else f"-{call.number}"
        return self._sighting(
            session, Sighting("", RequestOpened(call.request), call.since, id=f"{call.request.id}{again}")
        )

    def _withdrawn(self, session: _Session, call: _OpenCall) -> Sighting:
        """Its own server is heard by now, and asks nobody about this call."""
        call.is_told = False
        withdrawn = RequestResolved(call.request.id, "withdrawn")
        return self._sighting(
            session, Sighting("", withdrawn, self._now(), id=f"{call.request.id}-withdrawn-{call.number}")
        )

    # ----------------------------------------------------------------------- processes

    def _ends(self) -> Iterator[Sighting]:
        for root, session in list(self._sessions.items()):
            if self._owners is None or self._is_owned(session, self._owners):
                continue
            if session.is_owned or self._now() - session.last > ORPHANED:
                del self._sessions[root]
                end = BuildEnded("interrupted", error=PROCESS_GONE, source="registry")
                # what it told others last, a plugin or its server, may be newer than its last event here
                at = self._now() if session.is_owned else session.last + ORPHANED
                yield self._sighting(
                    session, Sighting(root, end, at, id=f"gone-{max(session.cursor.values(), default=0)}")
                )

    @staticmethod
    def _is_owned(session: _Session, owners: Owners) -> bool:
        is_owned = owners.of(session.place.directory, session.last)
        session.is_owned = session.is_owned or is_owned
        return is_owned


def _request(session: _Session, part: Record, call: str) -> Request:
    arguments, name = value(obj(obj(part, "state"), "input")), text(part, "tool")
    parent = session.events.place(text(part, "sessionID"))[1]
    why = "the call has not begun, so it waits for permission"
    return Request(
        f"asks-{call}", "permission", permission(name, arguments), name, call, arguments, reason=why, parent_id=parent
    )
