"""What gets the terminal for a while: the reader's pager and editor, the log as plain text. All of it cleaned.

Meanwhile the loop goes on: whoever reads keeps nobody waiting who is served or run by the same process.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from ...folders import make_private
from ...model.text import clean

RETURNS, ESCAPE = set(b"\n\rq\x03\x04"), b"\x1b"
"""Keys that lead from the scrollback back to the screen: enter, q, ctrl+c, ctrl+d; and escape, if it is alone."""


async def open_pager(text: str, environment: Mapping[str, str]) -> str:
    """Shows `text` in $PAGER, else `less`; what went wrong, or nothing. `less` gets no raw controls to interpret."""
    with tempfile.TemporaryDirectory(prefix="sentryvibe-") as folder:
        path = Path(folder) / "output.txt"
        path.write_text(clean(text) + "\n", encoding="utf-8", errors="replace")
        return await _run(environment.get("PAGER") or "less", path, {**environment, "LESSSECURE": "1"})


async def open_editor(path: Path, environment: Mapping[str, str]) -> str:
    """Opens a file in $VISUAL or $EDITOR, else `vi`; what went wrong, or nothing."""
    return await _run(environment.get("VISUAL") or environment.get("EDITOR") or "vi", path, environment)


async def scroll_back(text: str) -> str:
    """`text` in the terminal itself until a key returns; what went wrong, or nothing."""
    terminal = 0
    try:
        with _quiet(terminal):
            say(f"{text}\nenter returns to the screen ", end="")
            await _returned(terminal)
            say("")
    except (OSError, termios.error):
        return "this terminal cannot show the scrollback"
    return ""


def say(text: str, end: str = "\n") -> None:
    """Prints what the terminal's encoding has, and marks for the rest. Raises OSError."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding), end=end, flush=True)


@contextmanager
def _quiet(terminal: int) -> Generator[None]:
    """Keys come one by one, are not shown, and none of them is a signal."""
    before, quiet = termios.tcgetattr(terminal), termios.tcgetattr(terminal)
    quiet[3] &= ~(termios.ICANON | termios.ECHO | termios.ISIG)
    termios.tcsetattr(terminal, termios.TCSADRAIN, quiet)
    try:
        yield
    finally:
        with suppress(termios.error):
            termios.tcsetattr(terminal, termios.TCSAFLUSH, before)


async def _returned(terminal: int) -> None:
    """Until a key that leads back was pressed, or there is no terminal any more."""
    loop = asyncio.get_running_loop()
    pressed = loop.create_future()

    def read() -> None:
        try:
            keys = os.read(terminal, 64)
        except OSError:
            keys = b""
        if not pressed.done() and (not keys or keys == ESCAPE or set(keys) & RETURNS):
            pressed.set_result(None)

    loop.add_reader(terminal, read)
    try:
        await pressed
    finally:
        loop.remove_reader(terminal)


async def _run(program: str, path: Path, environment: Mapping[str, str]) -> str:
    """`program`, a command line, on a file; what went wrong, or nothing."""
    name = program
    try:
        command = shlex.split(program)
        name = command[0]
        terminal = _terminal()
        job = None if terminal is None else 0
        process = subprocess.Popen([*command, str(path)], env=dict(environment), process_group=job)  # noqa: ASYNC220
    except (OSError, ValueError, IndexError) as error:
        return f"{name} could not be started: {error}"
    try:
        status = await asyncio.to_thread(_finished, process, terminal)
    finally:
        if process.returncode is None:  # the screen ends before the program
            process.terminate()
    return f"{name} ended with {status}" if status else ""


def _terminal() -> int | None:
    """The terminal, if it is ours to give."""
    try:
        return 0 if os.tcgetpgrp(0) == os.getpgrp() else None
    except OSError:
        return None


def _finished(process: subprocess.Popen[bytes], terminal: int | None) -> int:
    """The exit status of a program that has the terminal to itself, as a job of a shell has: its ctrl+c is for nobody
    else. Where ctrl+z stops it we stop with it, and go on together."""
    if terminal is None:
        return process.wait()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})  # giving and taking is no output
    try:
        while True:
            os.tcsetpgrp(terminal, process.pid)
            os.killpg(process.pid, signal.SIGCONT)
            _, status = os.waitpid(process.pid, os.WUNTRACED)
            if not os.WIFSTOPPED(status):
                process.returncode = os.waitstatus_to_exitcode(status)
                return process.returncode
            if os.WSTOPSIG(status) == signal.SIGTSTP:
                os.tcsetpgrp(terminal, os.getpgrp())
                os.kill(os.getpid(), signal.SIGSTOP)
    finally:
        with suppress(OSError):
            os.tcsetpgrp(terminal, os.getpgrp())


def save(text: str, folder: Path, name: str) -> Path:
    """`text` in a new file of `folder`, which is made, named after the build and the time. Raises OSError."""
    make_private(folder)
    safe = "".join(char if char.isalnum() or char in "-_" else "-" for char in name).strip("-")[:60]
    path = folder / f"{safe or 'build'}-{time.strftime('%Y%m%d-%H%M%S')}.log"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
        file.write(text)
    return path
