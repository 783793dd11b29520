"""What a database can meet: a standby, an older copy, a full disk, a pooler in between, a host that vanished.

Each trap and failure of a store over several servers has its test here, in `tests/store/test_postgres.py`, in
`tests/server/test_peers.py` or in `kill_rounds`. Those that have none:

- a lock and what it protects read in one statement, a lock read as a column: the two are two statements everywhere;
- numbers of logs that are burnt: nothing counts by them, and whoever lists builds asks for rows that are committed;
- session locks: there are only those that end with a transaction;
- an outcome that stays open for longer than `UNSURE_PATIENCE`: then events without an id may be there twice, and no
  server can know. Ours always have ids.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from sentryvibe_tui.errors import StoreBroken, StoreUnavailable
from sentryvibe_tui.model.events import About, TextAdded
from sentryvibe_tui.store.contract import Accepted, BuildKey
from sentryvibe_tui.wire.envelope import EventEnvelope

from ..patience import PATIENCE, until
from .cluster import Cluster, cluster_folder, free_port, need_cluster, run_as_owner

KEY = BuildKey("p", "s", "b")


@pytest.fixture
def folder() -> Iterator[Path]:
    need_cluster()
    with cluster_folder() as folder:
        yield folder


@pytest.fixture
def cluster(folder: Path) -> Cluster:
    cluster = Cluster(folder)
    cluster.make()
    return cluster


@asynccontextmanager
async def opened(url: str, data: Path) -> AsyncIterator[Any]:
    from sentryvibe_tui.store.opening import open_store

    store = await open_store(url, data)
    try:
        yield store
    finally:
        await store.close()


def text(words: str, event_id: str = "") -> EventEnvelope:
    return EventEnvelope(About("p", "s", "b"), TextAdded("x", words), event_id)


async def words(store: Any) -> str:
    state = await store.state(KEY)
    return "".join(note.text for note in state.notes())


async def appended(store: Any, event: EventEnvelope) -> Accepted:
    """As a publisher does it: again, until it is taken."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await store.append([event], 1)
            except StoreUnavailable:
                await asyncio.sleep(0.05)


async def test_a_standby_is_passed_over_and_taken_when_it_was_promoted(
    folder: Path, cluster: Cluster, tmp_path: Path
) -> None:
    standby = cluster.standby(folder)
    with pytest.raises(StoreUnavailable, match="no host of the database can be written"):
        async with opened(standby.url, tmp_path / "alone"):
            pass
    async with opened(Cluster.through(standby.port, cluster.port), tmp_path / "server") as store:
        await store.append([text("a", "1")], 1)
        epoch = store.epoch
        await _streamed(cluster, standby)
        await asyncio.to_thread(cluster.stop, "immediate")
        await asyncio.to_thread(standby.promote)
        assert (await appended(store, text("b", "2"))).accepted == 1
        assert await words(store) == "ab"
        assert store.epoch != epoch, "a standby may lack what was acknowledged"


async def _streamed(cluster: Cluster, standby: Cluster) -> None:
    at = await cluster.ask("SELECT pg_current_wal_lsn()::text")
    await _until(lambda: standby.ask("SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn", at))


