"""Agents that tell running totals: what each grew by is a call, of the model of that moment."""

from typing import Any

import pytest

from sentryvibe_tui.agents.codex.session import CodexRollout
from sentryvibe_tui.agents.common.spending import RunningTotals
from sentryvibe_tui.agents.common.tokens import Tokens

PARENT, CHILD = "01a00000-0000-7000-8000-000000000000", "01a10000-0000-7000-8000-000000000000"


def test_calls_of_two_models_cost_what_each_does() -> None:
    totals = RunningTotals()
    totals.grown("gpt-5", Tokens(fresh=1_000_000), None)
    usage = totals.grown("gpt-5-mini", Tokens(fresh=2_000_000), None)
    assert usage.input_tokens == 2_000_000
    assert usage.cost_usd == pytest.approx(1.25 + 0.25)


def test_a_total_that_begins_anew_is_added() -> None:
    totals = RunningTotals()
    totals.grown("gpt-5", Tokens(fresh=100, output=5), None)
    assert totals.grown("gpt-5", Tokens(fresh=10, output=1), None).input_tokens == 110


def counted(at: str, went_in: int, cached: int, out: int) -> dict[str, Any]:
    usage = {"input_tokens": went_in, "cached_input_tokens": cached, "output_tokens": out}
    payload = {"type": "token_count", "info": {"total_token_usage": usage}}
    return {"timestamp": at, "type": "event_msg", "payload": payload}


def test_a_fork_does_not_count_what_its_parent_used(fold: Any, run: Any) -> None:
    def line(kind: str, **payload: Any) -> dict[str, Any]:
        return {"timestamp": "2026-11-28T09:00:00Z", "type": kind, "payload": payload}

    state = fold(run(
        CodexRollout(),
        line("session_meta", id=CHILD, cwd="/w", cli_version="0.171.0", timestamp="2026-11-28T09:00:00Z"),
        line("session_meta", id=PARENT, cwd="/w", cli_version="0.171.0"),
        line("turn_context", turn_id="01a00000-0000-7000-8000-000000000001", model="gpt-5"),
        counted("2026-11-28T09:00:00Z", 5000, 4000, 500),
        line("turn_context", turn_id="01a20000-0000-7000-8000-000000000001", model="gpt-5"),
        counted("2026-11-28T09:01:00Z", 6000, 4900, 510),
    ))  # fmt: skip
    usage = state.usage
    assert (usage.input_tokens, usage.cache_read_tokens, usage.output_tokens) == (1000, 900, 10)
    assert usage.cost_usd == pytest.approx((100 * 1.25 + 900 * 0.125 + 10 * 10) / 1e6)
