"""The Agent Client Protocol: any agent that an editor speaks to (https://agentclientprotocol.com, version 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..registry import AgentKind, Format
from .formats import is_wire
from .tools import AGENT, TOOLS

if TYPE_CHECKING:
    from ..common.reader import Reader


def _wire() -> Reader:
    from .wire import AcpLines

    return AcpLines()


KIND = AgentKind(
    name="acp", agent_id=AGENT, title="ACP agent", formats=(Format("acp-wire", is_wire, _wire),), tools=TOOLS
)
