"""The bus of a server alone: its subscribers live in this process."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..store.contract import Head
from .contract import Listener


class LocalBus:
    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def announce(self, heads: Sequence[Head]) -> None:
        for listener in tuple(self._listeners):
            for head in heads:
                listener(head)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    async def close(self) -> None:
        self._listeners.clear()
