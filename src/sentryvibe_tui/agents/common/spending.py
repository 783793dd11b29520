"""What the calls of one input used and cost, each counted once."""

from __future__ import annotations

from collections import OrderedDict

from msgspec import Struct
from msgspec.structs import replace

from ...model.state import Millis
from ...model.usage import Usage
from .prices import price_of, table
from .tokens import Tokens

_RECENT = 4096
"""Calls that are told apart: one is repeated on neighbouring lines."""
_NOTHING = Tokens()
NAMELESS = "a model without a name"


class Call(Struct, frozen=True):
    """`cost` in US dollars, the agent's own or estimated; None: nobody tells it. `call_size`: see `Price.of`."""

    model: str
    tokens: Tokens
    at: Millis | None = None
    cost: float | None = None
    call_size: int | None = None


def used_of(tokens: Tokens) -> Usage:
    """As a build's usage; nothing at all is unknown."""
    if tokens == _NOTHING:
        return Usage()
    return Usage(
        input_tokens=tokens.input,
        output_tokens=tokens.output,
        cache_read_tokens=tokens.cache_read,
        cache_write_5m_tokens=tokens.cache_write_5m,
        cache_write_1h_tokens=tokens.cache_write_1h,
        reasoning_tokens=tokens.reasoning,
    )


def as_tokens(usage: Usage) -> Tokens:
    """The same the other way round."""
    read, written = usage.cache_read_tokens or 0, (usage.cache_write_5m_tokens or 0, usage.cache_write_1h_tokens or 0)
    return Tokens(
        fresh=max(0, (usage.input_tokens or 0) - read - sum(written)),
        cache_read=read,
        cache_write_5m=written[0],
        cache_write_1h=written[1],
        output=usage.output_tokens or 0,
        reasoning=usage.reasoning_tokens or 0,
    )


class Spending:
    """A call is told again while it grows: the most that was said of each of its figures counts."""

    def __init__(self) -> None:
        self._recent: OrderedDict[str, Call] = OrderedDict()
        self.tokens = _NOTHING
        self._cost: float | None = None
        self._estimated = False
        self._unpriced = ""

    def add(self, key: str, call: Call) -> Usage | None:
        """The totals, when this changed them. `key` names the call."""
        before = self._recent.pop(key, None)
        earlier = _NOTHING if before is None else before.tokens
        tokens = earlier.most(call.tokens)
        if tokens == earlier and (before is None or call.cost in (None, before.cost)):
            if before is not None:
                self._recent[key] = before
            return None
        now = Call(call.model, tokens, call.at, self._priced(call, tokens), call.call_size)
        self._recent[key] = now
        if len(self._recent) > _RECENT:
            self._recent.popitem(last=False)
        self.tokens = self.tokens + tokens - earlier
        if now.cost is not None:
            gone = 0.0 if before is None or before.cost is None else before.cost
            self._cost = (self._cost or 0.0) + now.cost - gone
        return self.usage()

    def replace(self, tokens: Tokens, cost: float | None, unpriced: str = "") -> Usage:
        """The agent's own totals take the place of what was counted; later calls add to them."""
        self._recent.clear()
        self.tokens, self._cost, self._estimated, self._unpriced = tokens, cost, False, unpriced
        return self.usage()

    def usage(self) -> Usage:
        """The totals."""
        return replace(
            used_of(self.tokens),
            cost_usd=None if self._cost is None else round(self._cost, 9),
            cost_estimated=self._estimated,
            price_table=table() if self._estimated else "",
            unpriced=self._unpriced,
        )

    def _priced(self, call: Call, tokens: Tokens) -> float | None:
        if call.cost is not None:
            return call.cost
        price = price_of(call.model, call.at) if call.model else None
        if price is None:
            self._unpriced = call.model or NAMELESS
            return None
        self._estimated = True
        return price.of(tokens, call.call_size)


class RunningTotals:
    """For agents that tell running totals: what one grew by since the one before is a call."""

    def __init__(self) -> None:
        self.spending = Spending()
        self._last, self._number = _NOTHING, 0

    def passed(self, total: Tokens) -> None:
        """A total that is another session's: a copied history goes on from it."""
        self._last = total

    def grown(self, model: str, total: Tokens, at: Millis | None) -> Usage:
        """What was used so far. A total that is smaller than the one before began anew."""
        before = self._last if total.most(self._last) == total else _NOTHING
        self._last, self._number = total, self._number + 1
        self.spending.add(str(self._number), Call(model, total - before, at))
        return self.spending.usage()
