"""How much a store keeps in memory, and when it does what need not be done while somebody waits."""

from __future__ import annotations

from msgspec import Struct

_MEGABYTE = 1024 * 1024


class StoreLimits(Struct, frozen=True):
    """Sizes in bytes, times in seconds. What begins at `warm_bytes` is for the files of SQLite only."""

    snapshot_every: int = 500
    """Least number of entries between two snapshots of a build; it doubles with the build, so an entry's cost stays."""
    live_bytes: int = 64 * _MEGABYTE
    """What the builds whose states are kept in memory may take together."""
    live_least: int = 4
    """Builds that are kept in memory, however large."""

    warm_bytes: int = 16 * _MEGABYTE
    """Size that the write-ahead log is given at the start: a sync that need not grow the file is faster."""
    checkpoint_idle: int = 12 * _MEGABYTE
    """Written since the last checkpoint, from which the next one is made in a quiet moment; below `warm_bytes`."""
    checkpoint_busy: int = 64 * _MEGABYTE
    """The same from which it waits no longer for a quiet moment."""
    linger: float = 0.001
    """How long a group waits for publishers whose answers have just left."""
    idle: float = 0.05
    """Silence that makes a moment quiet."""
    lock_wait: float = 1.0
    """How long another process' lock is waited for."""
    epochs: int = 64
    """Notes of other logs that are kept in the user's state folder."""


DEFAULT_STORE_LIMITS = StoreLimits()
