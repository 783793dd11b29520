"""What an agent says of itself: Claude Code's register, Codex' daemon, opencode's events, and the process table."""

from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol

from .processes import lives


class Fact(NamedTuple):
    """`kind` in the words of docs/activity.md, several when the source cannot tell; empty before there is one."""

    kind: str
    changed: float
    """Unix seconds."""


NOTHING = Fact("", 0.0)


class Truth(Protocol):
    session: str
    """The agent's id of its session; empty before it has one."""

    def now(self) -> Fact: ...


RESTS = 0.5
"""Seconds after a turn's last record within which the register says that it is over, unless something runs on."""


class ClaudeTruth:
    """`~/.claude/sessions/<pid>.json`, which Claude Code writes within 0.2 s of a change.

    It is `busy` there as long as a subagent works; whether the agent itself does is in the session's file.
    """

    def __init__(self, home: Path, pid: int) -> None:
        self._file, self._pid = home / ".claude" / "sessions" / f"{pid}.json", pid
        self._projects = home / ".claude" / "projects"
        self.session = ""
        self._last = NOTHING

    def now(self) -> Fact:
        if not lives(self._pid):
            kind, changed = "ended", time.time()
        else:
            kind, changed = self._registered()
        if kind != self._last.kind:
            self._last = Fact(kind, changed)
        return self._last

    def _registered(self) -> Fact:
        try:
            row = json.loads(self._file.read_text())
        except (OSError, ValueError):  # between two writes, or the moment before the process is gone
            return self._last
        self.session = row.get("sessionId") or self.session
        kind = {
            "busy": "working",
            "waiting": "waiting-person",
            "shell": "waiting-machine",
            "idle": "idle",
        }.get(row.get("status"), self._last.kind)
        changed = row.get("statusUpdatedAt", time.time() * 1000) / 1000
        over = self._turn_over() if kind == "working" else 0.0
        return Fact("waiting-machine", over) if changed < over < time.time() - RESTS else Fact(kind, changed)

    def _turn_over(self) -> float:
        """When the turn was over that the file ends with; 0 while one goes on."""
        for file in self._projects.glob(f"*/{self.session}.jsonl"):
            rows = (json.loads(line) for line in reversed(file.read_bytes().split(b"\n")[:-1]))
            last = next((row for row in rows if row["type"] in ("user", "assistant", "system", "queue-operation")), {})
            if last.get("subtype") == "turn_duration":
                return datetime.fromisoformat(last["timestamp"]).timestamp()
        return 0.0
