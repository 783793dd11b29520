"""Claude Code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..registry import AgentKind, Format
from .command import prepared
from .formats import is_hook, is_session, is_stream
from .tools import AGENT, TOOLS

if TYPE_CHECKING:
    from ..common.hook_dialect import HookDialect
    from ..common.hook_settings import HookSettings
    from ..common.live import Witness
    from ..common.reader import Reader
    from ..common.session_files import SessionFiles


def _stream() -> Reader:
    from .stream import ClaudeStream

    return ClaudeStream()


def _session() -> Reader:
    from .session import ClaudeSession

    return ClaudeSession()


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


def _live(environ: Mapping[str, str]) -> Witness:
    from .live import registry

    return registry(environ)


def _processes(environ: Mapping[str, str]) -> Mapping[str, int]:
    from .live import processes_of

    return processes_of(environ)


KIND = AgentKind(
    name="claude",
    agent_id=AGENT,
    title="Claude Code",
    formats=(
        Format("claude-stream", is_stream, _stream),
        Format("claude-session", is_session, _session),
        Format("claude-hooks", is_hook, _hook_lines, general=True),
    ),
    tools=TOOLS,
    prepare=prepared,
    sessions=_files,
    live=_live,
    hooks=_hooks,
    hook_settings=_hook_settings,
    processes=_processes,
)
