"""What the beginning of an id means."""

import pytest

from sentryvibe_tui.client.choice import NoSuchSession, choose_builds, choose_session
from sentryvibe_tui.model.summary import BuildSummary


def build(session: str, ident: str) -> BuildSummary:
    return BuildSummary(project_id="shop", session_id=session, build_id=ident)


BUILDS = [build("one", "b1"), build("one", "b2"), build("one-more", "b10"), build("two", "c1")]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("b1", ["b1"]),
        ("b", ["b1", "b2", "b10"]),
        ("one", ["b1", "b2"]),
        ("one-", ["b10"]),
        ("x", []),
        ("", ["b1", "b2", "b10", "c1"]),
    ],
)
def test_an_id_means_its_build_also_where_another_begins_so(text: str, ids: list[str]) -> None:
    assert [build.build_id for build in choose_builds(text, BUILDS)] == ids


def test_the_beginning_of_one_session_is_that_session() -> None:
    assert choose_session("tw", ["one", "two", "one"]) == "two"
    assert choose_session("one", ["one", "one-more"]) == "one"


@pytest.mark.parametrize(
    ("text", "words"),
    [("on", "'on' is one of several: one, one-more"), ("x", "no session 'x'; there are: one, one-more, two")],
)
def test_other_texts_are_told_with_what_there_is(text: str, words: str) -> None:
    with pytest.raises(NoSuchSession, match=words):
        choose_session(text, ["one", "one-more", "two", "one"])


def test_where_there_is_no_session_that_is_said() -> None:
    with pytest.raises(NoSuchSession, match="there are: none yet"):
        choose_session("x", [])