async def _until(is_so: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await is_so():  # noqa: ASYNC110  the database's own time
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("restarts", [False, True], ids=["a server that runs", "a server that starts"])
async def test_an_older_copy_put_back_is_another_epoch(cluster: Cluster, tmp_path: Path, restarts: bool) -> None:
    async with opened(cluster.url, tmp_path) as store:
        await store.append([text("a")], 1)
        epoch = store.epoch
    cluster.stop()
    copy = cluster.copy()
    cluster.start()
    async with opened(cluster.url, tmp_path) as store:
        assert store.epoch == epoch
        await store.append([text("b")], 1)
        assert await words(store) == "ab"
        if not restarts:
            await asyncio.to_thread(cluster.put_back, copy)
            assert (await appended(store, text("c"))).version == 2
            assert store.epoch != epoch
            assert await words(store) == "ac"
    if restarts:
        cluster.put_back(copy)
        async with opened(cluster.url, tmp_path) as store:
            assert store.epoch != epoch


async def test_a_database_that_becomes_read_only_keeps_nothing_and_goes_on_later(
    cluster: Cluster, tmp_path: Path
) -> None:
    from sentryvibe_tui.store.postgres.writer import UNSURE_PATIENCE

    async with opened(cluster.url, tmp_path) as store:
        await store.append([text("a")], 1)
        await _set_read_only(cluster, "on")
        begun = time.monotonic()
        with pytest.raises(StoreUnavailable, match=r"read-only|no host of the database can be written"):
            await store.append([text("b", "2")], 1)
        assert time.monotonic() - begun < UNSURE_PATIENCE, "that it was refused is no question"
        await _set_read_only(cluster, "off")
        assert (await appended(store, text("b", "2"))).accepted == 1
        assert await words(store) == "ab"


async def _set_read_only(cluster: Cluster, value: str) -> None:
    setting = "default_transaction_read_only"
    await cluster.ask(f"ALTER SYSTEM SET {setting} = {value}")
    await cluster.ask("SELECT pg_reload_conf()")
    await _until(lambda: cluster.ask(f"SELECT current_setting('{setting}') = $1", value))


@pytest.fixture
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of a few MiB, for a table space."""
    place = folder / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a file system cannot be mounted here")
    shutil.chown(place, "postgres", "postgres")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


async def test_a_full_disk_of_the_database_is_said_and_got_over(
    cluster: Cluster, tmp_path: Path, small_disk: Path
) -> None:
    async with opened(cluster.url, tmp_path) as store:
        await store.append([text("a")], 1)
        await cluster.ask(f"CREATE TABLESPACE small LOCATION '{small_disk}'")
        await cluster.ask("ALTER TABLE sentryvibe.entries SET TABLESPACE small")
        await cluster.ask("CREATE TABLE ballast TABLESPACE small AS SELECT 1 AS x")
        accepted = 1
        with pytest.raises(StoreUnavailable, match="disk is full"):  # noqa: PT012  which one it is, the disk says
            while accepted < 10_000:
                accepted += (await store.append([text(os.urandom(3000).hex())] * 50, 1)).accepted
        assert (await store.state(KEY)).version == accepted, "what was refused is not there"
        await cluster.ask("ALTER TABLE sentryvibe.entries SET TABLESPACE pg_default")
        assert (await appended(store, text("z", "last"))).version == accepted + 1


async def test_a_host_that_vanished_holds_a_lock_for_seconds_only(cluster: Cluster, tmp_path: Path) -> None:
    from sentryvibe_tui.store.postgres.address import parse_postgres
    from sentryvibe_tui.store.postgres.connection import open_connection

    async with opened(cluster.url, tmp_path) as store:
        await store.append([text("a")], 1)
        vanished = await open_connection(parse_postgres(cluster.url))
        await vanished.execute("BEGIN")
        await vanished.execute("SELECT 1 FROM builds FOR UPDATE")
        with pytest.raises(StoreUnavailable, match="another server holds a build"):
            await store.append([text("b", "2")], 1)
        assert (await appended(store, text("b", "2"))).version == 2
        vanished.terminate()


async def test_every_connection_has_the_settings_that_it_needs(cluster: Cluster, tmp_path: Path) -> None:
    for setting in ("jit = on", "default_transaction_isolation = 'repeatable read'", "lock_timeout = 0"):
        await cluster.ask(f"ALTER ROLE postgres SET {setting}")
    async with opened(cluster.url, tmp_path) as store:
        values = await store._read(
            lambda db: db.fetchrow(
                "SELECT current_setting('jit'), current_setting('transaction_isolation'),"
                " current_setting('lock_timeout'), current_setting('tcp_keepalives_idle'),"
                " current_setting('idle_in_transaction_session_timeout')"
            )
        )
        assert tuple(values) == ("off", "read committed", "2s", "5", "5s")


# ---------------------------------------------------------------------- a pooler in between


@pytest.fixture
def pooled(folder: Path, cluster: Cluster) -> Iterator[Callable[[str, str], str]]:
    """`pooled(mode, ignored)`: the URL of the cluster through pgbouncer in that mode, which ignores those settings."""
    program = shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")
    if program is None:
        pytest.skip("pgbouncer is not on this machine")
    users = folder / "users.txt"
    users.write_text('"postgres" ""\n')
    started: list[Path] = []

    def start(mode: str, ignored: str) -> str:
        port, place = free_port(), folder / f"pooler{len(started)}"
        config = place.with_suffix(".ini")
        config.write_text(
            f"[databases]\npostgres = host=127.0.0.1 port={cluster.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
            f"listen_port = {port}\nauth_type = trust\nauth_file = {users}\npool_mode = {mode}\nunix_socket_dir =\n"
            f"ignore_startup_parameters = {ignored}\nlogfile = {place}.log\npidfile = {place}.pid\n"
        )
        run_as_owner(program, "-q", "-d", config)
        started.append(place)
        until(place.with_suffix(".pid").exists, "pgbouncer runs")
        return Cluster.through(port)

    yield start
    for place in started:
        os.kill(int(place.with_suffix(".pid").read_text()), 9)


SETTINGS = (
    "extra_float_digits,jit,timezone,synchronous_commit,lock_timeout,idle_in_transaction_session_timeout,search_path,"
    "tcp_keepalives_idle,tcp_keepalives_interval,tcp_keepalives_count,tcp_user_timeout,default_transaction_isolation"
)


@pytest.mark.parametrize("mode", ["transaction", "session"])
async def test_a_pooler_that_refuses_our_settings_is_named(
    pooled: Callable[[str, str], str], tmp_path: Path, mode: str
) -> None:
    with pytest.raises(StoreUnavailable, match="connect to PostgreSQL itself: a pooler in between"):
        async with opened(pooled(mode, ""), tmp_path):
            pass


@pytest.mark.parametrize("mode", ["transaction", "session"])
async def test_a_pooler_that_drops_our_settings_is_noticed(
    pooled: Callable[[str, str], str], cluster: Cluster, tmp_path: Path, mode: str
) -> None:
    with pytest.raises(StoreBroken, match=r"connect to PostgreSQL itself: .* drops the setting"):
        async with opened(pooled(mode, SETTINGS), tmp_path):
            pass
    assert await cluster.ask("SELECT count(*) FROM pg_tables WHERE tablename = 'builds'") == 0, "nothing was made"


async def test_a_pooler_whose_sessions_have_our_settings_is_noticed_when_it_shares_them_out(
    pooled: Callable[[str, str], str], cluster: Cluster, tmp_path: Path
) -> None:
    """In the second try it hands out a session that was used before."""
    from sentryvibe_tui.store.postgres.address import parse_postgres
    from sentryvibe_tui.store.postgres.connection import session

    for name, value in session(parse_postgres(cluster.url)).items():
        await cluster.ask(f"ALTER ROLE postgres SET {name} = '{value}'")
    url = pooled("transaction", SETTINGS)
    for _ in range(2):
        with pytest.raises((StoreBroken, StoreUnavailable), match="connect to PostgreSQL itself: a pooler in between"):
            async with opened(url, tmp_path):
                pass
    assert await cluster.ask("SELECT count(*) FROM pg_tables WHERE tablename = 'builds'") == 0, "nothing was made"


async def test_a_pooler_whose_sessions_have_some_of_our_settings_is_noticed(
    pooled: Callable[[str, str], str], cluster: Cluster, tmp_path: Path
) -> None:
    for setting in ("search_path = sentryvibe", "jit = off"):
        await cluster.ask(f"ALTER ROLE postgres SET {setting}")
    with pytest.raises(StoreBroken, match="drops the setting lock_timeout"):
        async with opened(pooled("session", SETTINGS), tmp_path):
            pass
