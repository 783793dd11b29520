"""Notes of how far the database had come: they tell an older copy put in its place (PROTOCOL 2, epoch).

One lies in the data directory and tells an older database file. It is set back with the directory; the other one, in
the user's state folder and named by the epoch, is not.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from ..folders import make_private, state_folder

_KEPT = 64
"""Notes of other logs that are kept in the state folder."""


class Witness:
    """Epoch of the log, and how many entries were acknowledged under it.

    It is never synced: after a power cut it may know too little, never too much.
    """

    def __init__(self, path: Path, outside: Path | None = None) -> None:
        """`outside`: folder of the notes beside the directory. Raises OSError."""
        self._outside = state_folder() / "epochs" if outside is None else outside
        self._files = [os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)]
        self._epoch, self._count = "", 0

    def confirms(self, epoch: str, count: int) -> bool:
        """Whether a database of `epoch` with `count` entries has all that was acknowledged."""
        inside = _noted(os.pread(self._files[0], 100, 0), epoch)
        try:
            outside = _noted((self._outside / epoch).read_bytes()[:100], epoch)
        except OSError:
            outside = None
        return inside is not None and max(inside, outside or 0) <= count

    def begin(self, epoch: str, count: int) -> None:
        self._epoch, self._count = epoch, count
        with suppress(OSError):  # without a state folder the note in the directory is all there is
            make_private(self._outside)
            self._files.append(os.open(self._outside / epoch, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            _drop_oldest(self._outside)
        self.add(0)

    def add(self, entries: int) -> None:
        """So many more were acknowledged."""
        self._count += entries
        note = f"{self._epoch} {self._count:020}\n".encode()
        for file in self._files:
            with suppress(OSError):  # a full disk: the note of before stays
                os.pwrite(file, note, 0)

    def close(self) -> None:
        for file in self._files:
            os.close(file)
        self._files.clear()


def _noted(note: bytes, epoch: str) -> int | None:
    """How many entries a note knows of `epoch`; None when it says nothing."""
    words = note.decode("ascii", "replace").partition("\n")[0].split()
    return int(words[1]) if len(words) == 2 and words[0] == epoch and words[1].isdecimal() else None


def _drop_oldest(folder: Path) -> None:
    notes = sorted(folder.iterdir(), key=lambda note: note.stat().st_mtime)
    for note in notes[:-_KEPT]:
        note.unlink()
