"""Completion in real shells on a real terminal: a project's name never runs, whatever it is."""

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

NAME = "$(touch ran)`touch ran`;touch ran"
SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], 'eval "$(_SENTRYVIBE_TUI_COMPLETE=bash_source sentryvibe-tui)"'),
    "zsh": (
        ["zsh", "-f", "-i"],
        'autoload -Uz compinit; compinit -u; eval "$(_SENTRYVIBE_TUI_COMPLETE=zsh_source sentryvibe-tui)"',
    ),
    "fish": (["fish", "--no-config", "-i"], "_SENTRYVIBE_TUI_COMPLETE=fish_source sentryvibe-tui | source"),
}
PATIENCE = 60.0
OWNING = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
"""Makes the terminal that of the shell: fish wants to be master in its house."""


class Terminal:
    """A shell on a pty."""

    def __init__(self, command: list[str], folder: Path, environment: dict[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", OWNING, *command],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
        os.close(theirs)
        self.shown = b""

    def types(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def until(self, text: str, since: int = 0) -> None:
        end = time.monotonic() + PATIENCE
        while text.encode() not in self.shown[since:]:
            assert time.monotonic() < end, self.shown
            if select.select([self._ours], [], [], 0.2)[0]:
                self.shown += os.read(self._ours, 65_536)
                if b"\x1b[c" in self.shown[-40:]:  # fish asks what kind of terminal this is
                    os.write(self._ours, b"\x1b[?62;c")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_name_that_is_a_command_is_completed_as_its_id(desk: Any, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    _, url = desk.serve()
    line = b'{"type":"system","subtype":"init","session_id":"s-1","model":"m","cwd":"/w","claude_code_version":"2"}\n'
    desk.run("ingest", NAME, "--server", url, data=line)
    tools = desk.folder / "bin"
    tools.mkdir()
    program = tools / "sentryvibe-tui"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m sentryvibe_tui "$@"\n')
    program.chmod(0o755)
    command, completion = SHELLS[shell]
    environment = {
        **os.environ,
        "PATH": f"{tools}:{os.environ['PATH']}",
        "HOME": str(desk.folder),
        "TERM": "xterm",
        "SENTRYVIBE_SERVER": url,
    }
    terminal = Terminal([shutil.which(shell) or shell, *command[1:]], desk.folder, environment)
    try:
        terminal.types(f"{completion}; echo rea''dy\r")
        terminal.until("ready")
        terminal.types("sentryvibe-tui show \t")
        terminal.until("touch-ran-touch-ran-touch-ran")
        before = len(terminal.shown)
        terminal.types("\recho do''ne\r")
        terminal.until("done", before)
    finally:
        terminal.close()
    assert not (desk.folder / "ran").exists()
    assert b"interrupted" in terminal.shown, "the project was shown"
