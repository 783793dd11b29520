"""GitHub Copilot CLI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..registry import AgentKind, Format
from .command import prepared
from .formats import is_event
from .tools import AGENT, TOOLS

if TYPE_CHECKING:
    from ..common.reader import Reader
    from ..common.session_files import SessionFiles


def _events() -> Reader:
    from .events import CopilotEvents

    return CopilotEvents()


def _files() -> SessionFiles:
    from .files import FILES

    return FILES


KIND = AgentKind(
    name="copilot",
    agent_id=AGENT,
    title="GitHub Copilot CLI",
    formats=(Format("copilot-events", is_event, _events),),
    tools=TOOLS,
    prepare=prepared,
    sessions=_files,
)
