"""What every store does: each of these stories is told to each of them (conftest.py)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sentryvibe_tui.errors import EventDiffers
from sentryvibe_tui.model.reducer import apply
from sentryvibe_tui.model.state import BuildState, Note
from sentryvibe_tui.store import appending
from sentryvibe_tui.store.contract import Accepted, BuildFilter, BuildKey, Commit, Expiry, Store
from sentryvibe_tui.wire.envelope import EventEnvelope

from .conftest import Fresh, Place

KEY = BuildKey("p", "s", "b")
Make = Callable[..., EventEnvelope]


async def folded(store: Store, key: BuildKey = KEY) -> BuildState:
    state = BuildState()
    for logged in await store.read(key, 0, 1_000_000):
        assert logged.version == state.version + 1
        state = apply(state, logged.entry())
    return state


async def test_an_append_is_answered_with_the_head_and_the_state_is_the_fold_of_the_log(
    place: Place, posted: Make
) -> None:
    store = await place.open()
    answer = await store.append([posted("start"), posted("text-delta", id="x", delta="hello")], 5)
    assert (answer.accepted, answer.duplicates, answer.version) == (2, 0, 2)
    state = await store.state(KEY)
    assert state is not None
    assert state == await folded(store)
    assert state.started_at == 5
    await store.close()


async def test_everything_is_there_after_a_restart(place: Place, posted: Make) -> None:
    store = await place.open()
    await store.append([posted("start"), posted("tool-call", toolCallId="t", toolName="Read", input={"a": 1})], 5)
    before, epoch = await store.state(KEY), store.epoch
    await store.close()
    again = await place.open()
    assert again.epoch == epoch
    assert await again.state(KEY) == before
    assert await again.active_builds() == (KEY,)
    answer = await again.append([posted("build-completed")], 6)
    assert answer.version == 3
    assert await again.active_builds() == ()
    await again.close()


async def test_a_repeated_event_id_changes_nothing_in_any_order(place: Place, posted: Make) -> None:
    store = await place.open()
    one = posted("text-delta", event_id="e1", id="x", delta="a")
    answer = await store.append([one, one], 1)
    assert (answer.accepted, answer.duplicates, answer.version) == (1, 1, 1)
    assert (await store.append([one], 2)).duplicates == 1
    await store.close()
    store = await place.open()
    assert (await store.append([one], 3)).duplicates == 1
    other_build = posted("text-delta", event_id="e1", build="b2", id="x", delta="a")
    assert (await store.append([other_build], 4)).duplicates == 0
    state = await store.state(KEY)
    assert state is not None
    assert [note.text for note in state.notes()] == ["a"]
    await store.close()


async def test_an_event_that_changes_nothing_gets_no_version_but_is_remembered(place: Place, posted: Make) -> None:
    store = await place.open()
    nothing = posted("finish", event_id="f")
    assert (await store.append([nothing], 1)).version == 0
    assert (await store.append([nothing], 1)).duplicates == 1
    assert await store.state(KEY) is None
    assert await store.builds("p", 5) == ()
    await store.close()


async def test_whoever_hears_of_commits_and_fails_stops_nobody(place: Place, posted: Make) -> None:
    def fails(commits: object) -> None:
        raise RuntimeError("no screen")

    store = await place.open()
    store.on_commit(fails)
    for version in (1, 2, 3):
        answer = await store.append([posted("text-delta", id="x", delta="hi")], 5)
        assert answer.version == version
    await store.close()


async def test_appends_that_wait_together_are_committed_together_and_in_order(place: Place, posted: Make) -> None:
    store = await place.open()
    heard: list[Commit] = []
    answered: list[int] = []
    store.on_commit(heard.extend)

    async def one(number: int) -> None:
        answer = await store.append([posted("text-delta", id="x", delta=f"{number},")], 1)
        answered.append(answer.version)

    await asyncio.gather(*(one(number) for number in range(200)))
    assert sorted(answered) == list(range(1, 201))
    state = await store.state(KEY)
    assert state is not None
    assert next(state.notes()).text == "".join(f"{number}," for number in range(200))
    assert [entry.version for commit in heard for entry in commit.entries] == list(range(1, 201))
    assert len(heard) < 200
    await store.close()


async def test_large_values_travel_clipped_and_are_kept_whole(place: Place, posted: Make) -> None:
    store = await place.open()
    big = {"file_path": "/a", "content": "x" * 20_000}
    await store.append([posted("tool-call", toolCallId="t", toolName="Write", input=big)], 1)
    await store.append([posted("tool-result", toolCallId="t", output="ok")], 2)
    (first, _) = await store.read(KEY, 0, 10)
    assert len(first.updates) < 6000
    found = await store.find_tool("s", "t")
    assert found is not None
    assert found.input is not None
    assert len(bytes(found.input)) > 20_000
    assert bytes(found.output or b"") == b'"ok"'
    assert await store.find_tool("s", "nope") is None
    assert await store.find_tool("s", "t", "other build") is None
    assert await store.find_tool("s", "t", project_id="other project") is None
    await store.close()


async def test_a_value_that_was_large_once_is_what_the_call_says_now(place: Place, posted: Make) -> None:
    store = await place.open()
    call = {"toolCallId": "t", "toolName": "Bash"}
    await store.append([posted("tool-input-available", input={"command": "x" * 9000}, **call)], 1)
    await store.append([posted("tool-input-available", input={"command": "short"}, **call)], 2)
    found, state = await store.find_tool("s", "t"), await store.state(KEY)
    assert found is not None
    assert state is not None
    tool = state.tool("t")
    assert tool is not None
    assert (found.input, tool.input_bytes) == (tool.input, 0)
    await store.close()


async def test_projects_are_named_once_a_name_is_said_and_slugs_do_not_clash(place: Place, posted: Make) -> None:
    store = await place.open()
    await store.append([posted("start", project="id-1")], 1)
    await store.append([posted("start", project="id-1", projectName="My Shop!")], 2)
    await store.append([posted("start", project="id-2", projectName="my shop")], 3)
    await store.append([posted("start", project="id-1", projectName="Other")], 4)
    known = {project.id: (project.name, project.slug) for project in await store.projects()}
    assert known == {"id-1": ("My Shop!", "my-shop"), "id-2": ("my shop", "my-shop-2")}
    assert [project.id for project in await store.projects()] == ["id-2", "id-1"]
    await store.close()


async def test_builds_are_listed_newest_first_and_found_by_what_is_known(place: Place, posted: Make) -> None:
    store = await place.open()
    for number in range(4):
        await store.append([posted("start", build=f"b{number}", session=f"s{number % 2}")], number)
    assert [row.build_id for row in await store.builds("p", 3)] == ["b3", "b2", "b1"]
    newest, in_session = await store.find_build("p"), await store.find_build("p", "s0")
    assert newest is not None
    assert in_session is not None
    assert (newest.key.build_id, in_session.key.build_id) == ("b3", "b2")
    assert await store.find_build("p", "s0", "b1") is None
    await store.close()


async def test_the_build_that_is_meant_does_not_depend_on_the_order_of_arrival(fresh: Fresh, posted: Make) -> None:
    builds = {
        "waits": [("start", 50), ("needs-input", 60)],
        "failed": [("start", 40), ("build-failed", 90)],
        "spring": [("start", 1), ("build-completed", 5)],
    }
    for order in permutations(builds):
        store = await fresh().open()
        for build in order:
            events = [posted(kind, build=build, session=build, at=at, message="which?") for kind, at in builds[build]]
            await store.append(events, 1_000)
        assert [row.build_id for row in await store.builds("p", 9)] == ["waits", "failed", "spring"]
        meant = await store.find_build("p")
        assert meant is not None
        assert (meant.key.build_id, meant.at) == ("waits", 60)
        await store.close()


async def test_one_event_that_cannot_be_kept_fails_alone(
    place: Place, posted: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await place.open()
    real = appending.reduce

    def fragile(state: object, event: object, *rest: object) -> object:
        if getattr(event, "text", "") == "poison":
            raise ValueError("poison")
        return real(state, event, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(appending, "reduce", fragile)
    texts = ["a", "poison", "b"]
    answers = await asyncio.gather(
        *(store.append([posted("text-delta", id="x", delta=text)], 1) for text in texts), return_exceptions=True
    )
    assert isinstance(answers[1], ValueError)
    assert not isinstance(answers[0], Exception)
    assert not isinstance(answers[2], Exception)
    state = await store.state(KEY)
    assert state is not None
    assert next(state.notes()).text == "ab"
    assert state == await folded(store)
    await store.close()


_EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["tool-call", "tool-result", "text-delta", "start", "build-completed", "todos"]),
        st.integers(0, 3),
        st.sampled_from(["b1", "b2"]),
        st.sampled_from(["", "e1", "e2", "e3"]),
    ),
    max_size=30,
)


_FIELDS: dict[str, Callable[[int], dict[str, object]]] = {
    "tool-call": lambda n: {"toolCallId": f"t{n}", "toolName": "Read", "input": {"n": n}},
    "tool-result": lambda n: {"toolCallId": f"t{n}", "output": n},
    "text-delta": lambda n: {"id": f"x{n}", "delta": "hi "},
    "todos": lambda n: {"todos": [{"content": f"c{i}", "status": "pending"} for i in range(n)]},
}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=_EVENTS)
async def test_whatever_comes_the_state_after_a_restart_is_the_fold_of_the_log(
    fresh: Fresh, posted: Make, events: list[tuple[str, int, str, str]]
) -> None:
    place = fresh()
    store = await place.open()
    for kind, number, build, event_id in events:
        fields = _FIELDS.get(kind, lambda _: {})(number)
        with suppress(EventDiffers):
            await store.append([posted(kind, build=build, event_id=event_id, **fields)], 1000 + number)
    live = {build: await store.state(BuildKey("p", "s", build)) for build in ("b1", "b2")}
    await store.close()
    store = await place.open()
    for build, state in live.items():
        key = BuildKey("p", "s", build)
        assert await store.state(key) == state
        assert (await folded(store, key)) == (state or BuildState())
    await store.close()


async def test_another_event_of_the_same_id_is_refused_and_named(place: Place, posted: Make) -> None:
    store = await place.open()
    one = posted("text-delta", event_id="e1", id="x", delta="a")
    others = (
        posted("text-delta", event_id="e1", id="x", delta="b"),
        posted("text", event_id="e1", id="x", text="a"),
        posted("plan", event_id="e1", text="a"),
    )
    assert (await store.append([one], 1)).accepted == 1
    for _ in range(2):
        for other in others:
            with pytest.raises(EventDiffers, match="'e1' came before with another body"):
                await store.append([posted("plan", text="p"), other], 2)
        assert await store.append([one], 2) == Accepted(0, 1, 1)
        await store.close()
        store = await place.open()
    answers = await asyncio.gather(
        *(store.append([event], 3) for event in (posted("plan", text="q"), others[0])), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [Accepted, EventDiffers]
    await store.close()


async def test_builds_of_all_projects_in_pages_the_latest_first(place: Place, posted: Make) -> None:
    store = await place.open()
    for number in range(5):
        events = [posted("start", build=f"b{number}", project=f"p{number % 2}", at=10 * number + 1)]
        if number % 2:
            events.append(posted("build-completed", build=f"b{number}", project=f"p{number % 2}", at=10 * number + 2))
        await store.append(events, 100)
    pages, after = [], None
    while True:
        page = await store.all_builds(BuildFilter(after=after), 2)
        pages.append([build.build_id for build in page.builds])
        after = page.next
        if after is None:
            break
    assert [name for names in pages for name in names] == ["b4", "b3", "b2", "b1", "b0"]
    assert all(len(names) <= 2 for names in pages)

    async def chosen(build_filter: BuildFilter) -> list[str]:
        return [build.build_id for build in (await store.all_builds(build_filter, 100)).builds]

    assert await chosen(BuildFilter(active=True)) == ["b4", "b2", "b0"]
    assert await chosen(BuildFilter(active=False)) == ["b3", "b1"]
    assert await chosen(BuildFilter("p1")) == ["b3", "b1"]
    assert await chosen(BuildFilter(since=22)) == ["b4", "b3"]
    await store.close()


async def test_a_commit_brings_the_summary_that_a_list_has(place: Place, posted: Make) -> None:
    store = await place.open()
    commits: list[Commit] = []
    store.on_commit(commits.extend)
    call = posted("tool-input-available", toolCallId="t", toolName="Bash", input={"command": "ls"})
    await store.append([posted("start"), call], 5)
    (listed,) = (await store.all_builds(BuildFilter(), 10)).builds
    assert commits[-1].summary == listed
    assert (listed.now, listed.tools, listed.project_name) == ("Bash ls", 1, "p")
    await store.close()


async def test_a_deleted_build_is_gone_with_all_it_had_and_others_stay(place: Place, posted: Make) -> None:
    store = await place.open()
    large = "x" * 100_000
    for build in ("old", "new"):
        events = [posted("start", event_id="e", build=build, session=build)]
        events += [posted("text-delta", build=build, session=build, id=f"t{i}", delta="a") for i in range(2500)]
        tool = {"toolCallId": "t", "toolName": "Read", "build": build, "session": build}
        await store.append([*events, posted("tool-call", input={"a": large}, **tool)], 5)
    old, new = BuildKey("p", "old", "old"), BuildKey("p", "new", "new")
    assert not await store.delete(old)  # it goes on
    await store.append([posted("build-completed", build="old", session="old")], 6)
    assert await store.delete(old)
    assert not await store.delete(old)
    assert await store.state(old) is None
    assert await store.find_tool("old", "t") is None
    assert [row.build_id for row in await store.builds("p", 9)] == ["new"]
    again = await store.append([posted("start", event_id="e", build="old", session="old")], 7)
    assert (again.accepted, again.duplicates, again.version) == (1, 0, 1)
    epoch = store.epoch
    await store.close()
    store = await place.open()
    assert store.epoch == epoch
    state = await store.state(new)
    assert state is not None
    assert state.version == 2502
    assert await store.read(old, 0, 10) != ()
    await store.close()


async def test_a_project_goes_with_its_last_build(place: Place, posted: Make) -> None:
    store = await place.open()
    await store.append([posted("start"), posted("build-completed")], 5)
    assert await store.delete(KEY)
    assert (await store.projects(), await store.project("p")) == ((), None)
    assert (await store.append([posted("start")], 6)).version == 1
    assert len(await store.projects()) == 1
    await store.close()


async def test_expired_are_those_that_ended_long_ago_and_are_not_meant(place: Place, posted: Make) -> None:
    store = await place.open()
    kinds = {
        "a": "build-completed",
        "b": "build-failed",
        "c": "text-delta",
        "d": "build-completed",
        "e": "build-completed",
    }
    for number, (build, kind) in enumerate(kinds.items()):
        which = {"project": "q" if build in "de" else "p", "build": build, "session": build}
        events = [posted("start", **which), posted(kind, **which)]
        await store.append(events, 1000 + number)

    async def expired(expiry: Expiry, limit: int = 10) -> list[tuple[str, int]]:
        return [(build.key.build_id, build.entries) for build in await store.expired(expiry, limit)]

    assert await expired(Expiry(9000)) == [("a", 2), ("b", 2), ("d", 2)]
    assert await expired(Expiry(1001)) == [("a", 2)]
    assert await expired(Expiry(9000), 1) == [("a", 2)]
    assert await expired(Expiry(9000, keep=2)) == [("a", 2)]
    assert await expired(Expiry(9000, keep=3)) == []
    assert await expired(Expiry(9000, project_id="q")) == [("d", 2)]
    await store.close()


async def test_a_damaged_build_that_is_discarded_goes_as_one_that_is_deleted_and_the_epoch_stays(
    place: Place, posted: Make
) -> None:
    """Who had it sees by the time of its last entry that what stands under that version now is another."""
    store = await place.open()
    for build in ("bad", "good"):
        await store.append([posted("start", build=build, projectName="Shop"), posted("text", build=build, text="x")], 1)
    await store.close()
    await place.run("UPDATE builds SET status = 'damaged' WHERE build_id = 'bad'")
    store = await place.open()
    assert not await store.discard(BuildKey("p", "s", "good"))
    assert await store.discard(BuildKey("p", "s", "bad"))
    assert not await store.discard(BuildKey("p", "s", "bad"))
    assert [row.build_id for row in await store.builds("p", 9)] == ["good"]
    epoch = store.epoch
    await store.close()
    store = await place.open()
    assert store.epoch == epoch
    assert (await store.append([posted("start", build="bad")], 2)).version == 1
    await store.close()


async def test_a_build_of_which_something_came_since_it_was_listed_is_not_deleted_as_old(
    place: Place, posted: Make
) -> None:
    """An old session that is taken in once more, while old builds are deleted, ends in the same commit."""
    store = await place.open()
    for build in ("old", "new"):
        await store.append([posted("start", build=build), posted("build-completed", build=build)], 1_000)
    expiry = Expiry(5_000)
    (listed,) = await store.expired(expiry, 9)
    again = [posted(kind, build=listed.key.build_id, id="x", text="more") for kind in ("text", "build-completed")]
    await store.append(again, 9_000)
    assert not await store.delete(listed.key, expiry.before)
    assert await store.state(listed.key) is not None
    assert await store.delete(listed.key)
    await store.close()


@pytest.mark.parametrize("words", ["a\0b", "\ud800 alone", "\U0001f600", "\u2028\r\x1b[31m"], ids=ascii)
async def test_what_an_agent_says_may_have_any_letter(place: Place, posted: Make, words: str) -> None:
    """PostgreSQL's text and its JSON take neither U+0000 nor half of a pair: what travels is bytes there."""
    store = await place.open()
    call = {"toolCallId": "t", "toolName": "Bash"}
    await store.append([posted("text", id="x", text=words)], 1)
    await store.append([posted("tool-call", **call, input={"command": words * 20_000})], 2)
    state = await store.state(KEY)
    assert state is not None
    (said,) = [item.text for item in state.items() if isinstance(item, Note)]
    assert said == words.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    tool = await store.find_tool("s", "t")
    assert tool is not None
    assert tool.input is not None
    assert json.loads(bytes(tool.input))["command"] == said * 20_000
    await store.close()
    store = await place.open()
    assert await store.state(BuildKey("p", "s", "b")) == state
    await store.close()
