"""One agent's words in its hooks: which of its events mean what, and what stands in them where."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from .values import Record

if TYPE_CHECKING:
    from ...model.events import BuildEvent, TodosReported
    from ...model.state import BuildState, Millis
    from ..redact import Redactor
    from .hook_session import HookSession
    from .reader import Counts, Reported
    from .todo_changes import TodoList

Handler = Callable[[Record, "HookSession"], "Iterator[BuildEvent]"]
"""What an event of this name reports of its session."""


class Payloads(Protocol):
    """Reads one payload at a time, of as many sessions as there are, and masks what it reports."""

    counts: Counts

    def knows(self, session: str) -> bool: ...

    def resume(self, name: str, state: BuildState) -> None:
        """Goes on with a session of which there is a build."""
        ...

    def read(self, payload: Record, received: Millis | None = None) -> list[Reported]: ...


class Lists(Protocol):
    """The todo list of a session, by the calls that change it."""

    def started(self, call_id: str, name: str, arguments: Record, own: bool) -> TodosReported | None: ...

    def has(self, call_id: str) -> bool:
        """Whether the answer of this call is waited for."""
        ...

    def ended(self, call_id: str, response: object, failed: bool) -> TodosReported | None: ...


def _never(_: Record) -> bool:
    return False


def _same(prompt: str) -> str:
    return prompt.strip()


def _response(response: object) -> object:
    return response


def _nothing(_session: HookSession, _response: object, _call_id: str, _name: str, _parent: str) -> BuildEvent | None:
    return None


class HookDialect(Struct, frozen=True, kw_only=True):
    """`agent_id`: of the builds that its payloads tell of. `events`: what its events report, by their names; `quiet`:
    those that report nothing.

    `is_aside`: whether a payload is of what the program does for itself, and tells of no build. `spoken`: what a person
    said in a prompt. `lists`: keeps todos, beginning with those that are there; `todo_tools` change them.
    `subagent_tools`: calls that subagents work for. `moved`: that a call goes on after its answer (of the session: the
    response, the call's id, name and parent). `output`: what a response shows. `tells_outcome`: whether a call's end
    says that it failed; what it does not say, a session file may. `stand_in`: with the id of a subagent behind it, what
    stands for its call where that is not known. `reader`: of payloads that say all otherwise; it needs no events.
    """

    agent_id: str
    events: Mapping[str, Handler] = {}
    quiet: frozenset[str] = frozenset()
    is_aside: Callable[[Record], bool] = _never
    prompt_words: Callable[[str], str] = _same
    lists: Callable[[TodoList], Lists] | None = None
    todo_tools: frozenset[str] = frozenset()
    subagent_tools: frozenset[str] = frozenset()
    moved: Callable[[HookSession, object, str, str, str], BuildEvent | None] = _nothing
    output: Callable[[object], object] = _response
    tells_outcome: bool = True
    stand_in: str = ""
    reader: Callable[[Redactor | None], Payloads] | None = None
