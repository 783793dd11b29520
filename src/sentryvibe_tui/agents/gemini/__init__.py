"""Gemini CLI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..registry import AgentKind, Format
from .command import prepared
from .formats import is_document, is_hook, is_session, is_stream
from .tools import AGENT, TOOLS

if TYPE_CHECKING:
    from ..common.hook_dialect import HookDialect
    from ..common.hook_settings import HookSettings
    from ..common.reader import Reader
    from ..common.session_files import SessionFiles


def _stream() -> Reader:
    from .stream import GeminiStream

    return GeminiStream()


def _session() -> Reader:
    from .session import GeminiSession

    return GeminiSession()


def _hook_lines() -> Reader:
    from ..common.hook_reader import HookLines

    return HookLines(_hooks())


def _hooks() -> HookDialect:
    from .hooks import HOOKS

    return HOOKS


def _hook_settings() -> HookSettings:
    from .hook_settings import HOOK_SETTINGS

    return HOOK_SETTINGS


def _files() -> SessionFiles:
    from .files import FILES

    return FILES


KIND = AgentKind(
    name="gemini",
    agent_id=AGENT,
    title="Gemini CLI",
    formats=(
        Format("gemini-hooks", is_hook, _hook_lines),
        Format("gemini-stream", is_stream, _stream),
        Format("gemini-session", is_session, _session, document=is_document),
    ),
    tools=TOOLS,
    prepare=prepared,
    sessions=_files,
    hooks=_hooks,
    hook_settings=_hook_settings,
)
