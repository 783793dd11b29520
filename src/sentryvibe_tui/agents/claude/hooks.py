"""Claude Code's hooks."""

from __future__ import annotations

from ..common.hook_dialect import HookDialect
from .tools import AGENT

HOOKS = HookDialect(AGENT, stand_in="agent-")
