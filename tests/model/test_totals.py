"""Many builds in a few figures."""

from msgspec.structs import replace

from sentryvibe_tui.model.activity import Activity
from sentryvibe_tui.model.summary import BuildSummary, OpenRequest
from sentryvibe_tui.model.totals import Totals, figures_of, named, totals, totals_named

WORKS = BuildSummary("p", "s", "w", project_name="Shop", cost_usd=1.0)
ASKS = replace(
    WORKS,
    build_id="a",
    activity=Activity("waiting-person", 9_000, "which?"),
    requests=(OpenRequest("r", title="which?", since=9_000),),
)
LATER = replace(ASKS, build_id="b", project_name="Docs", requests=(OpenRequest("q", title="what?", since=9_500),))


def test_an_agent_that_is_seen_to_live_on_after_its_turn_is_idle() -> None:
    """As the overview has it: one of which only its file tells may have ended."""
    rests = replace(WORKS, status="completed", activity=Activity("idle", 5, source="registry"))
    builds = [rests, replace(rests, activity=Activity("idle", 5, source="file")), replace(rests, status="interrupted")]
    found = totals(map(figures_of, builds))
    assert (found.idle, found.ended, found.active) == (1, 2, 1)


def test_each_build_counts_once_and_the_oldest_question_is_told() -> None:
    builds = [
        WORKS,
        LATER,
        ASKS,
        replace(WORKS, activity=Activity("waiting-machine")),
        replace(WORKS, activity=Activity("idle"), cost_usd=None),
        replace(WORKS, status="failed", cost_usd=0.5, cost_estimated=True),
        replace(WORKS, status="cancelled", cost_usd=None),
    ]
    found = totals(map(figures_of, builds))
    assert (found.working, found.needs_input, found.waiting, found.idle, found.failed, found.ended) == (
        1,
        2,
        1,
        1,
        1,
        1,
    )
    assert (found.active, found.cost_usd, found.cost_estimated) == (5, 4.5, True)
    assert (found.question, found.project, found.asked_at) == ("which?", "Shop", 9_000)


def test_what_a_register_puts_before_a_question_is_not_said() -> None:
    asks = replace(ASKS, requests=(OpenRequest("r", title="input needed: which?", since=1),))
    assert totals([figures_of(asks)]).question == "which?"


def test_nothing_is_nothing() -> None:
    assert totals([]) == Totals()


def test_in_json_the_names_are_as_everywhere() -> None:
    found = Totals(1, 2, cost_usd=0.5, asked_at=7)
    assert named(found)["needsInput"] == 2
    assert named(found)["askedAt"] == 7
    assert totals_named(named(found)) == found
    assert totals_named({"needsInput": None, "new": 1}) == Totals()
