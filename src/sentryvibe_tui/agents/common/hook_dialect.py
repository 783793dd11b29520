"""How one agent's hooks differ from those of others."""

from __future__ import annotations

from msgspec import Struct


class HookDialect(Struct, frozen=True):
    """`agent_id`: of the builds that its payloads tell of."""

    agent_id: str
