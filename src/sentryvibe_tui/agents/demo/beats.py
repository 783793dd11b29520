"""What can happen in the demo's story: the beats that it is told in."""

from __future__ import annotations

from msgspec import Struct


class Say(Struct, frozen=True):
    text: str


class Think(Struct, frozen=True):
    text: str


class Plan(Struct, frozen=True):
    text: str


class Template(Struct, frozen=True):
    """The template's list, with `done` of it completed and the next one under way."""

    done: int


class PlannedTodo(Struct, frozen=True):
    """The build's list, with `done` of it completed and the next one under way."""

    done: int


class Read(Struct, frozen=True):
    path: str
    content: str


class Edit(Struct, frozen=True):
    path: str
    old: str
    new: str


class Write(Struct, frozen=True):
    path: str
    content: str


class ShellRun(Struct, frozen=True):
    """A shell command. A non-zero `code` is an error."""

    command: str
    about: str
    output: str
    ms: int = 900
    code: int = 0


class Grep(Struct, frozen=True):
    pattern: str
    path: str
    matches: str


class Glob(Struct, frozen=True):
    pattern: str
    matches: str


class Fetch(Struct, frozen=True):
    url: str
    question: str
    answer: str


class Mcp(Struct, frozen=True):
    server: str
    tool: str
    query: str
    answer: str


class Delegate(Struct, frozen=True):
    """A subagent with work of its own."""

    about: str
    prompt: str
    work: tuple[Read | Grep | Glob | ShellRun, ...]
    answer: str


class Both(Struct, frozen=True):
    """Calls that run at the same time."""

    calls: tuple[Read | Grep | Glob | ShellRun, ...]


Beat = (
    Say
    | Think
    | Plan
    | Template
    | PlannedTodo
    | Read
    | Edit
    | Write
    | ShellRun
    | Grep
    | Glob
    | Fetch
    | Mcp
    | Delegate
    | Both
)
