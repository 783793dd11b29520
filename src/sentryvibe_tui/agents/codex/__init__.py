"""Codex."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..registry import AgentKind, Format
from .command import prepared
from .formats import is_exec, is_hook, is_rollout
from .tools import AGENT, TOOLS

if TYPE_CHECKING:
    from ..common.hook_dialect import HookDialect
    from ..common.hook_settings import HookSettings
    from ..common.live import Witness
    from ..common.reader import Reader
    from ..common.session_files import SessionFiles


def _exec() -> Reader:
    from .stream import CodexExec

    return CodexExec()


def _rollout() -> Reader:
    from .session import CodexRollout

    return CodexRollout()


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
    from .live import witness

    return witness(environ)


def _processes(environ: Mapping[str, str]) -> Mapping[str, int]:
    from .processes import processes_of

    return processes_of(environ)


def _shows(pid: int) -> bool:
    from ...processes import shows_files

    return shows_files(pid)


KIND = AgentKind(
    name="codex",
    agent_id=AGENT,
    title="Codex",
    formats=(
        Format("codex-hooks", is_hook, _hook_lines),
        Format("codex-exec", is_exec, _exec),
        Format("codex-rollout", is_rollout, _rollout),
    ),
    tools=TOOLS,
    prepare=prepared,
    sessions=_files,
    live=_live,
    hooks=_hooks,
    hook_settings=_hook_settings,
    processes=_processes,
    shows=_shows,
)
