"""Every call counts once, with the most that was said of it; costs are the agent's own or those of the table."""

import builtins
import json
from typing import Any

import pytest

from sentryvibe_tui.agents.claude.session import ClaudeSession
from sentryvibe_tui.agents.common import prices
from sentryvibe_tui.agents.common.spending import Call, Spending
from sentryvibe_tui.agents.common.tokens import Tokens
from sentryvibe_tui.model.events import UsageReported

AT = 1_795_843_941_601
OPUS = Tokens(fresh=1000, cache_read=2000, cache_write_5m=300, output=50)


def test_a_call_that_grows_counts_once() -> None:
    spending = Spending()
    spending.add("m1", Call("claude-opus-5-5", Tokens(1000, output=1), AT))
    assert spending.add("m1", Call("claude-opus-5-5", OPUS, AT)) is not None
    assert spending.add("m1", Call("claude-opus-5-5", Tokens(1000, output=1), AT)) is None
    assert spending.tokens == OPUS
    assert spending.usage().cost_usd == pytest.approx(0.0069)


@pytest.mark.parametrize(
    ("model", "tokens", "cost"),
    [
        ("claude-opus-5-5", OPUS, 0.0069),
        ("claude-opus-5-5", Tokens(cache_write_1h=1000), 0.008),
        ("claude-opus-5-5", Tokens(searches=2), 0.02),
        ("claude-sonnet-4-5", Tokens(fresh=100_000, output=1000), 0.315),
        ("claude-sonnet-4-5", Tokens(fresh=100_000, cache_read=200_000, output=1000), 0.7425),
        ("gpt-5", Tokens(fresh=1_000_000, cache_read=1_000_000), 1.375),
    ],
)
def test_the_table_has_the_price_of_each_share(model: str, tokens: Tokens, cost: float) -> None:
    spending = Spending()
    spending.add("", Call(model, tokens, AT))
    assert spending.usage().cost_usd == pytest.approx(cost)
    assert spending.usage().cost_estimated
    assert spending.usage().price_table.startswith("genai-prices ")


def test_the_agents_own_figure_is_no_estimate() -> None:
    spending = Spending()
    spending.add("a", Call("claude-opus-5-5", OPUS, AT, 0.5))
    assert (spending.usage().cost_usd, spending.usage().cost_estimated) == (0.5, False)


def test_a_model_without_a_price_is_named() -> None:
    spending = Spending()
    spending.add("a", Call("mock-model", OPUS, AT))
    assert (spending.usage().cost_usd, spending.usage().unpriced) == (None, "mock-model")
    spending.add("b", Call("claude-opus-5-5", OPUS, AT))
    assert (spending.usage().cost_usd, spending.usage().unpriced) == (0.0069, "mock-model")


def test_what_was_spent_before_a_change_of_prices_keeps_its_price() -> None:
    cheap, dear = (prices.price_of("deepseek-chat", at) for at in (None, AT))
    assert cheap is not None
    assert dear is not None


def test_without_the_package_a_cost_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def absent(name: str, *args: Any) -> Any:
        if name.startswith("genai_prices"):
            raise ImportError(name)
        return real(name, *args)

    monkeypatch.setattr(builtins, "__import__", absent)
    prices._price.cache_clear()
    try:
        spending = Spending()
        spending.add("a", Call("claude-opus-5-5", OPUS, AT))
        assert (spending.usage().cost_usd, spending.usage().unpriced) == (None, "claude-opus-5-5")
        assert spending.usage().input_tokens == 3300
    finally:
        prices._price.cache_clear()


@pytest.mark.parametrize(
    ("model", "tokens", "percent"),
    [
        ("claude-haiku-4-5", 50_000, 25.0),
        ("claude-sonnet-4-5", 150_000, 75.0),
        ("claude-sonnet-4-5", 300_000, None),
        ("claude-fable-5", 50_000, 5.0),
        ("claude-opus-4-7", 50_000, None),
        ("claude-opus-4-7", 300_000, 30.0),
        ("mock-model", 50_000, None),
        ("claude-haiku-4-5", 0, None),
    ],
)
def test_a_session_file_tells_how_full_the_context_is_where_the_window_is_certain(
    model: str, tokens: int, percent: float | None
) -> None:
    """One that is a matter of plan and settings is so above the shorter one only; a subagent's is its own."""
    usage = {"input_tokens": 0, "cache_read_input_tokens": tokens, "output_tokens": 5}
    message = {"id": "m", "role": "assistant", "model": model, "content": [], "usage": usage}
    line = json.dumps({"type": "assistant", "sessionId": "s", "uuid": "u", "message": message}).encode() + b"\n"
    for parent, expected in (("", percent), ("call", None)):
        reported = [report.event for report in ClaudeSession(parent).feed(line)]
        assert [one.usage.context_percent for one in reported if isinstance(one, UsageReported)] == [expected]
