"""Whoever hears of commits: an error of theirs is not the writer's."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from .contract import Commit

log = logging.getLogger("sentryvibe_tui.store")

CommitListener = Callable[[Sequence[Commit]], None]


def tell_listener(listener: CommitListener, commits: Sequence[Commit]) -> None:
    """What is committed stays so, and the writer goes on, whatever becomes of whoever hears of it."""
    try:
        listener(commits)
    except Exception:
        log.exception("what was committed could not be passed on")
