"""What a call of a model costs where its agent does not say: by the table of `genai-prices`, which lies in the package.

It is imported with the first price that is asked for, or before in a thread (sources/price_table.py), and each price is
looked up once.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from msgspec import Struct

from ...model.state import Millis
from .tokens import Tokens

log = logging.getLogger("sentryvibe_tui.agents")

_PACKAGE = "genai-prices"
_DAY = 86_400_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS = 100_000

_ANY = "gpt-5"
"""A model that the table has."""

Steps = tuple[tuple[int, float], ...]
"""US dollars per token, each from so many input tokens of a call on; the highest first."""


class Price(Struct, frozen=True):
    """Of one model on one day. `search` is US dollars per search of the web."""

    fresh: Steps
    cache_read: Steps
    cache_write_5m: Steps
    cache_write_1h: Steps
    output: Steps
    search: float

    def of(self, tokens: Tokens, call_size: int | None = None) -> float:
        """US dollars. `call_size`: input tokens of the largest call where `tokens` are those of several."""
        size = tokens.input if call_size is None else call_size
        return (
            tokens.fresh * _step(self.fresh, size)
            + tokens.cache_read * _step(self.cache_read, size)
            + tokens.cache_write_5m * _step(self.cache_write_5m, size)
            + tokens.cache_write_1h * _step(self.cache_write_1h, size)
            + tokens.output * _step(self.output, size)
            + tokens.searches * self.search
        )


def load_prices() -> None:
    """Imports the table, so that no price takes longer than another."""
    _price(_ANY, None)


def price_of(model: str, at: Millis | None) -> Price | None:
    """The price at that time, today's when there is none; None for a model that the table does not know."""
    day = None if at is None or not 0 <= at < _DAYS * _DAY else at // _DAY
    return _price(model, day)


@lru_cache(maxsize=256)
def window_of(model: str) -> int | None:
    """Tokens that the model can take in at most; None where the table does not say."""
    try:
        from genai_prices import Usage, calc_price

        return calc_price(Usage(input_tokens=1), model).model.context_window
    except (ImportError, LookupError, ValueError):
        return None


@lru_cache(maxsize=1)
def table() -> str:
    """Name and version of the table; "" when the package is missing."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"{_PACKAGE} {version(_PACKAGE)}"
    except PackageNotFoundError:
        return ""


@lru_cache(maxsize=4096)
def _price(model: str, day: int | None) -> Price | None:
    try:
        from genai_prices import Usage, calc_price
    except ImportError:
        log.info("costs are not estimated: %s is not installed", _PACKAGE)
        return None
    moment = None if day is None else _EPOCH + timedelta(days=day)
    try:
        base_price = calc_price(Usage(input_tokens=1), model, genai_request_timestamp=moment).model_price
    except (LookupError, ValueError):
        return None
    fresh, write = _steps(base_price.input_mtok), _steps(base_price.cache_write_mtok)
    return Price(
        fresh,
        _steps(base_price.cache_read_mtok) or fresh,
        write or fresh,
        _steps(base_price.cache_write_1h_mtok) or write or fresh,
        _steps(base_price.output_mtok),
        _each(base_price.web_searches_kcount, 1_000),
    )


def _steps(listed: Any) -> Steps:
    """A price per million tokens, which may depend on the size of the call; () when there is none."""
    if listed is None:
        return ()
    tiers = getattr(listed, "tiers", ())
    base = getattr(listed, "base", listed)
    steps = [(0, base), *((tier.start, tier.price) for tier in tiers)]
    return tuple((start, float(price) / 1e6) for start, price in reversed(steps))


def _step(steps: Steps, size: int) -> float:
    return next((price for start, price in steps if size > start or not start), 0.0)


def _each(price: Any, number: int) -> float:
    steps = _steps(price)
    return steps[-1][1] * 1e6 / number if steps else 0.0
