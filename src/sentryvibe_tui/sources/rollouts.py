"""What `codex exec --json` never says of itself, looked up in the rollout file of its thread (AGENT_FORMATS 5)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ..agents.codex.session import CodexRollout
from ..agents.common.reader import Reported
from ..agents.common.values import text
from ..model.events import AgentReported, CodexReported
from ..model.state import Agent
from ..wire.json import decode

HEAD = 512 * 1024
"""Bytes at a rollout's start that are looked through, and at its end."""


class CodexThread:
    """A thread of which the stream tells the id; its model and folder stand in its rollout file once a turn began."""

    def __init__(self, sessions: Path) -> None:
        self._sessions = sessions
        self._thread = ""

    def heard(self, reports: Iterable[Reported]) -> None:
        for report in reports:
            if isinstance(report.event, CodexReported):
                thread = text(decode(bytes(report.event.codex), dict[str, Any]), "threadId")
                self._thread = thread or self._thread

    def look(self) -> AgentReported | None:
        """What the file tells, once; None as long as there is no such file, or no turn in it."""
        path = _rollout(self._sessions, self._thread) if self._thread else None
        agent = None if path is None else _agent_of(path)
        if agent is None or not agent.model:
            return None
        self._thread = ""
        return AgentReported(agent)


def _rollout(sessions: Path, thread: str) -> Path | None:
    """The thread's file lies in the folder of the day, there, on which its id was made."""
    if os.sep in thread:
        return None
    for day in _days(thread):
        found = next((sessions / day).glob(f"rollout-*-{thread}.jsonl"), None)
        if found is not None:
            return found
    return None


def _days(thread: str) -> Iterator[str]:
    """A UUID of version 7 begins with its time; where it is midnight then depends on the place."""
    try:
        made = datetime.fromtimestamp(int(thread[:13].replace("-", ""), 16) / 1000, UTC)
        yield from ((made + timedelta(days=days)).strftime("%Y/%m/%d") for days in (0, -1, 1))
    except (ValueError, OverflowError, OSError):
        return


def _agent_of(path: Path) -> Agent | None:
    """As the first record and the latest turn tell it."""
    try:
        with path.open("rb") as file:
            data = file.read(HEAD)
            rest = file.seek(0, os.SEEK_END) - len(data)
            file.seek(-min(rest, HEAD), os.SEEK_END)
            data += b"\n" + file.read(HEAD)
    except OSError:
        return None
    reader, agent = CodexRollout(), None
    for line in data.split(b"\n"):
        if b'"session_meta"' not in line[:200] and b'"turn_context"' not in line[:200]:
            continue
        for report in reader.feed(line + b"\n"):
            if isinstance(report.event, AgentReported):
                agent = report.event.agent
    return agent
