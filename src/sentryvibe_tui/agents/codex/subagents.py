"""Subagents of Codex: each is named by the answer to its call, or by an event, and names the thread that spawned it
(docs/agents.md#codex-rollouts)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from ...model.events import BuildEvent
from ..common.reader import Reader, innermost
from ..common.subagents import Subagents
from ..redact import Redactor
from .session import CodexRollout


class Spawned(Struct, frozen=True):
    """A rollout file that says which thread spawned it, and what that one calls it."""

    path: Path
    thread: str
    parent: str
    agent_path: str


class SubagentRollouts(Protocol):
    """The files of threads that others spawned."""

    def rollouts(self) -> list[Spawned]: ...


class CodexSubagents(Subagents):
    """Subagents may have subagents."""

    def __init__(self, session: Path, redactor: Redactor | None, files: SubagentRollouts) -> None:
        super().__init__(session, redactor)
        self._calls: dict[str, str] = {}
        self._threads: set[str] = set()
        self._rollouts = files

    def heard(self, reader: Reader, events: Iterable[BuildEvent]) -> None:
        rollout = innermost(reader)
        if isinstance(rollout, CodexRollout):
            self._calls.update(rollout.spawned)
            self._threads.add(rollout.thread)

    def new(self) -> list[tuple[Path, str]]:
        return [
            (one.path, self._calls.get(one.thread) or self._calls.get(one.agent_path, ""))
            for one in self._rollouts.rollouts()
            if one.parent in self._threads and one.path not in self._ids
        ]

    def _reader(self, call_id: str) -> Reader:
        return CodexRollout(call_id)
