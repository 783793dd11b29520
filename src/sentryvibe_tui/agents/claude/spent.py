"""Tokens and cost in Claude Code's words: of one message, and of a whole process or session by model."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import add

from ..common.prices import window_of
from ..common.spending import NAMELESS, Spending
from ..common.tokens import Tokens
from ..common.values import Record, as_object, count, number, obj

SHORT_WINDOW = 200_000
"""Tokens of context that a model of `EITHER` has in Claude Code where plan and settings give it no more."""
EITHER = ("opus", "sonnet")
"""Families of models whose longer window is a matter of plan and settings, which no file tells."""


def context_percent(model: str, context: int) -> float | None:
    """How full the window of the model is with `context` tokens; None where nobody says how large it is."""
    window = window_of(model) if model and context else None
    is_either = window is not None and window > SHORT_WINDOW and any(name in model for name in EITHER)
    if window is None or context > window or (is_either and context <= SHORT_WINDOW):
        return None
    return round(100 * context / window, 1)


def tokens_of(usage: Record) -> Tokens:
    """A message's `usage`. What was written to the cache without a word on how long stays for 5 minutes."""
    written, split = count(usage, "cache_creation_input_tokens"), obj(usage, "cache_creation")
    for_an_hour = count(split, "ephemeral_1h_input_tokens")
    return Tokens(
        fresh=count(usage, "input_tokens"),
        cache_read=count(usage, "cache_read_input_tokens"),
        cache_write_5m=max(written - for_an_hour, count(split, "ephemeral_5m_input_tokens")),
        cache_write_1h=for_an_hour,
        output=count(usage, "output_tokens"),
        reasoning=count(obj(usage, "output_tokens_details"), "thinking_tokens"),
        searches=count(obj(usage, "server_tool_use"), "web_search_requests"),
    )


def tokens_by_model(models: Record) -> Tokens:
    """Their sum in a `modelUsage`."""
    return reduce(add, map(_of_model, map(as_object, models.values())), Tokens())


def _of_model(usage: Record) -> Tokens:
    written = count(usage, "cacheCreationInputTokens")
    for_an_hour = count(usage, "cacheCreationEphemeral1hInputTokens")
    return Tokens(
        fresh=count(usage, "inputTokens"),
        cache_read=count(usage, "cacheReadInputTokens"),
        cache_write_5m=written - for_an_hour,
        cache_write_1h=for_an_hour,
        output=count(usage, "outputTokens"),
        reasoning=count(usage, "thinkingTokens"),
        searches=count(usage, "webSearchRequests"),
    )


def settle(spending: Spending, record: Record) -> bool:
    """Takes the session's total that a `cost-state` is, with side calls and subagents; whether it is one.

    One that knows less than its file is of a later process that began to count anew.
    """
    models, cost = obj(record, "modelUsage"), number(record, "totalCostUSD")
    tokens = tokens_by_model(models)
    if cost is None or tokens.input < spending.tokens.input or tokens.output < spending.tokens.output:
        return False
    unpriced = _without_price(models) if record.get("hasUnknownModelCost") is True else ""
    spending.replace(tokens, float(cost), unpriced)
    return True


def _without_price(models: Mapping[str, object]) -> str:
    free = (name for name, usage in models.items() if not number(as_object(usage), "costUSD"))
    return next(free, NAMELESS)
