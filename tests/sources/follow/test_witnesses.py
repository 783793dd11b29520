"""What witnesses tell waits for its session's build, joins it in order, and is masked."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from sentryvibe_tui.agents.common.live import Sighting, polled
from sentryvibe_tui.agents.redact import Redactor
from sentryvibe_tui.model.events import About, ActivityReported, BuildStarted, TextAdded
from sentryvibe_tui.model.facts import BuildEnded
from sentryvibe_tui.sources.follow.witnesses import GRACE, SIGHTINGS_LIMIT, Witnesses, witnesses

NOW = 1_800_000_000_000
ABOUT = About("shop", "s", "s")
WORKING = ActivityReported("working", source="registry")
IDLE = ActivityReported("idle", source="registry")


def listening(redactor: Redactor | None = None) -> Witnesses:
    return Witnesses({}, lambda _: None, redactor)


def test_what_is_seen_joins_in_order_with_its_times_and_the_same_ids_again() -> None:
    ids: list[list[str | None]] = []
    for _ in range(2):
        seen = listening()
        for at in (1, 2):
            seen.take(Sighting("s", WORKING, NOW + at), NOW)
        seen.take(Sighting("s", IDLE, None, id="own"), NOW + 3)
        posted = seen.due("s", ABOUT, NOW + 9)
        assert [one.at for one in posted] == [NOW + 1, NOW + 2, NOW + 3], "what waited is not of now"
        ids.append([one.event_id for one in posted])
        assert seen.sessions() == seen.due("s", ABOUT, NOW + 9) == []
    assert ids[0] == ids[1]
    assert len({*ids[0]}) == 3
    assert ids[0][2] == "live-own"


@pytest.mark.parametrize("rest", [IDLE, BuildEnded("interrupted", source="registry")])
def test_the_end_of_a_turn_waits_for_the_file_that_says_how(rest: ActivityReported | BuildEnded) -> None:
    seen = listening()
    seen.take(Sighting("s", WORKING, NOW), NOW)
    seen.take(Sighting("s", rest, NOW + 1), NOW)
    assert [one.event for one in seen.due("s", ABOUT, NOW + GRACE)] == [WORKING]
    assert [one.event for one in seen.due("s", ABOUT, NOW + 1 + GRACE)] == [rest]


def test_without_a_build_the_latest_are_kept_until_the_session_ends() -> None:
    seen = listening()
    for at in range(SIGHTINGS_LIMIT + 5):
        seen.take(Sighting("s", WORKING, NOW + at, "/w"), NOW)
    first = seen.first("s")
    assert first is not None
    assert first.at == NOW + SIGHTINGS_LIMIT + 4
    assert len(seen.due("s", ABOUT, NOW + 99)) == SIGHTINGS_LIMIT
    seen.take(Sighting("s", IDLE, NOW, "/w"), NOW)
    seen.take(Sighting("s", BuildEnded("interrupted"), NOW, "/w"), NOW)
    assert seen.first("s") is None


def test_a_sighted_start_with_a_directory_begins_a_build() -> None:
    seen, start = listening(), Sighting("s", BuildStarted(), NOW, "/w")
    for one in (Sighting("s", IDLE, NOW), start, Sighting("s", WORKING, NOW)):
        seen.take(one, NOW)
    assert seen.first("s") is start


def test_secrets_are_masked() -> None:
    seen = listening(Redactor())
    secret = "ghp_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hJ6"
    seen.take(Sighting("s", TextAdded("t", f"token {secret}", whole=True), NOW), NOW)
    (posted,) = seen.due("s", ABOUT, NOW)
    assert isinstance(posted.event, TextAdded)
    assert secret not in posted.event.text


class Tells:
    def __init__(self, *sightings: Sighting, broken: bool = False) -> None:
        self._sightings, self._broken = sightings, broken

    async def sightings(self) -> AsyncIterator[Sighting]:
        for sighting in self._sightings:
            yield sighting
        if self._broken:
            raise OSError("no such register")
        await asyncio.Event().wait()


async def test_a_witness_that_breaks_is_told_once_and_the_others_go_on() -> None:
    told: list[str] = []
    seen = Witnesses({"odd": Tells(broken=True), "fine": Tells(Sighting("s", WORKING, NOW))}, told.append)
    work = asyncio.create_task(seen.run())
    await seen.came.wait()
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    assert told == ["what runs of odd is only seen by its files from now on: OSError: no such register"]
    assert [one.event for one in seen.due("s", ABOUT, NOW)] == [WORKING]
    assert seen.vouch_for("s")


async def test_a_session_is_vouched_for_until_it_ends_or_its_witness_does() -> None:
    seen = Witnesses({"odd": Tells(Sighting("s", WORKING, NOW), broken=True)}, lambda _: None)
    seen.take(Sighting("t", IDLE, NOW), NOW)
    assert seen.vouch_for("t")
    seen.take(Sighting("t", BuildEnded("interrupted"), NOW), NOW)
    assert not seen.vouch_for("t")
    await seen.run()
    assert not seen.vouch_for("s")


async def test_polling_looks_again_and_again() -> None:
    looks = iter([[], [Sighting("a", WORKING)], [Sighting("b", IDLE), Sighting("c", IDLE)]])
    found: list[str] = []
    async for sighting in polled(lambda: next(looks), every=0):
        found.append(sighting.session)
        if len(found) == 3:
            break
    assert found == ["a", "b", "c"]


def test_every_agent_with_a_register_has_a_witness(tmp_path: object) -> None:
    assert "claude" in witnesses({"HOME": str(tmp_path)})
