"""Lines on stdout: flushed one by one, and a pipe whose reader went away is no failure."""

from __future__ import annotations

import io
import os
import sys


class PipeClosed(Exception):
    """Nobody reads stdout any longer."""


def write_line(line: str) -> None:
    """Raises PipeClosed."""
    try:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still buffered goes nowhere, so that Python's own flush at exit finds no fault.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise PipeClosed from None


def tell(message: str) -> None:
    """One line on stderr, with the program's name as Unix commands do."""
    sys.stderr.write(f"sentryvibe-tui: {message}\n")
    sys.stderr.flush()


def any_text(*, utf8: bool = False) -> None:
    """Let stdout and stderr take every character: unknown to the locale it becomes `?`; JSON is always UTF-8."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace", encoding="utf-8" if utf8 and stream is sys.stdout else None)
