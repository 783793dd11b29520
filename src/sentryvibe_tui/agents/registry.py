"""Every agent in one place: here stand the names, and in the folder of a name is all that is known of that agent.

An agent is added by its name in `BUILT_IN` and by its folder, whose package has `KIND`. One from elsewhere is an entry
point of the group `sentryvibe_tui.agents` that leads to an `AgentKind`; its name is the entry point's.

Names cost no import, one agent that of its own package, whose parts are loaded when they are asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from ..errors import UnknownAgent

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from .common.command import Prepared
    from .common.hook_dialect import HookDialect
    from .common.hook_settings import HookSettings
    from .common.live import Witness
    from .common.reader import Reader
    from .common.session_files import SessionFiles

log = logging.getLogger("sentryvibe_tui.agents")

BUILT_IN = ("claude", "codex", "gemini", "opencode", "copilot", "cursor", "qwen", "amp", "pi", "droid", "acp")

GROUP = "sentryvibe_tui.agents"
"""Entry points of agents from elsewhere."""

ToolClass = Literal["shell", "read", "write", "edit", "search", "web", "agent", "mcp", "other"]
Record = dict[str, Any]


class Tool(Struct, frozen=True):
    """What sort of work a tool does, and the verb it is shown by.

    `calls`: of one whose `input` is a script, what that is shown as: calls by name and argument (None where that is no
    literal), of which the first stands for all; at least one.
    """

    kind: ToolClass
    verb: str
    calls: Callable[[str], Sequence[tuple[str, object]]] | None = None


class Format(Struct, frozen=True):
    """One form of output. `name` is what `--format` takes: the agent's name, a hyphen, the form.

    `sign`: whether a record, with its `type` ("" for none), can only be of this form. `document`: whether an input
    that begins with these bytes is one JSON document over several lines. `general`: the sign fits relatives of the
    agent too, so theirs go first.
    """

    name: str
    sign: Callable[[Record, str], bool]
    reader: Callable[[], Reader]
    document: Callable[[bytes], bool] | None = None
    general: bool = False


class AgentKind(Struct, frozen=True, kw_only=True):
    """What is known of one agent.

    `name`: of its program, its formats and its hooks' route, lower case letters and hyphens. `agent_id`: in events.
    `title`: for people. `programs`: other names of its program. `tools`: by their name in lower case. `prepare`: its
    command line (with the program's name) with what makes its output readable. `sessions`, `live`, `hooks`,
    `hook_settings`: what loads the part that knows its session files, its own register of what runs (by the
    environment), its hooks' payloads, and where they are set; None where it has none. `processes`: the pids that have
    sessions now (by the environment), by the sessions' ids, as its register says; it may look at the disk.
    `shows`: whether the register names the process of that pid with each session that it has.
    """

    name: str
    agent_id: str
    title: str
    programs: tuple[str, ...] = ()
    formats: tuple[Format, ...] = ()
    tools: Mapping[str, Tool] = {}
    prepare: Callable[[tuple[str, ...], str], Prepared] | None = None
    sessions: Callable[[], SessionFiles] | None = None
    live: Callable[[Mapping[str, str]], Witness] | None = None
    hooks: Callable[[], HookDialect] | None = None
    hook_settings: Callable[[], HookSettings] | None = None
    processes: Callable[[Mapping[str, str]], Mapping[str, int]] | None = None
    shows: Callable[[int], bool] = lambda _: False


@cache
def names() -> tuple[str, ...]:
    """All agents' names, ours first. Nothing of an agent is imported."""
    return (*BUILT_IN, *_elsewhere())


@cache
def agent_kind(name: str) -> AgentKind:
    """The agent of that name. Raises UnknownAgent."""
    if name in BUILT_IN:
        return import_module(f"{__package__}.{name}").KIND
    if name not in _elsewhere():
        raise UnknownAgent(f"no agent is called {name!r}; known are {', '.join(names())}")
    return _from_elsewhere(_elsewhere()[name])


def program_kind(program: str) -> AgentKind | None:
    """The agent whose program is called so, None for any other program."""
    if program in names():
        with suppress(UnknownAgent):
            return agent_kind(program)
    return next((kind for kind in agent_kinds() if program in kind.programs), None)


@cache
def built_in() -> tuple[AgentKind, ...]:
    """The agents that come with the program."""
    return tuple(agent_kind(name) for name in BUILT_IN)


@cache
def agent_kinds() -> tuple[AgentKind, ...]:
    """Every agent. One from elsewhere that cannot be loaded is left out, and the log says why."""
    kinds = list(built_in())
    for name in _elsewhere():
        try:
            kinds.append(agent_kind(name))
        except UnknownAgent as error:
            log.warning("%s", error)
    return tuple(kinds)


@cache
def _elsewhere() -> dict[str, EntryPoint]:
    """By name; ours and the first of a name win."""
    from importlib.metadata import entry_points

    points: dict[str, EntryPoint] = {}
    for point in entry_points(group=GROUP):
        if point.name in BUILT_IN or point.name in points:
            log.warning("the agent %r of %s is left out: there is one of that name", point.name, point.value)
        else:
            points[point.name] = point
    return points


def _from_elsewhere(point: EntryPoint) -> AgentKind:
    try:
        kind = point.load()
    except Exception as error:  # what others wrote must not end the program
        raise UnknownAgent(
            f"the agent {point.name!r} cannot be loaded from {point.value}: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(kind, AgentKind) or kind.name != point.name:
        raise UnknownAgent(f"{point.value} is no AgentKind of the name {point.name!r}")
    return kind
