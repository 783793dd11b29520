"""Which background a terminal has, so that `theme = "auto"` is dark on a dark one and light on a light one.

xterm's OSC 11 asks for the colour; what every terminal answers, its device attributes (DA1), is asked after it, so that
none is waited for that does not know OSC 11.
"""

from __future__ import annotations

import os
import re
import select
import termios
import time
import tty
from collections.abc import Mapping
from contextlib import suppress

QUERY = b"\x1b]11;?\x1b\\\x1b[c"
ANSWER_TIMEOUT = 2.0
"""Seconds that a terminal may take: over SSH an answer travels there and back, and one that comes too late is typed
into the screen. Only where a terminal never answers does anybody wait for so long."""

Color = tuple[float, float, float]
"""Red, green and blue from 0 to 1."""

_ANSWER = rb"\x1b\]11;rgba?:([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})"
_LAST = rb"\x1b\[\?[\d;]*c"


def is_light_background(background: Color | None, environment: Mapping[str, str]) -> bool:
    """Where the terminal does not say, COLORFGBG may: `15;0`, whose last number is its colour; else dark."""
    if background is not None:
        red, green, blue = background
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.5
    return environment.get("COLORFGBG", "").rpartition(";")[2] in ("7", "15")


def background_in(answer: bytes) -> Color | None:
    """The colour in what a terminal answered: `rgb:1414/1616/1c1c`; None when there is none."""
    match = re.search(_ANSWER, answer)
    if match is None:
        return None
    red, green, blue = (int(part, 16) / (16 ** len(part) - 1) for part in match.groups())
    return red, green, blue


def background_of(terminal: int, timeout: float = ANSWER_TIMEOUT) -> Color | None:
    """Asks the terminal of a file descriptor; nothing of its answer is left to be read. None when it does not say."""
    try:
        before = termios.tcgetattr(terminal)
        tty.setcbreak(terminal, termios.TCSANOW)
    except (OSError, termios.error):
        return None
    try:
        os.write(terminal, QUERY)
        return background_in(_answer(terminal, time.monotonic() + timeout))
    except OSError:
        return None
    finally:
        with suppress(termios.error):
            termios.tcsetattr(terminal, termios.TCSANOW, before)


def _answer(terminal: int, end: float) -> bytes:
    """All that comes until the last answer, or the time is over."""
    answer = b""
    while not re.search(_LAST, answer) and (wait := end - time.monotonic()) > 0:
        if select.select([terminal], [], [], wait)[0]:
            piece = os.read(terminal, 256)
            if not piece:
                break
            answer += piece
    return answer
