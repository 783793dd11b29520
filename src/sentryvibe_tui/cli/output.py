"""Lines on stdout: flushed one by one, and a pipe whose reader went away is no failure."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import TextIO, cast

from ..errors import SentryVibeError
from ..model.text import clean


class PipeClosed(SentryVibeError):
    """Nobody reads stdout any longer."""


class CannotWrite(SentryVibeError):
    """Stdout takes nothing: a full disk, or none at all; the message says which."""


def write_line(line: str) -> None:
    """`line`, safe for a terminal whatever is in it. Raises PipeClosed, CannotWrite."""
    stdout = cast("TextIO | None", sys.stdout)  # None when the process was started without one
    if stdout is None:
        raise CannotWrite("it is closed")
    try:
        stdout.write(clean(line) + "\n")
        stdout.flush()
    except OSError as error:
        # What is still buffered goes nowhere, so that Python's own flush at exit finds no fault.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise PipeClosed from None
        raise CannotWrite(error.strerror) from None


def tell(message: str) -> None:
    """One line on stderr, with the program's name as Unix commands do; without a stderr nobody hears it."""
    write_error(f"sentryvibe-tui: {message}\n")


def write_error(text: str) -> None:
    """`text` on stderr, safe for a terminal."""
    stderr = cast("TextIO | None", sys.stderr)
    if stderr is not None:
        with suppress(OSError):
            stderr.write(clean(text))
            stderr.flush()


def any_text(*, utf8: bool = False) -> None:
    """Let stdout and stderr take every character: unknown to the locale it becomes `?`; JSON is always UTF-8."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace", encoding="utf-8" if utf8 and stream is sys.stdout else None)
