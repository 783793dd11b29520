"""A note beside the database of how far it had come: it tells an older copy put in its place (PROTOCOL 2, epoch)."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


class Witness:
    """Epoch of the log, and how many entries were acknowledged under it.

    It is never synced: after a power cut it may know too little, never too much.
    """

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._epoch, self._count = "", 0

    def confirms(self, epoch: str, count: int) -> bool:
        """Whether a database of `epoch` with `count` entries has all that was acknowledged."""
        noted = os.pread(self._file, 100, 0).decode("ascii", "replace").partition("\n")[0].split()
        return len(noted) == 2 and noted[0] == epoch and noted[1].isdecimal() and int(noted[1]) <= count

    def begin(self, epoch: str, count: int) -> None:
        self._epoch, self._count = epoch, count
        self.add(0)

    def add(self, entries: int) -> None:
        """So many more were acknowledged."""
        self._count += entries
        with suppress(OSError):  # a full disk: the note of before stays
            os.pwrite(self._file, f"{self._epoch} {self._count:020}\n".encode(), 0)

    def close(self) -> None:
        os.close(self._file)
