"""A file that another process writes: what was appended since the last look."""

from __future__ import annotations

import os
from pathlib import Path

from msgspec import Struct

PIECE = 256 * 1024
"""Bytes of one look at most: whoever follows many files keeps its breath."""

_ANCHOR = 64


class Grown(Struct, frozen=True):
    """`restarted`: the file is another one than before, or was written anew; `data` begins at its start.

    `more`: there is more to read at once.
    """

    data: bytes = b""
    restarted: bool = False
    more: bool = False


class Tail:
    """Follows one path. Lines are not its business: a last line without its end is data like any other."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = 0
        self._inode = 0
        self._anchor = b""

    def look(self) -> Grown:
        """What is new. A file that is not there (yet, or any longer) has not grown; one that replaces it is new."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return Grown()
        try:
            return self._read(descriptor)
        except OSError:
            return Grown()
        finally:
            os.close(descriptor)

    def _read(self, descriptor: int) -> Grown:
        status = os.fstat(descriptor)
        restarted = self._is_another(descriptor, status)
        if restarted:
            self.offset, self._anchor = 0, b""
        self._inode = status.st_ino
        data = os.pread(descriptor, PIECE, self.offset) if status.st_size > self.offset else b""
        self.offset += len(data)
        self._anchor = (self._anchor + data)[-_ANCHOR:]
        return Grown(data, restarted, status.st_size > self.offset and bool(data))

    def _is_another(self, descriptor: int, status: os.stat_result) -> bool:
        """Replaced (another inode), cut (shorter), or overwritten in place (other bytes where we stopped)."""
        if not self.offset:
            return False
        if status.st_ino != self._inode or status.st_size < self.offset:
            return True
        anchor = os.pread(descriptor, len(self._anchor), self.offset - len(self._anchor))
        return anchor != self._anchor
