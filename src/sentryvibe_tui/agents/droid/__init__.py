"""Factory's Droid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..registry import AgentKind, Format
from .command import prepared
from .formats import is_stream
from .tools import AGENT, TOOLS

if TYPE_CHECKING:
    from ..common.reader import Reader


def _stream() -> Reader:
    from .stream import DroidStream

    return DroidStream()


KIND = AgentKind(
    name="droid",
    agent_id=AGENT,
    title="Droid",
    formats=(Format("droid-stream", is_stream, _stream),),
    tools=TOOLS,
    prepare=prepared,
)
