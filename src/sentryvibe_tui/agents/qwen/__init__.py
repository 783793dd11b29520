"""Qwen Code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..registry import AgentKind, Format
from .command import prepared
from .formats import is_session, is_stream
from .tools import AGENT, TOOLS

if TYPE_CHECKING:
    from ..common.reader import Reader
    from ..common.session_files import SessionFiles


def _stream() -> Reader:
    from .stream import QwenStream

    return QwenStream()


def _session() -> Reader:
    from .session import QwenSession

    return QwenSession()


def _files() -> SessionFiles:
    from .files import FILES

    return FILES


KIND = AgentKind(
    name="qwen",
    agent_id=AGENT,
    title="Qwen Code",
    formats=(Format("qwen-stream", is_stream, _stream), Format("qwen-session", is_session, _session)),
    tools=TOOLS,
    prepare=prepared,
    sessions=_files,
)
