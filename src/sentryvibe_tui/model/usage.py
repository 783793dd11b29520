"""Tokens and cost of a build: what one file of its session used, and the sum of all of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

N = TypeVar("N", int, float)

FOREVER = 2**53
"""A time after all others, epoch milliseconds."""


class Usage(Struct, frozen=True):
    """Tokens, cost (US dollars) and context fill (percent); None is unknown.

    `input_tokens` are all that went in, whatever the agent: those read from the cache and those written to it (for
    5 minutes, for an hour) are shares of them, as `reasoning_tokens` are of `output_tokens`. `cost_estimated`: whether
    any of the cost is by `price_table` (its name and version) instead of the agent's own figure. `unpriced`: a model
    whose calls are not in the cost, because nobody tells their price.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cost_usd: float | None = None
    context_percent: float | None = None
    cache_write_5m_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_estimated: bool = False
    price_table: str = ""
    unpriced: str = ""


class Share(Struct, frozen=True):
    """What one file of the session used: a subagent's by its name, the session's own has none."""

    part: str
    usage: Usage


Shares = tuple[Share, ...]

_TOKENS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
)
_COST = ("cost_usd", "cost_estimated", "price_table", "unpriced")


def merged_usage(current: Usage, incoming: Usage) -> Usage:
    """Known fields of `incoming` replace; a cost comes with all that is said of it."""
    names = [name for name in (*_TOKENS, "context_percent") if getattr(incoming, name) is not None]
    if incoming.cost_usd is not None or incoming.unpriced:
        names += _COST
    return replace(current, **{name: getattr(incoming, name) for name in names})


def has_fallen(now: Usage, before: Usage) -> bool:
    """Whether less went in or came out than before: totals only grow."""
    pairs = ((now.input_tokens, before.input_tokens), (now.output_tokens, before.output_tokens))
    return any((new or 0) < (old or 0) for new, old in pairs)


def sum_with(total: Usage, share: Usage, before: Usage) -> Usage:
    """`total`, of which a share was `before` and is now `share`."""
    tokens = {name: _grown(getattr(total, name), getattr(share, name), getattr(before, name)) for name in _TOKENS}
    cost = _grown(total.cost_usd, share.cost_usd, before.cost_usd)
    return replace(
        total,
        **tokens,
        cost_usd=None if cost is None else round(cost, 9),
        context_percent=total.context_percent if share.context_percent is None else share.context_percent,
        cost_estimated=total.cost_estimated or share.cost_estimated,
        price_table=share.price_table or total.price_table,
        unpriced=share.unpriced or total.unpriced,
    )


def _grown(total: N | None, now: N | None, before: N | None) -> N | None:
    return total if now is None else now - (before or 0) + (total or 0)


def share_in(shares: Shares, part: str) -> Usage | None:
    """What is known of a part; None when nothing is."""
    return next((share.usage for share in shares if share.part == part), None)


def with_share(shares: Shares, share: Share) -> Shares:
    """`share` in the place of what was known of its part, or last."""
    if any(known.part == share.part for known in shares):
        return tuple(share if known.part == share.part else known for known in shares)
    return (*shares, share)


def news_of(shares: Shares, current: Shares) -> Iterable[Share]:
    """Shares that are not known so."""
    return (share for share in shares if share not in current)
