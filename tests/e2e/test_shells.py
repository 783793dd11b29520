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

from ..patience import PATIENCE

NAME = "$(touch ran)`touch ran`;touch ran"
SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], 'eval "$(_SENTRYVIBE_TUI_COMPLETE=bash_source sentryvibe-tui)"'),
    "zsh": (["zsh", "-f", "-i"], 'autoload -Uz compinit; compinit -u; eval "$(sentryvibe-tui completion zsh)"'),
    "fish": (["fish", "--no-config", "-i"], "sentryvibe-tui completion fish | source"),
}
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


def needs(shell: str) -> str:
    """Its path."""
    path = shutil.which(shell)
    if path is None:
        pytest.skip(f"no {shell} here")
    return path


@pytest.fixture
def environment(desk: Any) -> dict[str, str]:
    """A home with the program on the path."""
    tools = desk.folder / "bin"
    tools.mkdir()
    program = tools / "sentryvibe-tui"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m sentryvibe_tui "$@"\n')
    program.chmod(0o755)
    own = {name: value for name, value in os.environ.items() if not name.startswith("XDG_") and name != "ZDOTDIR"}
    return {**own, "PATH": f"{tools}:{os.environ['PATH']}", "HOME": str(desk.folder), "TERM": "xterm"}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_name_that_is_a_command_is_completed_as_its_id(desk: Any, environment: dict[str, str], shell: str) -> None:
    path = needs(shell)
    _, url = desk.serve()
    line = b'{"type":"system","subtype":"init","session_id":"s-1","model":"m","cwd":"/w","claude_code_version":"2"}\n'
    desk.run("ingest", NAME, "--server", url, data=line)
    command, completion = SHELLS[shell]
    terminal = Terminal([path, *command[1:]], desk.folder, {**environment, "SENTRYVIBE_SERVER": url})
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


@pytest.mark.parametrize("shell", SHELLS)
def test_an_installed_completion_serves_new_shells(desk: Any, environment: dict[str, str], shell: str) -> None:
    path = needs(shell)
    if shell == "zsh":
        (desk.folder / ".zshrc").write_text("autoload -Uz compinit && compinit -u\n")
    for _ in range(2):  # the second time changes nothing
        command = ["sentryvibe-tui", "completion", shell, "--install", "--yes"]
        subprocess.run(command, env=environment, check=True, capture_output=True)
    terminal = Terminal([path, "-i"], desk.folder, environment)
    try:
        terminal.types("echo rea''dy\r")
        terminal.until("ready")
        terminal.types("sentryvibe-tui disc\t")
        terminal.until("discard")
    finally:
        terminal.close()


def test_fish_shows_a_help_behind_its_first_comma(environment: dict[str, str]) -> None:
    fish = needs("fish")
    asked = 'sentryvibe-tui completion fish | source; complete -C "sentryvibe-tui hooks install --ht"'
    done = subprocess.run([fish, "-c", asked], env=environment, check=True, capture_output=True, text=True)
    assert done.stdout.startswith("--http\tA URL, or a command.")


def test_zsh_without_compinit_is_told_of_it(environment: dict[str, str]) -> None:
    zsh = needs("zsh")
    asked = 'eval "$(sentryvibe-tui completion zsh)"; echo goes on'
    done = subprocess.run([zsh, "-f", "-c", asked], env=environment, check=True, capture_output=True, text=True)
    assert done.stdout == "goes on\n"
    assert "put `autoload -Uz compinit && compinit` above its line" in done.stderr
    assert "not found" not in done.stderr
