"""opencode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..registry import AgentKind, Format
from .command import prepared
from .formats import is_parts, is_run, is_serve
from .tools import AGENT, TOOLS

if TYPE_CHECKING:
    from ..common.hook_dialect import HookDialect
    from ..common.hook_settings import HookSettings
    from ..common.live import Witness
    from ..common.reader import Reader


def _run() -> Reader:
    from .stream import OpencodeRun

    return OpencodeRun()


def _serve() -> Reader:
    from .serve import OpencodeServe

    return OpencodeServe()


def _parts() -> Reader:
    from .stream import OpencodeParts

    return OpencodeParts()


def _live(environ: Mapping[str, str]) -> Witness:
    from .live import Live

    return Live(environ)


def _hooks() -> HookDialect:
    from .hooks import HOOKS

    return HOOKS


def _hook_settings() -> HookSettings:
    from .plugin import HOOK_SETTINGS

    return HOOK_SETTINGS


KIND = AgentKind(
    name="opencode",
    agent_id=AGENT,
    title="opencode",
    formats=(
        Format("opencode-run", is_run, _run),
        Format("opencode-serve", is_serve, _serve),
        Format("opencode-parts", is_parts, _parts),
    ),
    tools=TOOLS,
    prepare=prepared,
    live=_live,
    hooks=_hooks,
    hook_settings=_hook_settings,
)
