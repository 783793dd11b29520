"""Notes of how far the database had come: they tell an older copy put in its place (docs/protocol.md#epoch).

One lies in the data directory and tells an older database file. It is set back with the directory; the other one, in
the user's state folder and named by the epoch, is not. That one follows a little behind (`_LAG`): it is asked only
about copies that are older.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from ...folders import make_private, state_folder

_LAG = 0.1
"""Seconds between two notes in the state folder at least."""


class HighWaterMark:
    """Epoch of the log, and how many entries were acknowledged under it.

    It is never synced: after a power cut it may know too little, never too much.
    """

    def __init__(self, path: Path, epochs: int, outside: Path | None = None) -> None:
        """`outside`: folder of the notes beside the directory, where so many of other `epochs` are kept.
        Raises OSError."""
        self._epochs = epochs
        self._outside = state_folder() / "epochs" if outside is None else outside
        self._inside = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._copy = -1
        self._copied_at = 0.0
        self._epoch, self._count = "", 0

    def confirms(self, epoch: str, count: int) -> bool:
        """Whether a database of `epoch` with `count` entries has all that was acknowledged."""
        inside = _noted(os.pread(self._inside, 100, 0), epoch)
        try:
            outside = _noted((self._outside / epoch).read_bytes()[:100], epoch)
        except OSError:
            outside = None
        return inside is not None and max(inside, outside or 0) <= count

    def begin(self, epoch: str, count: int) -> None:
        self._epoch, self._count = epoch, count
        with suppress(OSError):  # without a state folder the note in the directory is all there is
            make_private(self._outside)
            self._copy = os.open(self._outside / epoch, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            _drop_oldest(self._outside, self._epochs)
        self._note(self._inside)
        self._note(self._copy)

    def add(self, entries: int) -> None:
        """So many more were acknowledged."""
        self._count += entries
        self._note(self._inside)
        if (now := time.monotonic()) - self._copied_at > _LAG:
            self._copied_at = now
            self._note(self._copy)

    def _note(self, file: int) -> None:
        with suppress(OSError):  # a full disk: the note of before stays
            os.pwrite(file, f"{self._epoch} {self._count:020}\n".encode(), 0)

    def close(self) -> None:
        if self._epoch:
            self._note(self._copy)
        for file in (self._inside, self._copy):
            with suppress(OSError):
                os.close(file)


def _noted(note: bytes, epoch: str) -> int | None:
    """How many entries a note knows of `epoch`; None when it says nothing."""
    words = note.decode("ascii", "replace").partition("\n")[0].split()
    return int(words[1]) if len(words) == 2 and words[0] == epoch and words[1].isdecimal() else None


def _drop_oldest(folder: Path, epochs: int) -> None:
    notes = sorted(folder.iterdir(), key=lambda note: note.stat().st_mtime)
    for note in notes[:-epochs]:
        note.unlink()
