"""Amp's `--execute --stream-json`, which has the shape of Claude Code's stream (ampcode.com/news/streaming-json)."""

from __future__ import annotations

from collections.abc import Iterator

from ..claude.stream import ClaudeStream
from ..common.reader import Reported
from ..common.values import Record
from .tools import AGENT


class AmpStream(ClaudeStream):
    """Its records have no ids: their numbers stand in for them."""

    agent_id = AGENT

    def __init__(self) -> None:
        super().__init__()
        self._number = 0

    def _read(self, record: Record) -> Iterator[Reported]:
        self._number += 1
        return super()._read({"uuid": f"record-{self._number}", **record})
