"""What opencode's own event stream says, of a screen that was started with a port."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import httpx

from .processes import lives
from .truth import NOTHING, Fact


class OpencodeTruth:
    """The root session is the first that is made; a child's words are not its own."""

    def __init__(self, home: Path, pid: int, port: int) -> None:
        self._home, self._pid, self.session = home, pid, ""
        self._asked: set[str] = set()
        self._prompts: set[str] = set()
        self._busy, self._last = "", NOTHING
        self._url = f"http://127.0.0.1:{port}/event"
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        try:
            with httpx.stream("GET", self._url, timeout=None, trust_env=False) as answer:
                for line in answer.iter_lines():
                    if line.startswith("data:"):
                        self._hear(json.loads(line[5:]))
        except httpx.HTTPError:  # opencode is gone
            return

    def _hear(self, event: dict[str, Any]) -> None:
        kind, props = event["type"], event.get("properties") or {}
        if kind == "session.created" and not self.session and not props["info"].get("parentID"):
            self.session, self._busy = props["info"]["id"], "busy"
        if kind in ("permission.asked", "question.asked"):
            self._asked.add(props["id"])
        elif kind in ("permission.replied", "question.replied", "question.rejected"):
            self._asked.discard(props.get("requestID") or props.get("id") or "")
        elif kind == "message.updated" and _is_prompt(props["info"]) and props["info"]["sessionID"] == self.session:
            if props["info"]["id"] not in self._prompts:  # a prompt is told seconds before the status on a busy machine
                self._prompts.add(props["info"]["id"])
                self._busy = "busy"
        elif props.get("sessionID") == self.session and kind in ("session.status", "session.idle"):
            self._busy = "idle" if kind == "session.idle" else props["status"]["type"]
            if self._busy == "idle":
                self._asked.clear()
        self._stands()

    def _stands(self) -> None:
        kind = "waiting-person" if self._asked else "idle" if self._busy == "idle" else "working" if self._busy else ""
        if kind != self._last.kind:
            self._last = Fact(kind, time.time())

    def now(self) -> Fact:
        if not lives(self._pid) and self._last.kind != "ended":
            self._last = Fact("ended", time.time())
        return self._last


def _is_prompt(message: dict[str, Any]) -> bool:
    return message.get("role") == "user"
