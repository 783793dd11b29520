"""Cursor CLI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..registry import AgentKind, Format
from .command import prepared
from .formats import is_stream
from .tools import AGENT, TOOLS

if TYPE_CHECKING:
    from ..common.reader import Reader


def _stream() -> Reader:
    from .stream import CursorStream

    return CursorStream()


KIND = AgentKind(
    name="cursor",
    agent_id=AGENT,
    title="Cursor CLI",
    programs=("cursor-agent",),
    formats=(Format("cursor-stream", is_stream, _stream),),
    tools=TOOLS,
    prepare=prepared,
)
