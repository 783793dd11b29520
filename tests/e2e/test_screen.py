"""The screen in a real terminal: what it leaves behind, however it ends."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyte
import pytest

from ..patience import PATIENCE

ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"
TRACKING = b"\x1b[?1000h", b"\x1b[?1000l"


class Terminal:
    """A command on a pseudo terminal of its own."""

    def __init__(self, arguments: tuple[str, ...], rows: int = 24, columns: int = 80) -> None:
        self._master, self._slave = pty.openpty()
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._before = termios.tcgetattr(self._slave)
        self.output = b""
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self.popen = subprocess.Popen(
            arguments,
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
        )

    def until(self, text: bytes, patience: float = PATIENCE) -> None:
        """Reads until `text` was written in one piece, or stands on the screen: what does is not written again."""
        end = time.monotonic() + patience
        while text not in self.output and text.decode() not in self.shown:
            ready, _, _ = select.select([self._master], [], [], max(0, end - time.monotonic()))
            assert ready, f"{text!r} was not drawn:\n{self.shown}"
            self._read()

    def until_shown(self, text: str, patience: float = PATIENCE) -> None:
        """Reads until `text` stands on the screen, whatever was there before."""
        end = time.monotonic() + patience
        while text not in self.shown:
            ready, _, _ = select.select([self._master], [], [], max(0, end - time.monotonic()))
            assert ready, f"{text!r} does not stand there:\n{self.shown}"
            self._read()

    def until_gone(self, text: str, patience: float = PATIENCE) -> None:
        """Reads until `text` stands on the screen no more."""
        end = time.monotonic() + patience
        while text in self.shown:
            ready, _, _ = select.select([self._master], [], [], max(0, end - time.monotonic()))
            assert ready, f"{text!r} still stands there:\n{self.shown}"
            self._read()

    def _read(self) -> None:
        data = os.read(self._master, 65_536)
        self.output += data
        self._stream.feed(data)

    @property
    def shown(self) -> str:
        return "\n".join(self._screen.display)

    def type(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def end(self, patience: float = PATIENCE) -> int:
        """Reads until the command has ended; its exit status."""
        limit = time.monotonic() + patience
        while self.popen.poll() is None or select.select([self._master], [], [], 0)[0]:
            assert time.monotonic() < limit, f"did not end: {self.output[-2000:]!r}"
            if select.select([self._master], [], [], 0.05)[0]:
                self._read()
        return self.popen.returncode

    @property
    def is_as_found(self) -> bool:
        """The alternate screen and mouse tracking were left last, and the line discipline is as before."""
        left = self.output.rfind(LEAVE) > self.output.rfind(ENTER) >= 0
        quiet = self.output.rfind(TRACKING[1]) > self.output.rfind(TRACKING[0])
        return left and quiet and termios.tcgetattr(self._slave) == self._before

    def close(self) -> None:
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait()
        os.close(self._master)
        os.close(self._slave)


@pytest.fixture
def terminal(desk: Any, server: str, claude: Any) -> Iterator[Terminal]:
    """`watch` on a build under way, drawn."""
    ingest = desk.start("ingest", "shop")
    ingest.feed(
        claude.init + claude.todos(1, ("Wire up the till", "in_progress")) + claude.calls(2, "Bash", command="make")
    )
    plain = desk.start("watch", "shop", "--plain")
    plain.until("Bash make")
    program = Terminal((*_program(), "watch", "shop"))
    try:
        program.until(b"Wire up the till")
        yield program
    finally:
        program.close()


def _program() -> tuple[str, ...]:
    return sys.executable, "-m", "sentryvibe_tui"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_the_terminal_as_it_was(terminal: Terminal, number: int) -> None:
    terminal.popen.send_signal(number)
    assert terminal.end() == 128 + number
    assert terminal.is_as_found
    assert b"Traceback" not in terminal.output


def test_quitting_leaves_the_terminal_as_it_was(terminal: Terminal) -> None:
    terminal.type(b"q")
    assert terminal.end() == 130
    assert terminal.is_as_found
    assert b"Traceback" not in terminal.output


def test_a_demo_shows_three_agents_and_each_opens(desk: Any) -> None:
    program = Terminal((*_program(), "demo", "--speed", "20"), 36, 120)
    try:
        program.until(b"ride-board")
        program.until(b"permission")
        program.until(b"weather-station")
        program.type(b"\r")
        program.until(b"Stream")
        program.type(b"\x1b")
        program.until(b"3 ended today")
        program.type(b"q")
        assert program.end() == 0
        assert program.is_as_found
    finally:
        program.close()


def test_a_run_on_a_screen_outlives_the_command_that_served_it(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever else watches it need not learn of it either: the address stays."""
    monkeypatch.setenv("SENTRYVIBE_PORT", "0")
    first = desk.start("run", "first", "--", "sh", "-c", "echo up; read line")
    first.until("up")
    gate = desk.folder / "gate"
    os.mkfifo(gate)
    opened = os.open(gate, os.O_RDWR)
    script = f"exec <{gate}; echo one; read line; echo two; read line"
    program = Terminal((*_program(), "run", "second", "--watch", "--", "sh", "-c", script), 36, 120)
    try:
        program.until(b"one")
        (url,) = [word for line in first.errors for word in line.split() if word.startswith("http://")]
        other = desk.start("watch", "second", "--plain", "--server", url)
        other.until("one")
        first.feed(b"\n")
        assert first.end() == 0
        os.write(opened, b"\n")
        program.until(b"two")
        other.until("two")
        os.write(opened, b"\n")
        assert other.end() == 0
        program.until(b"completed")
        program.type(b"qq")  # once more where it still counts the other watcher
        assert program.end() == 0
    finally:
        os.close(opened)
        program.close()


@pytest.mark.parametrize("drawn", [False, True])
def test_a_demo_whose_terminal_is_gone_leaves_nothing_behind(tmp_path: Path, drawn: bool) -> None:
    child, near = pty.fork()
    if child == 0:
        os.environ.update(TERM="xterm-256color", TMPDIR=str(tmp_path))
        os.execv(sys.executable, (*_program(), "demo", "--speed", "20"))
    seen = b""
    while (b"ride-board" not in seen) if drawn else not list(tmp_path.glob("sentryvibe-demo-*")):
        if select.select([near], [], [], 0.01)[0]:
            seen += os.read(near, 65_536)
    os.close(near)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 129
    assert list(tmp_path.glob("sentryvibe-demo-*")) == []
