"""Which user is the one that this program runs as."""

from __future__ import annotations

import os
from functools import cache

_UIDS = 2**32 - 1


def is_this_user(uid: int) -> bool:
    """In a user namespace all that it does not map have one number: whoever has it may be anybody."""
    return uid == os.geteuid() and uid != _unmapped()


@cache
def _unmapped() -> int | None:
    """The number of users whom this namespace does not map; None where it maps all, or there are none (Linux only)."""
    try:
        with open("/proc/self/uid_map", "rb") as file:
            mapped = sum(int(line.split()[2]) for line in file)
        if mapped >= _UIDS:
            return None
        with open("/proc/sys/kernel/overflowuid", "rb") as file:
            return int(file.read())
    except (OSError, ValueError, IndexError):
        return None
