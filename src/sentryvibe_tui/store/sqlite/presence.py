"""Whether the files that are written are still those that the data directory shows."""

from __future__ import annotations

import logging
import os
from pathlib import Path

log = logging.getLogger("sentryvibe_tui.store")


class Presence:
    """SQLite goes on writing into files that were deleted or replaced, and the next server would find nothing of it."""

    def __init__(self, *paths: Path) -> None:
        """Raises OSError."""
        self._files = {str(path): _identity(str(path)) for path in paths}
        self._words = ""

    def loss(self) -> str:
        """Why what is written is lost, empty when it is not; logged when that changes."""
        words = next((words for path, was in self._files.items() if (words := _loss(path, was))), "")
        if words != self._words:
            self._words = words
            log.error("nothing is kept: %s", words) if words else log.warning("the database is back in its place")
        return words


def _identity(path: str) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino


def _loss(path: str, was: tuple[int, int]) -> str:
    """Why what is written to the file of identity `was` is lost; empty when it is not."""
    try:
        what = "" if _identity(path) == was else "was replaced"
    except FileNotFoundError:
        what = "was deleted or moved"
    except OSError as error:
        what = f"cannot be seen ({error.strerror})"
    return f"{path} {what} while the server runs: put it back, or restart the server" if what else ""
