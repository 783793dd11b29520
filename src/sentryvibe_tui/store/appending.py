"""The rules by which events become a log: what is a repeat, what it changes, what is clipped, what a project is called.

They are the same for every store. A store hands in a `Transaction` and the logs that it has in memory, gets what to
commit, and keeps that in memory once it is committed. Nothing here waits, reads a clock or touches a file.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol
from zlib import crc32

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from ..agents.doing import summary_of
from ..errors import EventDiffers
from ..model.carried import carried_bytes, measured
from ..model.events import About, BuildEvent, ToolStarted
from ..model.facts import RequestOpened
from ..model.questions import APPROVAL_TOOLS
from ..model.reducer import reduce
from ..model.state import BuildState, Millis
from ..model.updates import Entry, ToolChanged
from ..wire.clip import PLAN_LIMIT, VALUE_LIMIT, clipped
from ..wire.envelope import EventEnvelope
from ..wire.summary import encode_summary
from ..wire.updates import encode_entry
from .contract import Accepted, BuildHead, BuildKey, Commit, Logged
from .live import ENTRY_BYTES, BuildLog, LiveLogs

LITTLE_EVENTS = 64
LITTLE_BYTES = 256 * 1024
"""Up to so many events of so many bytes together an event loop may reduce while others wait."""


class Append(Struct, frozen=True):
    """Events to be kept all or none, the time for those that have none, and the bytes of what they carry."""

    events: Sequence[EventEnvelope]
    now: Millis
    size: int


def append_of(events: Sequence[EventEnvelope], now: Millis) -> Append:
    return Append(events, now, sum(carried_bytes(posted.event) for posted in events))


class Draft(Struct, frozen=True):
    """A group written into an open transaction: all that remains is to commit it.

    `logs`: the builds that it concerns as they are then.
    """

    results: Sequence[Accepted]
    commits: Sequence[Commit]
    logs: dict[BuildKey, BuildLog]


class GroupResult(Struct, frozen=True):
    """What became of a group of appends, each with its answer or its error, and what was committed."""

    results: Sequence[Accepted | Exception]
    commits: Sequence[Commit]


class Transaction(Protocol):
    """What the rules ask of an open transaction, and write into it. Numbers are those of `BuildLog`."""

    def open_log(self, key: BuildKey, now: Millis) -> BuildLog:
        """The log of a build, made if there is none. Raises BuildDamaged."""
        ...

    def put_event_id(self, number: int, event_id: str, digest: int) -> bool:
        """False, and nothing is written: the build has that id."""
        ...

    def event_digest(self, number: int, event_id: str) -> int | None:
        """The digest put with an id; None for one of a time when none was kept."""
        ...

    def put_entry(self, number: int, logged: Logged) -> None: ...

    def put_blob(self, number: int, tool_id: str, side: str, value: bytes) -> None:
        """The whole of a value that travels clipped; another one for the same side of the call takes its place."""
        ...

    def put_summary(self, head: BuildHead, encoded: bytes, status: str, now: Millis) -> None:
        """The build's row in the list."""
        ...

    def project_name(self, project_id: str) -> str | None: ...

    def put_project(self, project_id: str, name: str, slug: str, now: Millis) -> None:
        """A project that is new, or takes another name; then `now` is not heeded."""
        ...

    def has_slug(self, slug: str) -> bool: ...


class Appending:
    """The rules, over the logs in memory. For one caller at a time."""

    def __init__(self, live: LiveLogs) -> None:
        self._live = live
        self._names: dict[str, str] = {}
        self._slug_numbers: dict[str, int] = {}

    def draft(self, transaction: Transaction, appends: Sequence[Append]) -> Draft:
        """Writes a group. Raises what is wrong with one of the appends; then the transaction must be rolled back."""
        group = _Group(transaction, self)
        results = [group.append(append) for append in appends]
        return Draft(results, group.commits(appends[-1].now), group.logs)

    def are_live(self, appends: Sequence[Append]) -> bool:
        """Whether all their builds are in memory."""
        return all(key_of(posted.about) in self._live for append in appends for posted in append.events)

    def unnamed(self, appends: Sequence[Append]) -> dict[str, set[str]]:
        """Projects whose names the transaction will be asked for, each with the names that it may get."""
        ids: dict[str, set[str]] = {}
        for append in appends:
            for posted in append.events:
                project_id, name = posted.about.project_id, posted.about.agent.project_name
                known = self._names.get(project_id)
                if known is None or (name and name != known and known == project_id):
                    ids.setdefault(project_id, set()).add(name or project_id)
        return ids

    def names_of(self, appends: Sequence[Append]) -> dict[str, str]:
        """Of those projects whose names are in memory, which may be forgotten while the transaction is prepared."""
        ids = {posted.about.project_id for append in appends for posted in append.events}
        return {project_id: self._names[project_id] for project_id in ids & self._names.keys()}

    def learn_names(self, names: Mapping[str, str]) -> None:
        """Others may have named projects in the meantime."""
        self._names |= names

    def forget_all_names(self) -> None:
        """What was drafted was not kept, or a project may be gone."""
        self._names.clear()

    def forget_names(self, project_ids: Iterable[str]) -> None:
        """These projects may be gone."""
        for project_id in project_ids:
            self._names.pop(project_id, None)

    def log(self, key: BuildKey) -> BuildLog | None:
        return self._live.get(key)

    def name(self, transaction: Transaction, about: About, now: Millis) -> str:
        """The project's name: a project exists from its first event on, and takes its name as soon as one is said."""
        project_id, name = about.project_id, about.agent.project_name
        project_name = self._names.get(project_id) or transaction.project_name(project_id)
        if project_name is None:
            project_name = name or project_id
            transaction.put_project(project_id, project_name, self._free_slug(transaction, project_name), now)
        elif name and name != project_name and project_name == project_id:
            project_name = name
            transaction.put_project(project_id, project_name, self._free_slug(transaction, project_name), now)
        self._names[project_id] = project_name
        return project_name

    def _free_slug(self, transaction: Transaction, name: str) -> str:
        """Numbers are looked through once for each slug, not for each project: many have the same."""
        base = slug(name)
        texts = _numbered(base, self._slug_numbers.get(base, 1))
        number, free = next((number, text) for number, text in texts if not transaction.has_slug(text))
        self._slug_numbers[base] = number
        return free


