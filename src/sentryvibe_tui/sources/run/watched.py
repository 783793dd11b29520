"""A run and the watch on it, which turn to another server together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...wire.address import Address
from .command import Run

if TYPE_CHECKING:
    from ...client.watch import Watch


class WatchedRun:
    """`server.embedded.Publishing` for both."""

    def __init__(self, run: Run, watch: Watch) -> None:
        self._run, self._watch = run, watch

    @property
    def is_cut_off(self) -> bool:
        """The server is out of reach of the run."""
        return self._run.is_cut_off

    def turn_to(self, server: Address) -> None:
        """Publishes to another server from now on, and watches there."""
        self._run.turn_to(server)
        self._watch.turn_to(server)
