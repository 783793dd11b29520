"""When it is asked of a silent session whether it has a process still, and what the answers are worth. Pure."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

QUIET = 5.0
"""Seconds without a word after which it is asked."""
AGAIN = 2.0
"""So many times longer is the silence when it is asked again."""


class Inspection(Struct, frozen=True):
    """The answer about a file that was written last at `changed`, after so many seconds of `silence`."""

    changed: float
    silence: float
    is_orphan: bool


class Inspections:
    """Times are epoch seconds."""

    def __init__(self, quiet: float = QUIET) -> None:
        self._quiet = quiet
        self._latest: dict[Path, Inspection] = {}
        self._hidden: set[Path] = set()

    def is_due(self, path: Path, changed: float, now: float, *, is_vouched: bool) -> bool:
        """Whether to ask. A session that was written to without a process, and without a witness that vouches for it,
        has one that cannot be seen here (in a container, say): nothing is asked of it any more."""
        latest = self._latest.get(path)
        if latest is not None and latest.changed != changed:
            del self._latest[path]
            if latest.is_orphan and not is_vouched:
                self._hidden.add(path)
            latest = None
        if is_vouched or path in self._hidden or (latest is not None and latest.is_orphan):
            return False
        return now - changed >= (self._quiet if latest is None else AGAIN * latest.silence)

    def take(self, path: Path, changed: float, now: float, *, is_orphan: bool) -> None:
        """The answer."""
        self._latest[path] = Inspection(changed, now - changed, is_orphan)

    def forget(self, path: Path) -> None:
        self._latest.pop(path, None)
        self._hidden.discard(path)
