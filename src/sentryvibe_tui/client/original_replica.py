"""A build of an original server: its frames have no versions, its states may be old, and its ends may be none. Pure.

What such a server says is taken in order of arrival and merged; where it says nothing, it is asked
(docs/protocol.md#original-servers).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from ..model.calls import with_tool
from ..model.difference import difference
from ..model.facts import BuildEnded, PlanReported
from ..model.merge import merge, merge_metadata
from ..model.questions import plan_in
from ..model.reducer import apply
from ..model.standing import settled
from ..model.state import PLANNING, TODO_TOOLS, BuildState, Millis, Outcome, Todo
from ..model.todos import todo_at
from ..model.updates import BuildBegan, Entry, TodosChanged, ToolChanged, Update
from ..wire.frames import Batch, Recovery
from ..wire.original_rows import Stored
from .visible_build import VisibleBuild
from .watching import Changed, EndConfirmed, Snapshot

LOOK_AFTER: Millis = 5_000
"""Silence after the last todo was completed, before the server is asked whether that was the end; doubled each time."""
LOOK_AT_LEAST: Millis = 60_000
"""How often a build is asked for of which nothing comes."""
SUMMARY_WAIT: Millis = 10_000
"""How long after an end v2 may still tell its summary."""

Asking = Literal["rows", "state"]
"""What to ask for: the stored rows over HTTP, or the state over the link, which changes nothing at the server."""

_OUTCOMES: dict[str, Outcome] = {
    "completed": "completed",
    "failed": "failed",
    "cancelled": "cancelled",
    "interrupted": "interrupted",
}


class Hydration(Struct, frozen=True):
    """What is stored of the project's newest session (or the one asked for), and the ids of its other builds."""

    stored: Stored | None
    older: tuple[str, ...] = ()


