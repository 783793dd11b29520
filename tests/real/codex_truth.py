"""What Codex' daemon says of its threads, to a second client of it."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, unix_connect

from .processes import lives, sleeper
from .truth import NOTHING, Fact


class Daemon:
    """Statuses of all threads, and when each came."""

    def __init__(self, link: ClientConnection) -> None:
        self._link = link
        self.statuses: dict[str, Fact] = {}

    def _send(self, method: str, **fields: Any) -> None:
        self._link.send(json.dumps({"method": method, **fields}))

    def listen(self) -> None:
        """Until the link is closed, or the daemon is gone."""
        try:
            self._send("initialize", id=1, params={"clientInfo": {"name": "tests", "title": "Tests", "version": "0"}})
            self._link.recv()
            self._send("initialized")
            for frame in self._link:
                self._hear(json.loads(frame))
        except (OSError, WebSocketException):
            return

    def _hear(self, message: dict[str, Any]) -> None:
        if message.get("method") == "thread/status/changed":
            thread, status = message["params"]["threadId"], message["params"]["status"]
            self.statuses[thread] = Fact(_kind(status), time.time())


@contextmanager
def listening(codex_home: Path) -> Iterator[Daemon]:
    """The socket is a link to where a path is short enough."""
    socket = os.path.realpath(codex_home / "app-server-control" / "app-server-control.sock")
    with unix_connect(socket, uri="ws://localhost/", compression=None, ping_interval=None, max_size=None) as link:
        daemon = Daemon(link)
        thread = threading.Thread(target=daemon.listen, daemon=True)
        thread.start()
        yield daemon
    thread.join()


def _kind(status: dict[str, Any]) -> str:
    if status.get("type") != "active":
        return "idle"
    return "waiting-person" if status.get("activeFlags") else "working"


class CodexTruth:
    """Of the thread whose rollout has the words of a `run`; a screen that is gone leaves its thread loaded."""

    def __init__(self, home: Path, pid: int, daemon: Daemon) -> None:
        self._home, self._pid, self._daemon = home, pid, daemon
        self._old = set(self._rollouts())
        self._last = NOTHING
        self.session = ""
        self.cue = ""
        """What the first prompt says."""

    def _rollouts(self) -> list[Path]:
        return list((self._home / ".codex" / "sessions").rglob("*.jsonl"))

    def now(self) -> Fact:
        if not self.session and self.cue:
            mine = (file for file in self._rollouts() if file not in self._old and self.cue in file.read_text())
            self.session = next((file.stem[-36:] for file in mine), "")
        kind, changed = self._daemon.statuses.get(self.session, NOTHING)
        if kind == "idle" and sleeper(self._home):
            kind = "waiting-machine"
        elif kind == "idle" and self._last.kind == "waiting-machine":
            changed = time.time()
        if kind == "idle" and not lives(self._pid):
            kind = "idle|ended"
        if kind != self._last.kind:
            self._last = Fact(kind, changed)
        return self._last
