"""An agent on a screen of its own, in a tmux server of its own."""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ..patience import PATIENCE


class Terminal:
    """`socket` is a path in the test's folder, so nothing of the user's tmux is touched."""

    def __init__(self, socket: Path, command: Sequence[str], env: dict[str, str], cwd: Path) -> None:
        self._socket = socket
        line = shlex.join(["exec", "env", "-i", *(f"{name}={value}" for name, value in env.items()), *command])
        size = ("-x", "140", "-y", "45")
        self._tmux("-f", "/dev/null", "new-session", "-d", "-s", "agent", *size, "-c", str(cwd), line)
        self.pid = int(self._tmux("display-message", "-p", "-t", "agent", "#{pane_pid}"))

    def _tmux(self, *words: str) -> str:
        done = subprocess.run(
            ["tmux", "-S", str(self._socket), *words], capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        return done.stdout.strip()

    def text(self) -> str:
        return self._tmux("capture-pane", "-p", "-t", "agent")

    def keys(self, *keys: str) -> None:
        self._tmux("send-keys", "-t", "agent", *keys)

    def type(self, text: str) -> None:
        """Types a line, and presses Enter once the screen shows it."""
        self._tmux("send-keys", "-t", "agent", "-l", text)
        self.until(lambda shown: text[-12:] in shown)
        time.sleep(0.3)  # agents take keys that come at once for a paste, and Enter for a part of it
        self.keys("Enter")

    def until(self, wanted: str | Callable[[str], bool]) -> None:
        """Waits for words on the screen."""
        right = wanted if callable(wanted) else lambda text: wanted in text
        end, shown = time.monotonic() + PATIENCE, self.text()
        while not right(shown):
            assert time.monotonic() < end, f"not on the screen: {wanted}\n{shown}"
            time.sleep(0.1)
            shown = self.text()

    def close(self) -> None:
        self._tmux("kill-server")
        self._socket.unlink(missing_ok=True)