class OriginalReplica:
    """Keeps `shown` true to what an original server says of it."""

    def __init__(self, picture: VisibleBuild) -> None:
        self._picture = picture
        self._places: dict[str, int] = {}
        self._void: set[Millis] = set()
        self._doubted: Millis | None = None
        self._certain: Millis | None = None
        self._says_states = False
        self._settles = False
        self._moved_at: Millis = 0
        self._listened_at: Millis = 0
        self._asked_at: Millis | None = None
        self._look_at: Millis | None = None
        self._looks = 0
        self._is_older = False

    # ----------------------------------------------------------------------- asking

    @property
    def due(self) -> Millis | None:
        """When to ask."""
        return min((at for at in (self._look_at, self._listen_at) if at is not None), default=None)

    @property
    def _listen_at(self) -> Millis | None:
        state = self._picture.state
        if not state.id or not state.is_active or self._look_at is not None:
            return None
        return max(self._moved_at, self._listened_at) + LOOK_AT_LEAST

    def ask(self, now: Millis) -> Asking | None:
        """What to ask for now."""
        if self._look_at is not None and now >= self._look_at:
            self._look_at, self._asked_at = None, now
            return "rows"
        if self._listen_at is not None and now >= self._listen_at:
            self._listened_at = now
            return "state"
        return None

    def connected(self) -> None:
        """Answers to what was asked before come no longer."""
        self._asked_at = None

    def failed(self, now: Millis) -> None:
        """No answer came: what is shown stands as it is."""
        self._settle()

    def _look(self, at: Millis) -> None:
        self._look_at = at if self._look_at is None else min(self._look_at, at)

    # ----------------------------------------------------------------------- answers

    def hydrated(self, hydration: Hydration, now: Millis) -> None:
        """Rows as they were when they were asked for: what has come since then is newer."""
        self._picture.retired.update(hydration.older)
        asked_at, self._asked_at = self._asked_at, None
        stored = hydration.stored
        if stored is None or not stored.state.id:
            self._settle()
            return
        is_same = stored.state.id == self._picture.state.id
        if asked_at is not None and (not is_same or self._moved_at > asked_at):
            self._picture.retired.discard(self._picture.state.id)
            if is_same:
                self._merged(merge_metadata(self._picture.state, stored.state, now), now)
            self._look_again(now)
            self._settle()
            return
        self._picture.retired.discard(stored.state.id)
        if not is_same:
            self._start(stored.state, now)
            self._moved_at = min(now, stored.state.last_event_at or 0)
        self._places |= stored.places
        self._rows(stored, now)
        self._settle()

    def _rows(self, stored: Stored, now: Millis) -> None:
        current, state, ending = self._picture.state, self._of_phase(stored.state), stored.ending
        if not current.is_active:
            ended = ending is not None or not _has_open(state.todos)
            state = replace(state, status=current.status if ended else "active", ended_at=current.ended_at)
        self._merged(merge(current, state, now), now)
        if not self._picture.state.is_active or ending is None:
            self._look_again(now)
        elif ending.at == self._certain or now - self._moved_at >= ending.doubt:
            self._end(BuildEnded(ending.outcome), ending.at, now)
        else:
            self._look(self._moved_at + ending.doubt)

    def _of_phase(self, state: BuildState) -> BuildState:
        """Rows know no phase: those that are the template's list stay that."""
        known = self._picture.state
        if known.todos or [todo.content for todo in known.template_todos] != [todo.content for todo in state.todos]:
            return state
        return replace(state, todos=(), template_todos=state.todos, phase="template")

    def _look_again(self, now: Millis) -> None:
        """A build whose todos are all completed may be over without a word."""
        state = self._picture.state
        if state.id and state.is_active and state.phase == "build" and state.todos and not _has_open(state.todos):
            self._looks += 1
            self._look(max(now, self._moved_at) + min(LOOK_AFTER << min(self._looks - 1, 8), LOOK_AT_LEAST))

    # ----------------------------------------------------------------------- frames

    def batch(self, batch: Batch, now: Millis, *, is_older: bool = False) -> None:
        """`is_older`: it was held back for an answer over HTTP, whose end it does not take back."""
        self._is_older = is_older
        for change in batch.changes:
            if isinstance(change, BuildState):
                state = change if change.session_id else replace(change, session_id=batch.session_id)
                self._full_state(state, now)
            else:
                self._entry(batch.session_id, change, now)

    def _entry(self, session_id: str, entry: Entry, now: Millis) -> None:
        """Updates name no build: it is the one that the last start or state named, in the same session."""
        current = self._picture.state
        began = next((update for update in entry.updates if isinstance(update, BuildBegan)), None)
        if began is not None and began.build_id != current.id:
            if began.build_id not in self._picture.retired:
                self._began(entry, now)
            return
        if session_id and current.session_id and session_id != current.session_id:
            return
        self._moved(now)
        updates = tuple(part for update in entry.updates for part in self._completed(update))
        goes_on = not current.is_active and not self._is_older
        if goes_on and began is None and any(_is_activity(current, update) for update in updates):
            updates = (BuildBegan(current.id, current.session_id, current.project_id), *updates)
        self._updates(Entry(0, entry.at, updates), session_id, now)

    def _began(self, entry: Entry, now: Millis) -> None:
        """Nothing but ids comes with a start: the rest is asked for. A repair was announced in the build before."""
        known = self._picture.state
        repair = known.autofix if not known.is_active else None
        self._start(replace(apply(known, entry), version=0, autofix=repair), now)
        self._look(now)

    def _start(self, state: BuildState, now: Millis) -> None:
        current = self._picture.state
        name = state.agent.project_name or current.agent.project_name
        self._places.clear()
        self._void.clear()
        self._doubted = self._certain = self._look_at = None
        self._settles = False
        self._moved(now)
        fresh = settled(replace(state, agent=replace(state.agent, project_name=name)), now)
        self._picture.take(_dated(fresh, now), "new-build" if current.id else "hydrated")

    def _moved(self, now: Millis) -> None:
        self._moved_at, self._looks = now, 0

    def _completed(self, update: Update) -> Iterator[Update]:
        """An update as it is meant: a call is of the present list, and the plan is what a call lays before a person."""
        if not isinstance(update, ToolChanged):
            yield update
            return
        current = self._picture.state
        update = replace(update, phase=current.phase)
        is_new = current.tool(update.id) is None
        if is_new and update.todo_index > PLANNING and todo_at(current, current.phase, update.todo_index) == PLANNING:
            self._places[update.id] = update.todo_index
        yield update
        if (plan := plan_in(update.name, update.input)) and plan != current.plan:
            yield PlanReported(plan)

    def _updates(self, entry: Entry, session_id: str, now: Millis) -> None:
        current = self._picture.state
        state = apply(current, entry)
        state = state if state.session_id or not session_id else replace(state, session_id=session_id)
        is_over = current.is_active and not state.is_active
        if not state.is_active:
            self._settles = self._settles or (is_over and self._is_summary_due(state))
        elif not current.is_active:
            self._void |= {at for at in (current.ended_at, self._doubted) if at is not None}
            self._settles = False
        self._picture.state = state
        self._picture.news.append(Changed(state, entry, settled=not self._settles))
        if self._settles and is_over:
            self._look(now + SUMMARY_WAIT)
        if any(isinstance(update, TodosChanged) for update in entry.updates):
            self._place()
        if self._settles and state.summary:
            self._look_at = None
            self._settle()
        if state.is_active:
            self._look_at = None
            self._look_again(now)

    def _is_summary_due(self, state: BuildState) -> bool:
        return state.status == "completed" and not state.summary and not self._says_states

    def _end(self, finished: BuildEnded, at: Millis, now: Millis) -> None:
        self._look_at = None
        self._updates(Entry(0, at, (finished,)), "", now)

    def _settle(self) -> None:
        """Nothing more is waited for."""
        if self._settles and self._look_at is None:
            self._settles = False
            self._picture.news.append(EndConfirmed(self._picture.state))

    def _place(self) -> None:
        """Calls that came before their todo was listed move below it."""
        state = self._picture.state
        for ident, index in tuple(self._places.items()):
            key, tool = todo_at(state, state.phase, index), state.tool(ident)
            if key == PLANNING:
                continue
            del self._places[ident]
            if tool is not None and tool.todo == PLANNING:
                state = with_tool(state, tool, replace(tool, todo=key))
        if state != self._picture.state:
            self._picture.state = state
            self._picture.news.append(Snapshot(state, "merged", settled=not self._settles))

    # ----------------------------------------------------------------------- whole states

    def _full_state(self, incoming: BuildState, now: Millis) -> None:
        """v1's `state-update`: the state of this moment, but for its end, which v1 tells of its template, too."""
        if incoming.id in self._picture.retired:
            return
        self._says_states = True
        ended_at = None if incoming.is_active else incoming.ended_at or now
        incoming = replace(incoming, version=0, status="active", ended_at=None)
        if incoming.id != self._picture.state.id:
            self._start(incoming, now)
        else:
            self._moved(now)
            self._merged(self._current(incoming, ended_at, now), now)
        if ended_at is not None and self._picture.state.is_active:
            self._ends(ended_at, now)
        elif ended_at is None:
            self._look_again(now)

    def _current(self, incoming: BuildState, ended_at: Millis | None, now: Millis) -> BuildState:
        """The merged state; an end that is known stands until something goes on."""
        current = self._picture.state
        if not current.is_active and ended_at is not None:
            stands = not _goes_on(current, incoming)
            incoming = replace(incoming, status=current.status if stands else "active", ended_at=current.ended_at)
            if not stands:
                self._void.add(ended_at)
        return merge(current, incoming, now)

    def _ends(self, ended_at: Millis, now: Millis) -> None:
        """One end for a list whose todos are all completed, and another at once, is that of the build."""
        state = self._picture.state
        later = any((tool.started_at or 0) > ended_at for tool in state.tools())
        if later or ended_at in self._void:
            self._void.add(ended_at)
            return
        if _has_open(state.todos):
            if ended_at == self._doubted:
                self._void.add(ended_at)
            elif self._certain != ended_at:
                self._certain = ended_at
                self._look(now)
        elif self._doubted is not None and self._doubted not in (ended_at, *self._void):
            self._end(BuildEnded("completed"), ended_at, now)
        else:
            self._doubted = ended_at
            self._look_again(now)

    def recovery(self, frame: Recovery, now: Millis) -> None:
        """Its state may be as old as the build's first moment; only its end is news
        (docs/protocol.md#original-servers)."""
        state = frame.state
        if state is not None and state.id:
            if state.id in self._picture.retired or self._is_of_other_session(state.id, frame.session_id):
                return
            session = state.session_id or frame.session_id
            state = replace(state, version=0, session_id=session, status="active", ended_at=None)
            if state.id != self._picture.state.id:
                self._start(state, now)
            else:
                self._merged(merge_metadata(self._picture.state, state, now), now)
        current = self._picture.state
        outcome = _OUTCOMES.get(frame.session_status)
        ours = state is not None or (bool(frame.session_id) and frame.session_id == current.session_id)
        if outcome is None or not ours or not current.id or not current.is_active:
            return
        if outcome == "failed":
            self._look(now)  # the rows know whether it goes on all the same
        else:
            self._end(BuildEnded(outcome), now, now)

    def _is_of_other_session(self, build_id: str, session_id: str) -> bool:
        """A late answer about the session of before says nothing of the build that runs now."""
        known = self._picture.state
        other = bool(known.session_id and session_id and session_id != known.session_id)
        return bool(known.id) and build_id != known.id and other

    def _merged(self, merged: BuildState, now: Millis) -> None:
        """What `merged` has more than what is shown is told as changes, but for calls that moved to another todo."""
        current = self._picture.state
        if _same_list(merged.todos, current.todos):
            merged = replace(merged, todos=current.todos)
        if merged == current:
            return
        updates = difference(current, merged)
        moved = any((tool := current.tool(new.id)) is not None and tool.todo != new.todo for new in merged.tools())
        self._picture.state = merged = _dated(merged, now) if updates else merged
        if not moved:
            self._picture.news.append(Changed(merged, Entry(0, now, updates), settled=not self._settles))
        else:
            self._picture.news.append(Snapshot(merged, "merged", settled=not self._settles))
        self._place()


