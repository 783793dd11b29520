"""Wrong tokens, counted by where they come from, so that guessing one takes for ever.

Only different ones count: a publisher that goes on with a token that was revoked guesses nothing, and must not keep out
others who come from the same address.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable

WINDOW = 60.0
"""Seconds."""
PLACES = 4096
"""Of which the wrong tokens are remembered; of more, the latest."""


class Attempts:
    """`most`: wrong tokens a place has in a `WINDOW`. `clock`: monotonic seconds."""

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        self._most, self._clock = most, clock
        self._places: OrderedDict[str, tuple[float, set[int]]] = OrderedDict()

    def __bool__(self) -> bool:
        """Whether there is anything to ask about."""
        return bool(self._places)

    def pause(self, place: str) -> int:
        """Seconds in which no word from there is compared with the shared token; 0: it is."""
        since, words = self._places.get(place, (0.0, set[int]()))
        left = since + WINDOW - self._clock()
        if left <= 0:
            self._places.pop(place, None)
            return 0
        return math.ceil(left) if len(words) >= self._most else 0

    def fail(self, place: str, token: str) -> None:
        """A wrong token came from there."""
        if place not in self._places:
            self._places[place] = (self._clock(), set[int]())
            if len(self._places) > PLACES:
                self._places.popitem(last=False)
        words = self._places[place][1]
        if len(words) < self._most:
            words.add(hash(token))