class _Group:
    """Appends that go into one transaction."""

    def __init__(self, transaction: Transaction, rules: Appending) -> None:
        self._transaction = transaction
        self._rules = rules
        self._added: dict[BuildKey, list[Logged]] = {}
        self._names: dict[str, str] = {}
        self.logs: dict[BuildKey, BuildLog] = {}

    def append(self, append: Append) -> Accepted:
        accepted = duplicates = version = unchanged = 0
        for posted in append.events:
            about = posted.about
            key = key_of(about)
            log = self.logs.get(key) or self._rules.log(key) or self._transaction.open_log(key, append.now)
            self.logs[key] = log
            if about.agent.project_name or about.project_id not in self._names:
                self._names[about.project_id] = self._rules.name(self._transaction, about, append.now)
            if posted.event_id and not self._is_new(log.number, posted):
                duplicates += 1
            else:
                accepted += 1
                at = _after(log.state, append.now) if posted.at is None else posted.at
                before, log = log.state.version, self._reduced(key, log, posted.event, at, about)
                unchanged += log.state.version == before
            version = log.state.version
        return Accepted(accepted, duplicates, version, unchanged)

    def commits(self, now: Millis) -> list[Commit]:
        """What was added to each build, after its row in the list was written."""
        return [self._commit(key, added, now) for key, added in self._added.items()]

    def _commit(self, key: BuildKey, added: Sequence[Logged], now: Millis) -> Commit:
        log = self.logs[key]
        summary = summary_of(log.state, log.summary, key)
        if not summary.project_name:
            summary = replace(summary, project_name=self._names[key.project_id])
        self.logs[key] = replace(log, summary=summary)
        head, encoded = log.head(key), encode_summary(summary)
        self._transaction.put_summary(head, encoded, summary.status, now)
        return Commit(head, tuple(added), summary, encoded)

    def _reduced(self, key: BuildKey, log: BuildLog, event: BuildEvent, at: Millis, about: About) -> BuildLog:
        """The log with what the event led to; as it was when that is nothing."""
        short = clipped_event(event)
        state, entry = reduce(log.state, short, at, about)
        if entry is None:
            return log
        logged = Logged(entry.version, b",".join(encode_entry(entry)))
        self._transaction.put_entry(log.number, logged)
        if short is not event:
            self._keep_unclipped(log.number, event, entry)
        log = self.logs[key] = replace(log, state=state, size=log.size + ENTRY_BYTES + len(logged.updates))
        self._added.setdefault(key, []).append(logged)
        return log

    def _keep_unclipped(self, number: int, event: BuildEvent, entry: Entry) -> None:
        for update in entry.updates:
            if isinstance(update, ToolChanged):
                for side, value, size in _sides(event, update):
                    if value is not None and size:
                        self._transaction.put_blob(number, update.id, side, bytes(value))

    def _is_new(self, number: int, posted: EventEnvelope) -> bool:
        """False for a repeat. Raises EventDiffers for another event of the same id."""
        check_sum = digest(posted.event)
        if self._transaction.put_event_id(number, posted.event_id, check_sum):
            return True
        before = self._transaction.event_digest(number, posted.event_id)
        if before is not None and before != check_sum:
            raise EventDiffers(posted.event_id)
        return False


def _after(state: BuildState, now: Millis) -> Millis:
    """An event without a time happens as it comes: after all that has come, whatever the agent's clock says."""
    return max(now, state.last_event_at or now)


def is_little(appends: Sequence[Append]) -> bool:
    """Few and short events."""
    events = sum(len(append.events) for append in appends)
    return events <= LITTLE_EVENTS and sum(append.size for append in appends) <= LITTLE_BYTES


def key_of(about: About) -> BuildKey:
    return BuildKey(about.project_id, about.session_id, about.build_id)


def clipped_event(event: BuildEvent) -> BuildEvent:
    """`event` with large values in the form that travels; a plan's is large only beyond PLAN_LIMIT."""
    is_plan = (isinstance(event, ToolStarted) and event.name in APPROVAL_TOOLS) or (
        isinstance(event, RequestOpened) and event.request.kind == "plan"
    )
    return clipped(event, PLAN_LIMIT if is_plan else VALUE_LIMIT)


def digest(event: BuildEvent) -> int:
    """A check sum of what an event says, whatever the form in which it was posted."""
    return crc32(_encoder.encode((type(event).__name__, event)))


_encoder = msgspec.json.Encoder()


def _sides(event: BuildEvent, update: ToolChanged) -> Iterable[tuple[str, Raw | None, int]]:
    for name in measured(type(event)):
        if getattr(update, name) is not None:
            yield name, getattr(event, name), getattr(update, f"{name}_bytes")


def slug(name: str) -> str:
    """`name` in lower case letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:80] or "project"


def _numbered(base: str, first: int) -> Iterable[tuple[int, str]]:
    return ((number, base if number == 1 else f"{base}-{number}") for number in itertools.count(first))
