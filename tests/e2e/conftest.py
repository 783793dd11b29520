"""Real processes: a server, commands against it, and what they print, waited for line by line."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from ..patience import PATIENCE

PROGRAM = (sys.executable, "-m", "sentryvibe_tui")


class Process:
    """A command under way; its lines are read as they come."""

    def __init__(self, *arguments: str, cwd: Path) -> None:
        self.popen = subprocess.Popen(
            [*PROGRAM, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            process_group=0,  # one that can be paused, whoever started the tests
        )
        self.errors: list[str] = []
        self.lines: list[str] = []
        self._out: queue.Queue[str | None] = queue.Queue()
        self._readers = [
            threading.Thread(target=self._read, args=(self.popen.stdout, self._out.put)),
            threading.Thread(target=self._read, args=(self.popen.stderr, self.errors.append)),
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, stream: IO[bytes], keep: Callable[[Any], None]) -> None:
        for line in stream:
            keep(line.decode().rstrip("\n"))
        if stream is self.popen.stdout:
            keep(None)

    def feed(self, data: bytes) -> None:
        assert self.popen.stdin is not None
        self.popen.stdin.write(data)
        self.popen.stdin.flush()

    def until(self, text: str) -> str:
        """The next line that holds `text`."""
        while True:
            line = self._out.get(timeout=PATIENCE)
            assert line is not None, f"ended without {text!r}: {self.lines} {self.errors}"
            self.lines.append(line)
            if text in line:
                return line

    def end(self) -> int:
        """Waits for the end by itself; the exit status. `lines` then holds everything it printed."""
        if self.popen.stdin is not None:
            self.popen.stdin.close()
        while (line := self._out.get(timeout=PATIENCE)) is not None:
            self.lines.append(line)
        return self._reaped()

    def stop(self, number: int) -> int:
        self.popen.send_signal(number)
        return self.end()

    def _reaped(self) -> int:
        code = self.popen.wait(PATIENCE)
        for reader in self._readers:
            reader.join(PATIENCE)
        for stream in (self.popen.stdout, self.popen.stderr):
            assert stream is not None
            stream.close()
        return code

    def discard(self) -> None:
        """Whatever a test left of it is gone afterwards: process, threads and pipes."""
        self.popen.kill()
        assert self.popen.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.popen.stdin.close()
        self._reaped()


def said_by(errors: list[str], text: str) -> None:
    """Waits until a process said something on stderr."""
    until = time.monotonic() + PATIENCE
    while not any(text in line for line in errors):
        assert time.monotonic() < until, errors
        time.sleep(0.01)


class Desk:
    """Starts commands in one set of folders."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[Process] = []

    def start(self, *arguments: str) -> Process:
        process = Process(*arguments, cwd=self.folder)
        self.started.append(process)
        return process

    def run(self, *arguments: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*PROGRAM, *arguments], input=data, capture_output=True, cwd=self.folder, timeout=PATIENCE, check=False
        )

    def serve(self, *arguments: str) -> tuple[Process, str]:
        """A server that accepts connections, and its URL."""
        server = self.start("serve", *(arguments or ("--port", "0")))
        return server, server.until("ready ").removeprefix("ready ")

    def state(self, project: str, *arguments: str) -> dict[str, Any]:
        shown = self.run("show", project, "--json", *arguments)
        assert shown.returncode == 0, shown.stderr
        return json.loads(shown.stdout)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    for process in desk.started:
        process.discard()


@pytest.fixture
def server(desk: Desk) -> str:
    """A running server's URL; commands find it by its runtime file."""
    return desk.serve()[1]


def _line(**fields: Any) -> bytes:
    return json.dumps(fields).encode() + b"\n"


class Claude:
    """Lines as Claude Code's stream-json has them, for session `s-1`."""

    session = "s-1"
    init = _line(
        type="system", subtype="init", session_id="s-1", model="claude-test-1", cwd="/w", claude_code_version="2.1.98"
    )
    done = _line(
        type="result", subtype="success", is_error=False, num_turns=3, session_id="s-1", result="ok", total_cost_usd=0.5
    )

    def says(self, number: int, *blocks: dict[str, Any]) -> bytes:
        message = {"id": f"m{number}", "role": "assistant", "model": "claude-test-1", "content": blocks, "usage": {}}
        return _line(type="assistant", message=message, session_id="s-1", uuid=f"a{number}", parent_tool_use_id=None)

    def text(self, number: int, text: str) -> bytes:
        return self.says(number, {"type": "text", "text": text})

    def calls(self, number: int, name: str, **given: Any) -> bytes:
        return self.says(number, {"type": "tool_use", "id": f"t{number}", "name": name, "input": given})

    def gets(self, number: int, content: Any, *, is_error: bool = False) -> bytes:
        block = {"type": "tool_result", "tool_use_id": f"t{number}", "content": content, "is_error": is_error}
        message = {"role": "user", "content": [block]}
        return _line(type="user", message=message, session_id="s-1", uuid=f"u{number}", parent_tool_use_id=None)

    def todos(self, number: int, *pairs: tuple[str, str]) -> bytes:
        listed = [{"content": text, "status": status, "activeForm": text} for text, status in pairs]
        return self.calls(number, "TodoWrite", todos=listed) + self.gets(number, "Todos have been modified")


@pytest.fixture(scope="session")
def claude() -> Claude:
    return Claude()


@pytest.fixture(autouse=True)
def _utf8(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONUTF8", "1")
    assert "SENTRYVIBE_DATA_DIR" in os.environ
