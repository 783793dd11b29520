"""The data directory or the database deleted or replaced while a server runs."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sentryvibe_tui.errors import StoreBroken, StoreUnavailable
from sentryvibe_tui.store.contract import Accepted, BuildKey
from sentryvibe_tui.store.sqlite import DATABASE, SqliteStore
from sentryvibe_tui.wire.envelope import EventEnvelope

Make = Callable[..., EventEnvelope]
KEY = BuildKey("p", "s", "b")


def _delete_directory(directory: Path) -> None:
    shutil.rmtree(directory)


def _delete_files(directory: Path) -> None:
    for file in directory.iterdir():
        file.unlink()


def _delete_database(directory: Path) -> None:
    (directory / DATABASE).unlink()


def _delete_log(directory: Path) -> None:
    (directory / f"{DATABASE}-wal").unlink()


def _replace_directory(directory: Path) -> None:
    shutil.copytree(directory, directory.with_name("copy"))
    shutil.rmtree(directory)
    directory.with_name("copy").rename(directory)


def _replace_database(directory: Path) -> None:
    shutil.copy(directory / DATABASE, directory / "copy")
    (directory / "copy").replace(directory / DATABASE)


@pytest.mark.parametrize(
    "happens",
    [_delete_directory, _delete_files, _delete_database, _delete_log, _replace_directory, _replace_database],
)
async def test_nothing_is_acknowledged_that_would_not_be_found_again(
    tmp_path: Path, posted: Make, caplog: pytest.LogCaptureFixture, happens: Callable[[Path], None]
) -> None:
    directory = tmp_path / "data"
    store = await SqliteStore.open(directory)
    await store.append([posted("plan", text="p")], 1)
    await asyncio.to_thread(happens, directory)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match=r"was (deleted or moved|replaced) while the server runs"):
            await store.append([posted("plan", text="q")], 2)
    with pytest.raises(StoreUnavailable, match="while the server runs"):
        await store.append([posted("plan", build="new", text="q")], 2)
    assert len([record for record in caplog.records if "nothing is kept" in record.message]) == 1
    state = await store.state(KEY)
    assert state is not None
    assert state.version == 1
    with pytest.raises(StoreBroken, match="in use by another server"):
        await SqliteStore.open(directory)
    await store.close()
    await (await SqliteStore.open(directory)).close()


async def test_a_directory_that_comes_back_is_used_again(tmp_path: Path, posted: Make) -> None:
    directory = tmp_path / "data"
    store = await SqliteStore.open(directory)
    await store.append([posted("plan", text="p")], 1)
    once = posted("plan", text="q", event_id="e")
    directory.rename(tmp_path / "away")
    with pytest.raises(StoreUnavailable):
        await store.append([once], 2)
    (tmp_path / "away").rename(directory)
    assert await store.append([once], 3) == Accepted(1, 0, 2)
    await store.close()
    again = await SqliteStore.open(directory)
    state = await again.state(KEY)
    assert state is not None
    assert state.plan == "q"
    await again.close()


async def test_the_path_is_locked_by_whatever_name_it_is_called(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "data")
    (tmp_path / "link").symlink_to(tmp_path)
    shutil.rmtree(tmp_path / "data")
    with pytest.raises(StoreBroken, match="in use"):
        await SqliteStore.open(tmp_path / "link" / "data")
    await store.close()


async def test_without_a_runtime_folder_the_directory_is_locked_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SENTRYVIBE_RUNTIME_DIR", str(tmp_path / "file" / "no folder"))
    store = await SqliteStore.open(tmp_path / "data")
    with pytest.raises(StoreBroken, match="in use"):
        await SqliteStore.open(tmp_path / "data")
    await store.close()
