"""All agents in one line."""

import pytest

from sentryvibe_tui.model.totals import Totals
from sentryvibe_tui.report.status_line import BadFormat, status_line

BUSY = Totals(3, 1, 0, 2, cost_usd=3.1, question="Bash npm publish", project="Shop", asked_at=60_000)


@pytest.mark.parametrize(
    ("found", "form", "line"),
    [
        (BUSY, "", "3▶ 1? $3.10"),
        (Totals(), "", ""),
        (Totals(waiting=1), "", "1◌"),
        (Totals(cost_usd=0.0), "", ""),
        (BUSY, "{needs} {asked} {project}: {question}", "1 3m Shop: Bash npm publish"),
        (BUSY, "{active}/{ended} {{x}}", "6/0 {x}"),
        (Totals(question="\x1b[31mx\ny"), "{question}", "x y"),
        (Totals(), "{cost}|{asked}", "|"),
    ],
)
def test_line(found: Totals, form: str, line: str) -> None:
    assert status_line(found, 240_000, form) == line


@pytest.mark.parametrize("form", ["{nope}", "{", "{0}", "{cost.real}", "{working:zz}"])
def test_a_format_that_is_none_says_what_there_is(form: str) -> None:
    with pytest.raises(BadFormat, match=r"fields are \{working\}"):
        status_line(Totals(), 0, form)
