"""What events of hooks report that several agents have, whatever each calls them (docs/agents.md#hooks)."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from ...model.activity import Request
from ...model.events import BuildEvent, BuildStarted, ToolEnded, ToolReturned, ToolStarted
from ...model.facts import (
    AgentReported,
    BuildEnded,
    InputNeeded,
    Noticed,
    RequestOpened,
    TurnEnded,
)
from ...model.questions import permission, purpose, question, request_kind
from .hook_session import HookSession, call_of, pairing
from .values import Record, as_object, count, fingerprint, obj, text, title_of, value


def began(_: Record, session: HookSession) -> Iterator[BuildEvent]:
    yield from session.permissions.all_over()
    session.started = True
    yield BuildStarted()
    yield AgentReported(session.agent)


def left(_: Record, session: HookSession) -> Iterator[BuildEvent]:
    """One that ends before it began anything is no build."""
    yield from session.permissions.all_over()
    session.is_over = True
    if session.started:
        yield BuildEnded(session.ended or "interrupted", source="hook")


def prompted(record: Record, session: HookSession) -> Iterator[BuildEvent]:
    """A turn begins. Its prompt is what makes an ended build go on."""
    yield from session.permissions.went_on(text(record, "agent_id"))
    session.ended = None
    prompt = session.dialect.prompt_words(text(record, "prompt"))
    if not prompt:
        return
    if not session.agent.title:
        session.agent = replace(session.agent, title=title_of(prompt))
        yield AgentReported(session.agent)
    yield session.note("prompt", prompt)


def called(record: Record, session: HookSession) -> Iterator[BuildEvent]:
    agent = text(record, "agent_id")
    yield from session.permissions.went_on(agent)
    name, arguments = call_of(record)
    session.ended = session.ended if agent else None
    call_id = session.calls.begin(record)
    listed = session.lists.started(call_id, name, arguments, not agent)
    if listed is not None:
        yield listed
    elif name not in session.dialect.todo_tools:
        session.calls.latest = (name, arguments)
        session.subagents.called(call_id, name, arguments)
        yield ToolStarted(call_id, name or "unknown", value(arguments), parent_id=session.subagents.parent_of(agent))


def returned(record: Record, session: HookSession) -> Iterator[BuildEvent]:
    yield from _ended(record, session, record.get("tool_response"), failed=False)


def failed(record: Record, session: HookSession) -> Iterator[BuildEvent]:
    yield from _ended(record, session, record.get("error") or record.get("reason"), failed=True)


def _ended(record: Record, session: HookSession, response: object, *, failed: bool) -> Iterator[BuildEvent]:
    agent, (name, given) = text(record, "agent_id"), call_of(record)
    yield from session.permissions.returned(agent, pairing(name, given))
    call_id, dialect = session.calls.ended(record), session.dialect
    if session.lists.has(call_id):
        listed = session.lists.ended(call_id, response, failed)
        if listed is not None:
            yield listed
        return
    if name in dialect.todo_tools:
        return
    parent = session.subagents.parent_of(agent)
    moved = dialect.moved(session, response, call_id, name, parent)
    if moved is not None:
        yield moved
        return
    failed = failed or _says_failed(as_object(response))
    end = ToolEnded if failed or dialect.tells_outcome else ToolReturned
    output = dialect.output(response)
    yield end(call_id, None if output is None else value(output), failed, name, parent_id=parent)


def _says_failed(response: Record) -> bool:
    return (
        response.get("is_error") is True
        or response.get("success") is False
        or bool(response.get("error"))
        or count(response, "exit_code") != 0
    )


def permission_request(record: Record, session: HookSession) -> Iterator[BuildEvent]:
    """A call that asks something needs a permission, too: what it asks says more, and is open with the call."""
    name, arguments = call_of(record)
    agent, asks = text(record, "agent_id"), question(name, value(arguments))
    if asks and session.calls.latest == (name, arguments):
        return
    masked_input = session.masked_input(name, arguments)
    suggestions = record.get("permission_suggestions")
    request = Request(
        f"asked-{fingerprint(agent, name, pairing(name, arguments))}",
        request_kind(name, asks),
        asks or permission(name, masked_input),
        name,
        input=masked_input,
        suggestions=value(suggestions) if suggestions else None,
        parent_id=session.subagents.parent_of(agent),
    )
    session.permissions.request_of(agent, pairing(name, arguments), request.id)
    yield RequestOpened(request)


def needs_person(record: Record, session: HookSession) -> Iterator[BuildEvent]:
    """A notification names the tool at most. Its details, or the call that began last, say what for.

    What was asked for already is not asked for again.
    """
    if session.permissions:
        return
    message, details, (name, arguments) = text(record, "message"), obj(record, "details"), session.calls.latest
    if details:
        yield InputNeeded(f"{message or 'permission'}: {purpose(session.masked_input('', details))}")
        return
    words = purpose(session.masked_input(name, arguments)) if name and name in message else ""
    yield InputNeeded(f"{message}: {words}" if words else message or "needs your attention")


def stopped(record: Record, session: HookSession, answer: str) -> Iterator[BuildEvent]:
    """The turn is over, with these words."""
    yield from session.permissions.went_on(text(record, "agent_id"))
    session.ended = "completed"
    if answer:
        yield session.note("text", answer)


def compacting(record: Record, _: HookSession) -> Iterator[BuildEvent]:
    yield Noticed(f"compacting the conversation ({text(record, 'trigger') or 'auto'})")


def interrupted(record: Record, session: HookSession, error: str = "") -> Iterator[BuildEvent]:
    yield from session.permissions.went_on(text(record, "agent_id"))
    session.ended = "interrupted"
    yield TurnEnded("interrupted", error=error, source="hook")
