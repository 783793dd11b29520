"""Values of a build in JSON: the same shapes in posted events, updates and states."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import field
from msgspec.structs import astuple

from ..model.facts import TodoItem
from ..model.state import Agent, AutoFix
from ..model.usage import Share, Usage
from .base import Wire
from .spellings import status_of


class WireTodo(Wire, frozen=True):
    content: str = ""
    status: str = ""
    active_form: str | None = ""
    id: str | int | None = ""


class WireAgent(Wire, frozen=True):
    agent_id: str | None = None
    claude_model_id: str | None = None
    project_name: str | None = None
    operation_type: str | None = None
    title: str | None = None
    cwd: str | None = None
    agent_version: str | None = None
    branch: str | None = None
    template: str | None = None


class WireUsage(Wire, frozen=True):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cost_usd: float | None = None
    context_percent: float | None = None
    cache_write_5m_tokens: int | None = field(default=None, name="cacheWrite5mTokens")
    cache_write_1h_tokens: int | None = field(default=None, name="cacheWrite1hTokens")
    reasoning_tokens: int | None = None
    estimated: bool = False
    price_table: str = ""
    unpriced: str = ""


class WireShare(WireUsage, frozen=True):
    """What one file of the session used; `part` is "" for its own."""

    part: str = ""


class WireAutoFix(Wire, frozen=True):
    """`autofix-started`, as an event and as an update. v2's watchers get the message only, its runner's routes all."""

    error_message: str | None = None
    attempt: int | None = None
    max_attempts: int | None = None


# --------------------------------------------------------------------------- from outside


def todo_of(wire: WireTodo) -> TodoItem:
    return TodoItem(wire.content, status_of(wire.status), wire.active_form or "", str(wire.id or ""))


def agent_of(wire: WireAgent) -> Agent:
    return Agent(
        agent_id=wire.agent_id or "",
        model=wire.claude_model_id or "",
        project_name=wire.project_name or "",
        operation_type=wire.operation_type or "",
        title=wire.title or "",
        cwd=wire.cwd or "",
        version=wire.agent_version or "",
        branch=wire.branch or "",
        template=wire.template or "",
    )


def usage_of(wire: WireUsage) -> Usage:
    return Usage(
        wire.input_tokens,
        wire.output_tokens,
        wire.cache_read_tokens,
        wire.cost_usd,
        wire.context_percent,
        wire.cache_write_5m_tokens,
        wire.cache_write_1h_tokens,
        wire.reasoning_tokens,
        wire.estimated,
        wire.price_table,
        wire.unpriced,
    )


def share_of(wire: WireShare) -> Share:
    return Share(wire.part, usage_of(wire))


def autofix_of(wire: WireAutoFix) -> AutoFix:
    return AutoFix(wire.error_message or "", max(0, wire.attempt or 0), max(0, wire.max_attempts or 0))


# --------------------------------------------------------------------------- to outside


def wire_todos(todos: Iterable[TodoItem]) -> list[WireTodo]:
    return [WireTodo(todo.content, todo.status, todo.active_form, todo.id) for todo in todos]


def wire_agent(agent: Agent) -> WireAgent:
    return WireAgent(
        agent.agent_id or None,
        agent.model or None,
        agent.project_name or None,
        agent.operation_type or None,
        agent.title or None,
        agent.cwd or None,
        agent.version or None,
        agent.branch or None,
        agent.template or None,
    )


def wire_usage(usage: Usage) -> WireUsage:
    return WireUsage(*astuple(usage))


def wire_share(share: Share) -> WireShare:
    return WireShare(*astuple(share.usage), part=share.part)


def wire_autofix(autofix: AutoFix) -> WireAutoFix:
    return WireAutoFix(autofix.error or None, autofix.attempt or None, autofix.attempts or None)
