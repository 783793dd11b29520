"""Tools by which an agent asks a person something, and what they ask."""

from __future__ import annotations

import re
import shlex
from typing import Any, cast

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import astuple

from .activity import Request, RequestKind
from .state import BuildState, Note, ToolCall
from .text import clean_line, clip_end

ASKING_TOOLS = frozenset({"AskUserQuestion", "request_user_input", "ask_user", "ask_user_question", "question"})
APPROVAL_TOOLS = frozenset({"ExitPlanMode", "exit_plan_mode", "plan_exit"})

LIMIT = 2_000
"""Characters of a question."""
NEAR = 64
"""Items of the timeline after which an open question is no longer what the agent waits for."""

KIND_AGAIN = r"^(?:permission(?: prompt)?|input needed|question): (?=.)"
"""What registers put before what is asked, which the state says already."""

SOMETHING = "a question"


_WORDS = (
    "command", "file_path", "filePath", "absolute_path", "notebook_path", "path", "url", "pattern", "query", "prompt",
    "input",
)  # fmt: skip
"""Members of an input that say what a call does, the most telling first; without any the whole input is shown."""


class _Plan(Struct):
    plan: str = ""


def plan_in(name: str, arguments: Raw | None) -> str:
    """The plan that a call lays before a person; "" for other tools."""
    if name not in APPROVAL_TOOLS or arguments is None:
        return ""
    try:
        return msgspec.json.decode(arguments, type=_Plan).plan
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


class _Option(Struct):
    label: str = ""


class _Question(Struct):
    question: str = ""
    options: list[_Option | str] | None = None


class _QuestionInput(Struct):
    questions: list[_Question] | None = None
    question: str = ""


def asked_words(title: str) -> str:
    """What a request's title asks, on one line, without the kind that it may begin with."""
    return re.sub(KIND_AGAIN, "", clean_line(title, 2_000))


def question(name: str, arguments: Raw | None) -> str:
    """What a call asks a person, options in brackets; "" for other tools, and while the input is still to come."""
    if arguments is None:
        return ""
    if name in APPROVAL_TOOLS:
        return "the plan waits for approval"
    if name not in ASKING_TOOLS:
        return ""
    try:
        question_input = msgspec.json.decode(arguments, type=_QuestionInput)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return SOMETHING
    lines = [_line(one) for one in question_input.questions or ()] or [question_input.question]
    return clip_end("\n".join(line for line in lines if line), LIMIT) or SOMETHING


def request_kind(name: str, asks: str) -> RequestKind:
    """What a call that needs a person's word is; `asks`: its `question`."""
    return "plan" if name in APPROVAL_TOOLS else "question" if asks else "permission"


def permission(name: str, arguments: Raw | None) -> str:
    """What a person is asked to allow: `permission: Bash: npm test`, at most LIMIT characters.

    A cut one ends in `…`.
    """
    words = purpose(arguments)
    return clip_end(f"permission: {': '.join(part for part in (name, words) if part) or SOMETHING}", LIMIT)


def purpose(arguments: Raw | None) -> str:
    """A command's words, the file, the address; any other input as compact JSON; "" for an empty one."""
    try:
        fields = msgspec.json.decode(arguments or b"{}", type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    for name in _WORDS:
        match fields.get(name):
            case str(words) if words.strip():
                return words.strip()
            case [str(), *_] as parts:
                return shlex.join(map(str, cast("list[Any]", parts)))
            case _:
                pass
    return msgspec.json.encode(fields).decode() if fields else ""


def _line(item: _Question) -> str:
    labels = [option if isinstance(option, str) else option.label for option in item.options or ()]
    choice = ", ".join(label for label in labels if label)
    return f"{item.question} ({choice})" if choice else item.question


def asking(call: ToolCall) -> Request | None:
    """The request that an open call is."""
    title = question(call.name, call.input) if call.is_open else ""
    if not title:
        return None
    return Request(
        call.id,
        request_kind(call.name, title),
        title,
        call.name,
        call.id,
        call.input,
        since=call.started_at or 0,
        parent_id=call.parent_id,
        input_bytes=call.input_bytes,
    )


def open_question(state: BuildState) -> tuple[Request, ...]:
    """For states without requests: the last question that has no answer, unless its agent has said something since."""
    if not state.is_active or not state.open_tools:
        return ()
    few = len(state.open_tools) <= NEAR  # many are not gone through: the cost of an event may not grow with them
    if few and not any(_can_ask(state.tool(ident)) for ident in state.open_tools):
        return ()
    end = len(state.timeline)
    for position in range(end - 1, max(-1, end - 1 - NEAR), -1):
        item = state.timeline[position]
        if isinstance(item, Note):
            if item.kind != "notice":
                return ()
        elif request := asking(item):
            return (request,)
    return ()


def _can_ask(call: ToolCall | None) -> bool:
    return call is not None and (call.name in ASKING_TOOLS or call.name in APPROVAL_TOOLS)


class _Subject(Struct):
    command: str | list[str] = ""
    cmd: str | list[str] = ""
    description: str = ""
    file_path: str = ""
    path: str = ""
    url: str = ""
    pattern: str = ""
    query: str = ""


def call_words(call: ToolCall) -> str:
    """A call's name and its subject: `Bash rm -rf build`."""
    words = _subject(call.input)
    return clip_end(f"{call.name} {words}", LIMIT) if words else call.name


def _subject(arguments: Raw | None) -> str:
    try:
        subject = _Subject() if arguments is None else msgspec.json.decode(arguments, type=_Subject)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    words = next((value for value in astuple(subject) if value), "")
    return words if isinstance(words, str) else " ".join(words)
