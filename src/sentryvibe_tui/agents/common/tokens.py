"""The tokens of a call of a model, each counted in one place only."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import astuple, replace


class Tokens(Struct, frozen=True):
    """`fresh`: input that was neither read from the cache nor written to it. `reasoning` is a share of `output`.

    `searches` of the web are no tokens, but cost like them.
    """

    fresh: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0
    searches: int = 0

    @property
    def input(self) -> int:
        return self.fresh + self.cache_read + self.cache_write_5m + self.cache_write_1h

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(*map(sum, zip(astuple(self), astuple(other), strict=True)))

    def __sub__(self, other: Tokens) -> Tokens:
        return Tokens(*(mine - its for mine, its in zip(astuple(self), astuple(other), strict=True)))

    def most(self, other: Tokens) -> Tokens:
        """The larger of each, and of all input: a call's figures grow while it is told again and again."""
        most = Tokens(*map(max, astuple(self), astuple(other)))
        fresh = max(self.input, other.input) - (most.input - most.fresh)
        return replace(most, fresh=max(0, fresh))
