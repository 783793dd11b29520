"""Tokens and cost in words: what is estimated, cached or without a price says so."""

import pytest

from sentryvibe_tui.model.usage import Usage
from sentryvibe_tui.report.plain import usage_facts


@pytest.mark.parametrize(
    ("usage", "words"),
    [
        (Usage(), []),
        (Usage(16_500_000, 41_000, 16_010_000), ["16M tokens in (97% cached)", "41k tokens out"]),
        (Usage(5, None, 0, 1.12), ["5 tokens in", "$1.12"]),
        (Usage(cost_usd=1.12, cost_estimated=True), ["$1.12 estimated"]),
        (Usage(unpriced="mock\x1b[31m"), ["no price for mock"]),
    ],
)
def test_words(usage: Usage, words: list[str]) -> None:
    assert usage_facts(usage) == words
