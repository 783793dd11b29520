"""How many agents want what, and what they cost today: kept up agent by agent. Pure."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from msgspec import Struct

from ...model.state import Millis
from .triage import AgentRow, Need, RowKey

NANOS = 1_000_000_000
"""Of a dollar: whole ones come and go without a remainder."""


class AgentCounts(Struct, frozen=True):
    """How many want what; `ended` and `cost_usd` are today's; `is_estimated`: any of the cost is."""

    waits: int = 0
    failed: int = 0
    stuck: int = 0
    working: int = 0
    machine: int = 0
    idle: int = 0
    ended: int = 0
    cost_usd: float = 0.0
    is_estimated: bool = False

    @property
    def agents(self) -> int:
        return self.waits + self.failed + self.stuck + self.working + self.machine + self.idle


class _Share(NamedTuple):
    """What one agent adds; no `need`: it is not counted, as it ended before today."""

    need: Need | None
    nanos: int
    is_estimated: bool


class Counting:
    """Each agent counts as it stood when it was put last."""

    def __init__(self) -> None:
        self._shares: dict[RowKey, _Share] = {}
        self._needs = Counter[Need]()
        self._nanos = self._estimated = 0

    def put(self, row: AgentRow, need: Need, midnight: Millis) -> None:
        """`midnight`: when today began."""
        build = row.build
        is_of_today = (build.last_event_at or build.ended_at or 0) >= midnight
        has_cost = is_of_today and build.cost_usd is not None
        nanos = round((build.cost_usd or 0) * NANOS) if has_cost else 0
        share = _Share(need if need != "ended" or is_of_today else None, nanos, has_cost and build.cost_estimated)
        if self._shares.get(row.key) != share:
            self.remove(row.key)
            self._shares[row.key] = share
            self._add(share, 1)

    def remove(self, key: RowKey) -> None:
        share = self._shares.pop(key, None)
        if share is not None:
            self._add(share, -1)

    def _add(self, share: _Share, number: int) -> None:
        if share.need is not None:
            self._needs[share.need] += number
        self._nanos += share.nanos * number
        self._estimated += share.is_estimated * number

    @property
    def counts(self) -> AgentCounts:
        return AgentCounts(**self._needs, cost_usd=self._nanos / NANOS, is_estimated=self._estimated > 0)
