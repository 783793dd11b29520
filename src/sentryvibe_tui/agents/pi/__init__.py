"""pi."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..registry import AgentKind, Format
from .command import prepared
from .formats import is_session
from .tools import AGENT, TOOLS

if TYPE_CHECKING:
    from ..common.reader import Reader
    from ..common.session_files import SessionFiles


def _session() -> Reader:
    from .session import PiSession

    return PiSession()


def _files() -> SessionFiles:
    from .files import FILES

    return FILES


KIND = AgentKind(
    name="pi",
    agent_id=AGENT,
    title="pi",
    formats=(Format("pi-session", is_session, _session),),
    tools=TOOLS,
    prepare=prepared,
    sessions=_files,
)