def _has_open(todos: Iterable[Todo]) -> bool:
    return any(todo.status != "completed" for todo in todos)


def _is_activity(current: BuildState, update: Update) -> bool:
    """Whether an ended build goes on: what ends late is none."""
    if isinstance(update, TodosChanged):
        return any(todo.status != "completed" for todo in update.todos) and _is_other_list(current, update)
    if not isinstance(update, ToolChanged) or update.name in TODO_TOOLS:
        return False
    return current.tool(update.id) is None


def _is_other_list(current: BuildState, update: TodosChanged) -> bool:
    before = [(todo.content, todo.status) for todo in current.list_of(update.phase)]
    return before != [(todo.content, todo.status) for todo in update.todos]


def _goes_on(current: BuildState, incoming: BuildState) -> bool:
    fresh = any(current.tool(tool.id) is None for tool in incoming.tools())
    return fresh or (_has_open(incoming.todos) and not _same_list(incoming.todos, current.todos))


def _same_list(first: tuple[Todo, ...], other: tuple[Todo, ...]) -> bool:
    """A list that is told again is no news: the times of its todos stay."""

    def contents(todos: tuple[Todo, ...]) -> list[tuple[str, str, str]]:
        return [(todo.content, todo.status, todo.active_form) for todo in todos]

    return contents(first) == contents(other)


def _dated(state: BuildState, now: Millis) -> BuildState:
    """A state that was told whole says not when that was."""
    return state if state.last_event_at is not None else replace(state, last_event_at=now)
