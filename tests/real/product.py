"""The product as its user starts it beside an agent: `serve`, `follow --all`, and hooks if wanted."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from ..patience import PATIENCE

PROGRAM = (sys.executable, "-m", "sentryvibe_tui")

State = dict[str, Any]


class Product:
    """Runs in an agent's environment; `log` has what its commands said."""

    def __init__(self, env: dict[str, str], place: Path) -> None:
        self._env, self._place, self.log = env, place, place / "product.log"
        self._started: list[subprocess.Popen[bytes]] = []
        self.url = self._serve()
        self._client = httpx.Client(base_url=self.url, timeout=PATIENCE, trust_env=False)
        self._project = ""

    def _start(self, *words: str, out: Path | None = None) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log, (out or self.log).open("ab") as printed:
            child = subprocess.Popen(
                [*PROGRAM, *words], env=self._env, cwd=self._place, stdin=subprocess.DEVNULL, stdout=printed, stderr=log
            )
        self._started.append(child)
        return child

    def _serve(self) -> str:
        ready = self._place / "ready"
        child = self._start("serve", "--port", "0", out=ready)
        until = time.monotonic() + PATIENCE
        while not (line := ready.read_text()).endswith("\n"):
            assert time.monotonic() < until, self.log.read_text()
            assert child.poll() is None, self.log.read_text()
            time.sleep(0.05)
        return line.split()[1]

    def follow(self) -> None:
        """Begins to follow, and returns once it does."""
        self._start("follow", "--all", "--server", self.url)
        until = time.monotonic() + PATIENCE
        while "ctrl+c stops" not in self.log.read_text():
            assert time.monotonic() < until, self.log.read_text()
            time.sleep(0.05)

    def command(self, *words: str, data: bytes = b"") -> str:
        done = subprocess.run(
            [*PROGRAM, *words],
            env=self._env,
            cwd=self._place,
            input=data,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout.decode()

    def state(self, session: str) -> State:
        """The newest build of an agent's session in the project `app`; empty when there is none."""
        if not self._project:
            listed = self._client.get("/api/projects").json()["projects"]
            self._project = next((quote(one["id"], safe="") for one in listed if one["name"] == "app"), "")
        if not self._project or not session:
            return {}
        rows = self._client.get(f"/api/projects/{self._project}/messages", params={"sessionId": session}).json()
        return rows["sessions"][0]["hydratedState"] if rows["sessions"] else {}

    def close(self) -> None:
        self._client.close()
        for child in reversed(self._started):
            child.terminate()
        for child in self._started:
            try:
                child.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def kind_of(state: State) -> str:
    """Of its activity; "" before it has one."""
    return str((state.get("activity") or {}).get("kind", ""))


def calls(state: State) -> list[dict[str, Any]]:
    """All tool calls of a build, in order."""
    listed = [*state["toolsByTodo"].values(), state.get("planningTools") or []]
    return sorted((call for some in listed for call in some), key=lambda call: call["seq"])


def is_active(state: State) -> bool:
    return not state or state["status"] == "active"
