"""One server a data directory: two locks, which go with their process however that ends.

The lock in the directory holds wherever the directory is seen from. It goes away with a directory that is deleted or
replaced under a server; the lock beside the user's runtime files, named by the directory's path, stays then.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from contextlib import suppress
from pathlib import Path

from ...errors import StoreBroken, StoreUnavailable
from ...folders import make_private, runtime_folder


class DirectoryLock:
    """Held from its making until `release`."""

    def __init__(self, directory: Path) -> None:
        """Raises StoreBroken when another process has it, StoreUnavailable when the directory cannot be used."""
        try:
            make_private(directory)
            self._files = [_locked(directory / "lock", directory)]
        except OSError as error:
            raise StoreUnavailable(f"cannot use the data directory {directory}: {error.strerror}") from None
        try:
            self._lock_path(directory)
        except StoreBroken:
            self.release()
            raise

    def _lock_path(self, directory: Path) -> None:
        name = hashlib.sha256(str(directory.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:16]
        with suppress(OSError):  # without a runtime folder the lock in the directory is all there is
            folder = runtime_folder() / "locks"
            make_private(folder)
            self._files.append(_locked(folder / name, directory))

    def release(self) -> None:
        for file in self._files:
            os.close(file)
        self._files.clear()


def _locked(path: Path, directory: Path) -> int:
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        owner = os.read(lock, 20).decode("ascii", "replace").strip()
        os.close(lock)
        raise StoreBroken(
            f"the data directory {directory} is in use by another server (process {owner or 'unknown'}); "
            "stop it, or choose another directory with --data"
        ) from None
    with suppress(OSError):
        os.truncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
    return lock
