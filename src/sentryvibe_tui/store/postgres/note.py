"""Who this server is to the database, and how many groups it committed: kept beside it, so that an older copy put in
the database's place is noticed by the next start (docs/protocol.md#epoch)."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from uuid import UUID, uuid4

from ...errors import StoreUnavailable
from ...folders import make_private

_SERVERS = 64
"""Servers over one data folder at most that each have a note of their own."""


class WriterNote:
    """Epoch, id and number of groups in a file that one process at a time holds. Never synced: it may know too little
    after a power cut, never too much."""

    def __init__(self, folder: Path) -> None:
        """Raises StoreUnavailable when the folder cannot be used."""
        try:
            make_private(folder)
            self._file = next(file for number in range(_SERVERS) if (file := _held(folder / f"writer-{number}")) >= 0)
            words = os.pread(self._file, 200, 0).decode("ascii", "replace").partition("\n")[0].split()
        except OSError as error:
            raise StoreUnavailable(f"cannot use the data directory {folder}: {error.strerror}") from None
        except StopIteration:
            raise StoreUnavailable(f"{_SERVERS} servers use the data directory {folder} already") from None
        self.epoch, self.id, self.last = "", uuid4(), 0
        with suppress(ValueError):
            epoch, name, last = words
            self.epoch, self.id, self.last = epoch, UUID(name), int(last)

    def begin(self, epoch: str, last: int) -> None:
        self.epoch = epoch
        self.put(last)

    def put(self, last: int) -> None:
        self.last = last
        with suppress(OSError):  # a full disk: the note of before stays
            os.pwrite(self._file, f"{self.epoch} {self.id} {last:020}\n".encode(), 0)

    def close(self) -> None:
        os.close(self._file)


def _held(path: Path) -> int:
    """The file, locked by this process; -1: another one has it."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        return -1
    return file
