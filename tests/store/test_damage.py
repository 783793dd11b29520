"""A build whose stored entries cannot be read: it is told, marked and can be deleted, and others are served as ever."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from sentryvibe_tui.errors import StoreUnavailable
from sentryvibe_tui.store.contract import BuildDamaged, BuildKey
from sentryvibe_tui.store.sqlite import DATABASE, SqliteStore, ledger
from sentryvibe_tui.store.sqlite.queries import place
from sentryvibe_tui.wire.envelope import EventEnvelope

Make = Callable[..., EventEnvelope]
BAD, GOOD = BuildKey("p", "s", "bad"), BuildKey("p", "s", "good")

DAMAGES = {
    "an entry that is no JSON": f"UPDATE entries SET updates = x'ff00' WHERE place = {place(1, 2)}",
    "an entry that is text": f"UPDATE entries SET updates = 'words' WHERE place = {place(1, 2)}",
    "an entry of another shape": f"UPDATE entries SET updates = CAST('[]' AS BLOB) WHERE place = {place(1, 2)}",
    "a missing entry": f"DELETE FROM entries WHERE place = {place(1, 2)}",
    "a missing end": f"DELETE FROM entries WHERE place = {place(1, 3)}",
}


def change(directory: Path, statement: str) -> None:
    with closing(sqlite3.connect(directory / DATABASE, isolation_level=None)) as db:
        assert db.execute(statement).rowcount == 1


@pytest.fixture
async def directory(tmp_path: Path, posted: Make, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of two builds of three entries each, without snapshots; the second one is the good one."""
    monkeypatch.setattr(ledger.Ledger, "close", lambda self, _: self._db.close())
    store = await SqliteStore.open(tmp_path)
    for build in ("bad", "good"):
        await store.append([posted("text-delta", build=build, id="x", delta=f"{number}") for number in range(3)], 1)
    await store.close()
    return tmp_path


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
async def test_a_damaged_build_is_told_marked_and_deleted_and_others_go_on(
    directory: Path, posted: Make, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    change(directory, damage)
    store = await SqliteStore.open(directory)
    more = posted("text-delta", build="bad", id="x", delta="more")
    for _ in range(2):
        with pytest.raises(BuildDamaged, match="'bad' of project 'p' is damaged"):
            await store.state(BAD)
        with pytest.raises(BuildDamaged, match="discard"):
            await store.append([more], 2)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "'bad' of project 'p' is damaged" in caplog.text
    good, bad = await store.builds("p", 9)
    assert (good.damaged, bad.build_id, bad.status) == ("", "bad", "interrupted")
    assert "entry" in bad.damaged
    assert await store.active_builds() == (GOOD,)
    assert (await store.append([posted("plan", build="good", text="p")], 3)).version == 4
    assert not await store.discard(GOOD)
    assert await store.discard(BAD)
    assert not await store.discard(BAD)
    assert await store.state(BAD) is None
    assert [row.build_id for row in await store.builds("p", 9)] == ["good"]
    assert (await store.append([more], 4)).version == 1
    await store.close()


async def test_a_mark_stays(directory: Path) -> None:
    change(directory, DAMAGES["an entry that is no JSON"])
    store = await SqliteStore.open(directory)
    with pytest.raises(BuildDamaged):
        await store.state(BAD)
    await store.close()
    again = await SqliteStore.open(directory)
    assert again.epoch == store.epoch
    assert [bool(row.damaged) for row in await again.builds("p", 9)] == [False, True]
    await again.close()


async def test_the_newest_build_is_the_newest_that_can_be_read(directory: Path, posted: Make) -> None:
    change(directory, DAMAGES["an entry that is no JSON"].replace(str(place(1, 2)), str(place(2, 2))))
    store = await SqliteStore.open(directory)
    with pytest.raises(BuildDamaged):
        await store.state(GOOD)
    newest, asked = await store.find_build("p"), await store.find_build("p", "s", "good")
    assert newest is not None
    assert asked is not None
    assert (newest.key, asked.key) == (BAD, GOOD)
    await store.close()


async def test_posts_that_share_a_commit_with_a_damaged_build_are_kept(directory: Path, posted: Make) -> None:
    change(directory, DAMAGES["a missing entry"])
    store = await SqliteStore.open(directory)
    answers = [store.append([posted("plan", build=build, text="p")], 2) for build in ("good", "bad", "new")]
    assert (await answers[0]).version == 4
    with pytest.raises(BuildDamaged):
        await answers[1]
    assert (await answers[2]).version == 1
    await store.close()


async def test_a_damaged_snapshot_is_left_out(tmp_path: Path, posted: Make, caplog: pytest.LogCaptureFixture) -> None:
    store = await SqliteStore.open(tmp_path)
    await store.append([posted("plan", text="p"), posted("build-completed")], 1)
    before = await store.state(BuildKey("p", "s", "b"))
    await store.close()
    change(tmp_path, "UPDATE snapshots SET state = x'00'")
    again = await SqliteStore.open(tmp_path)
    assert await again.state(BuildKey("p", "s", "b")) == before
    assert "a snapshot is damaged" in caplog.text
    await again.close()


async def test_entries_that_mean_nothing_are_not_read_out(directory: Path) -> None:
    change(directory, DAMAGES["an entry that is no JSON"])
    store = await SqliteStore.open(directory)
    with pytest.raises(BuildDamaged):
        await store.read(BAD, 0, 10)
    assert len(await store.read(BAD, 2, 10)) == 1
    await store.close()


async def test_a_line_of_the_list_that_cannot_be_read_hides_no_other(directory: Path) -> None:
    change(directory, "UPDATE builds SET row = x'7b' WHERE log = 1")
    store = await SqliteStore.open(directory)
    good, bad = await store.builds("p", 9)
    assert (good.build_id, good.damaged, bad.build_id) == ("good", "", "bad")
    assert "cannot be read" in bad.damaged
    await store.close()


async def test_a_whole_value_that_cannot_be_read_is_said(tmp_path: Path, posted: Make) -> None:
    store = await SqliteStore.open(tmp_path)
    await store.append([posted("tool-result", toolCallId="t", output="x" * 20_000)], 1)
    await store.close()
    change(tmp_path, "UPDATE blobs SET value = x'22'")
    again = await SqliteStore.open(tmp_path)
    with pytest.raises(StoreUnavailable, match="a stored value of this call is damaged"):
        await again.find_tool("s", "t")
    await again.close()


async def _closed(directory: Path) -> SqliteStore:
    store = await SqliteStore.open(directory)
    await store.close()
    return store
