"""What is known of a session by its hooks so far: its calls, subagents, todos, and what it waits for."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from msgspec import Raw

from ...model.activity import Outcome
from ...model.events import BuildEvent, TextAdded, TodosReported, ToolStarted
from ...model.facts import BuildEnded, RequestResolved, TurnEnded
from ...model.hook_dedup import hook_note_id
from ...model.state import Agent, BuildState, Millis, NoteKind
from ...wire.json import encode
from ..redact import Redactor
from .hook_dialect import HookDialect, Lists
from .todo_changes import TodoList
from .values import Record, fingerprint, obj, text, value


class HookSession:
    """Of one agent, whose words are `dialect`."""

    def __init__(self, dialect: HookDialect, redactor: Redactor | None) -> None:
        self.dialect = dialect
        self.agent = Agent(dialect.agent_id)
        self.redactor = None if redactor is None else redactor.copy()
        self.started = False
        self.is_over = False
        """It has ended for good."""
        self.received: Millis | None = None
        """When its latest payload came."""
        self.ended: Outcome | None = None
        """How the latest turn ended, None while one goes on."""
        self.lists: Lists = _lists(dialect, ())
        self.calls = CallIds()
        self.permissions = Permissions()
        self.background = Background()
        self.subagents = SubagentCalls(dialect.stand_in, dialect.subagent_tools)
        self._notes: set[str] = set()

    def resume(self, state: BuildState, todos: TodoList) -> None:
        """Goes on with a session of which there is a build, as if all its payloads had been read here."""
        self.started = True
        self.ended = None if state.status == "active" else state.status
        self.agent = state.agent
        self._notes.update(note.id for note in state.notes())
        self.background.adrift = sorted(state.in_background)
        self.lists = _lists(self.dialect, todos)

    def note(self, kind: NoteKind, words: str) -> TextAdded:
        """The same words again are another note. Its id is that of the words as others get to see them."""
        words = words if self.redactor is None else self.redactor.text(words)
        ids = (hook_note_id(kind, words, number) for number in itertools.count(1))
        fresh = next(ident for ident in ids if ident not in self._notes)
        self._notes.add(fresh)
        return TextAdded(fresh, words, kind, whole=True)

    def masked_input(self, name: str, arguments: Record) -> Raw | None:
        """A call's input as its own event shows it. What is masked is counted there, not here."""
        started = ToolStarted("", name, value(arguments))
        redact = started if self.redactor is None else self.redactor.copy().event(started)
        return redact.input if isinstance(redact, ToolStarted) else None

    def masked(self, events: Iterable[BuildEvent]) -> Iterator[BuildEvent]:
        """The end of a turn tells what was masked."""
        for event in events:
            is_end = isinstance(event, BuildEnded | TurnEnded)
            news = self.redactor.news() if self.redactor is not None and is_end else None
            if news is not None:
                yield news
            yield event if self.redactor is None else self.redactor.event(event)


def _lists(dialect: HookDialect, todos: TodoList) -> Lists:
    return _NoLists() if dialect.lists is None else dialect.lists(todos)


class _NoLists:
    def started(self, call_id: str, name: str, arguments: Record, own: bool) -> TodosReported | None:
        return None

    def has(self, call_id: str) -> bool:
        return False

    def ended(self, call_id: str, response: object, failed: bool) -> TodosReported | None:
        return None


def call_of(record: Record) -> tuple[str, Record]:
    """Tool and input."""
    return text(record, "tool_name"), obj(record, "tool_input")


def pairing(name: str, arguments: Record) -> str:
    """Early payloads have no call id: the same tool with the same input is the same call, first open first."""
    return fingerprint(name, encode(dict(sorted(arguments.items()))).decode("utf-8", "replace"))


class CallIds:
    """Ids of calls whose payloads have none, and which call began last."""

    def __init__(self) -> None:
        self._count = 0
        self._open: dict[str, list[str]] = {}
        self.latest: tuple[str, Record] = ("", {})
        """Tool and input of the call that began last and is under way."""

    def begin(self, record: Record) -> str:
        name, arguments = call_of(record)
        call_id = text(record, "tool_use_id")
        if not call_id:
            call_id = self._new(name, arguments)
            self._open.setdefault(pairing(name, arguments), []).append(call_id)
        return call_id

    def ended(self, record: Record) -> str:
        name, arguments = call_of(record)
        if (name, arguments) == self.latest:
            self.latest = ("", {})
        waiting = self._open.get(pairing(name, arguments))
        return text(record, "tool_use_id") or (waiting.pop(0) if waiting else self._new(name, arguments))

    def _new(self, name: str, arguments: Record) -> str:
        """An id of our own, made of the input too: a reader that was started anew does not reuse it for other work."""
        self._count += 1
        return f"call-{self._count}-{pairing(name, arguments)}"


class Permissions:
    """What each agent of a session asked a person for. Nothing tells when it is given: only what happens then."""

    def __init__(self) -> None:
        self._requests: dict[str, tuple[str, str]] = {}

    def __bool__(self) -> bool:
        return bool(self._requests)

    def request_of(self, agent: str, call: str, request: str) -> None:
        self._requests[agent] = (call, request)

    def went_on(self, agent: str) -> Iterator[RequestResolved]:
        """An agent begins its next call, or its turn is over. What other agents do says nothing."""
        if agent in self._requests:
            yield RequestResolved(self._requests.pop(agent)[1])

    def returned(self, agent: str, call: str) -> Iterator[RequestResolved]:
        """The call has ended, by its pairing."""
        if self._requests.get(agent, ("", ""))[0] == call:
            yield from self.went_on(agent)

    def all_over(self) -> Iterator[RequestResolved]:
        for agent in list(self._requests):
            yield from self.went_on(agent)


class Background:
    """Work that outlives its call. `calls`: by the id of their task, with the call of the subagent that began each."""

    def __init__(self) -> None:
        self.calls: dict[str, tuple[str, str]] = {}
        self.adrift: list[str] = []
        """Calls that run in the background since before this was made: their tasks are not known."""


class SubagentCalls:
    """Which call each subagent works for: told when it starts in the background, else by its type, first come first."""

    def __init__(self, stand_in: str, tools: frozenset[str]) -> None:
        self._stand_in, self._tools = stand_in, tools
        self._waiting: dict[str, str] = {}
        self._calls: dict[str, str] = {}

    def called(self, call_id: str, name: str, arguments: Record) -> None:
        """A call began; of those that run subagents the first waits for a subagent of its type."""
        if name in self._tools:
            self._waiting[call_id] = text(arguments, "subagent_type")

    def pair(self, agent_id: str, call_id: str) -> None:
        """The call's answer names its subagent."""
        self._waiting.pop(call_id, None)
        if agent_id:
            self._calls[agent_id] = call_id

    def feed(self, record: Record) -> None:
        """A payload of a subagent that was not heard of before."""
        agent_id, kind = text(record, "agent_id"), text(record, "agent_type")
        if not agent_id or agent_id in self._calls:
            return
        same = (call for call, wanted in self._waiting.items() if not kind or not wanted or wanted == kind)
        call_id = next(same, "")
        if call_id:
            self.pair(agent_id, call_id)

    def parent_of(self, agent_id: str) -> str:
        """The call that it works for, or what stands for that."""
        stand_in = f"{self._stand_in}{agent_id}" if self._stand_in else ""
        return self._calls.get(agent_id, stand_in) if agent_id else ""
