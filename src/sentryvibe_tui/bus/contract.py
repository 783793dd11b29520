"""How servers over one store wake one another. A message is a hint: the store is the truth, a lost one only delays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from ..store.contract import Head

Listener = Callable[[Head], None]


class Bus(Protocol):
    def announce(self, heads: Sequence[Head]) -> None:
        """Tell every subscriber how far builds have come. Never blocks, may lose."""
        ...

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """`listener` is called in the event loop, for this server's own news too. Returns how to stop."""
        ...

    async def close(self) -> None: ...
