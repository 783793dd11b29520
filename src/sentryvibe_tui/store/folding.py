"""A state is a snapshot with the entries after it: how both are kept, and read again."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Iterable
from typing import NamedTuple

from ..model.reducer import apply
from ..model.state import BuildState
from ..wire.state import decode_state, encode_state
from .contract import Logged

log = logging.getLogger("sentryvibe_tui.store")


class Folded(NamedTuple):
    """A build's state, the version of the snapshot that it was folded from (0: from the start), and how many bytes of
    JSON it was made of."""

    state: BuildState
    snapshot: int
    size: int

    def and_then(self, tail: Iterable[Logged]) -> Folded:
        """With the entries that follow. Raises ValueError for what is missing or cannot be read."""
        state, size = self.state, self.size
        for logged in tail:
            if logged.version != state.version + 1:
                raise ValueError(f"entry {state.version + 1} is missing")
            try:
                state = apply(state, logged.entry())
            except Exception as error:
                raise ValueError(f"entry {logged.version} cannot be read ({error})") from error
            size += len(logged.updates)
        return Folded(state, self.snapshot, size)

    def reaching(self, version: int) -> Folded:
        """Raises ValueError when the log was to come to `version` at least, and has not."""
        if self.state.version < version:
            raise ValueError(f"entry {self.state.version + 1} of {version} is missing")
        return self


def pack_state(state: BuildState) -> bytes:
    """A state as a snapshot keeps it."""
    return zlib.compress(encode_state(state), 1)


def unpack_state(packed: bytes | None) -> Folded:
    """A snapshot's state; the empty state when there is none that can be read."""
    if packed is None:
        return Folded(BuildState(), 0, 0)
    try:
        text = zlib.decompress(packed)
        state = decode_state(text)
    except Exception as error:  # the log is whole without it
        log.warning("a snapshot is damaged, and left out: %s", error)
        return Folded(BuildState(), 0, 0)
    return Folded(state, state.version, len(text))
