"""Several servers over one schema, whose parts are killed while 50 builds are written and 200 watchers follow.

`python -m tests.faults.kill_rounds [--rounds N] [--seconds S] [--seed N]` runs worlds of two and of four servers, with
hints by NOTIFY and by Redis, of which 30 % are lost. In each round one part of `FAULTS` fails; then all has to be
right: what was acknowledged is in the log once, what was not at most once, versions are dense, and every watcher has
the state that the log folds to, having missed no version on the way.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import contextlib
import json
import os
import random
import re
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sentryvibe_tui.client.watch import Watch
from sentryvibe_tui.client.watching import Changed, LinkChanged, Snapshot
from sentryvibe_tui.model.reducer import apply
from sentryvibe_tui.model.state import BuildState
from sentryvibe_tui.store.contract import Logged

from ..patience import PATIENCE
from .cluster import Cluster, OwnRedis, cluster_folder, free_port
from .relays import RelayProcess

FAULTS = ("server", "backends", "fast", "immediate", "redis", "link", "watchers", "nothing")
PROJECTS = 10
EVENTS = 5
"""Posts of each build in a round."""
LOSSES = 0.3
SLOW = 4.0
"""Seconds after which it is said which watchers lack something."""
_TOKEN = re.compile(r"<([^>]+)>")


class ServerProcess:
    """`serve` as a process on one port for all its lives; `way`: the port of its own relay to the database."""

    def __init__(self, folder: Path, schema: str, hints: str) -> None:
        self.port = free_port()
        self.way = 0
        self.log = folder / "log"
        folder.mkdir()
        self._folder, self._schema, self._hints = folder, schema, hints
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        folders = {"SENTRYVIBE_RUNTIME_DIR": str(self._folder / "run"), "HOME": str(self._folder)}
        env = os.environ | folders | {"SENTRYVIBE_TEST_LOSSES": str(LOSSES)}
        store = f"{Cluster.through(self.way)}?schema={self._schema}"
        command = [sys.executable, "-m", "tests.faults.lossy_server", "serve", "--port", str(self.port)]
        command += ["--store", store, "--data", str(self._folder / "data")]
        command += ["--hints", self._hints] if self._hints else []
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with self.log.open("ab") as log:
                self._process = await asyncio.create_subprocess_exec(
                    *command, stdout=asyncio.subprocess.PIPE, stderr=log, env=env
                )
            assert self._process.stdout is not None
            if (await self._process.stdout.readline()).startswith(b"ready"):
                return
            await self._process.wait()  # the database is away: as under a supervisor
        raise AssertionError(f"a server does not start: {self.log.read_text()[-2000:]}")

    async def kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


class Build:
    """A build, what was posted of it and what of that was acknowledged, and its log as read from the database."""

    def __init__(self, number: int) -> None:
        self.project, self.name = f"p{number % PROJECTS}", f"b{number}"
        self.posted: list[str] = []
        self.acknowledged: set[str] = set()
        self.state = BuildState()

    def body(self, token: str, has_id: bool) -> bytes:
        event = {"type": "text-delta", "id": "x", "delta": f"<{token}>"}
        about = {"projectId": self.project, "sessionId": self.name, "buildId": self.name, "event": event}
        return json.dumps(about | ({"eventId": token} if has_id else {})).encode()

    def check(self) -> None:
        """What was acknowledged once, in the order of posting; the rest at most once: it may have come late, too."""
        words = _TOKEN.findall("".join(note.text for note in self.state.notes()))
        expected = [token for token in self.posted if token in self.acknowledged]
        certain = [word for word in words if word in self.acknowledged]
        assert certain == expected, f"{self.name}: {_difference(certain, expected)}"
        counts = collections.Counter(words)
        assert max(counts.values(), default=1) == 1, f"{self.name}: doubled {counts.most_common(3)}"
        assert set(words) <= set(self.posted), f"{self.name} has what nobody posted"


def _difference(words: list[str], expected: list[str]) -> str:
    counts = collections.Counter(words)
    doubled = [word for word, count in counts.items() if count > 1]
    place = next((n for n, pair in enumerate(zip(words, expected, strict=False)) if pair[0] != pair[1]), len(words))
    around = f"{words[place - 2 : place + 4]} for {expected[place - 2 : place + 4]}"
    return f"lost {sorted(set(expected) - set(words))}, doubled {doubled}, first difference {around}"


class Follower:
    """A watcher, over whatever happens to its link; it misses no version between two snapshots.

    It comes back soon, and later only while it is not let in: by itself it waits longer after each of many losses.
    """

    def __init__(self, url: str, build: Build, chance: random.Random) -> None:
        self.build = build
        self.watch = Watch(url, build.project, build.name, wait=True, probe=True)
        self.snapshots: collections.Counter[str] = collections.Counter()
        self._chance = chance
        self._version = 0
        self._losses = 0
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        async for event in self.watch.events():
            match event:
                case Changed(state, entry):
                    assert entry.version == self._version + 1, f"{self.build.name}: {self._version} → {entry.version}"
                    self._version = state.version
                case Snapshot(state, cause):
                    self.snapshots[cause] += 1
                    self._version = state.version
                case LinkChanged(status) if status.phase in ("retrying", "gave-up"):
                    pause = self._chance.uniform(0.1, 0.4) * 2 ** min(self._losses, 4)  # sooner than by itself
                    self._losses += 1
                    asyncio.get_running_loop().call_later(pause, self.watch.retry_now)
                case LinkChanged(status):
                    assert status.phase != "refused", status
                    self._losses = 0 if status.phase == "live" else self._losses
                case _:
                    pass

    def has_all(self) -> bool:
        if self.task.done():
            self.task.result()
        return self.watch.state == self.build.state


class Poster:
    """One keep-alive connection through the balancer; a new one after every loss."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._link: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, body: bytes) -> int:
        """The status of the answer; 0: there was none."""
        try:
            async with asyncio.timeout(45):
                return await self._post(body)
        except (OSError, EOFError, TimeoutError, asyncio.IncompleteReadError):
            self.close()
            return 0

    async def _post(self, body: bytes) -> int:
        if self._link is None:
            self._link = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._link
        head = f"POST /api/build-events HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        size = next(int(line[15:]) for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(size)
        return int(answer[9:12])

    def close(self) -> None:
        if self._link is not None:
            self._link[1].transport.abort()
            self._link = None


class KillWorld:
    """Servers, builds and watchers over one schema of a cluster."""

    def __init__(
        self, folder: Path, cluster: Cluster, redis: OwnRedis, seed: int, servers: int, has_redis: bool
    ) -> None:
        self.chance = random.Random(seed)
        self.schema = f"kills_{seed}"
        self._cluster, self._redis, self._has_redis = cluster, redis, has_redis
        self._relays = RelayProcess()
        hints = redis.url if has_redis else ""
        self._servers = [
            ServerProcess(folder / f"world{seed}-{number}", self.schema, hints) for number in range(servers)
        ]
        self._balancer = 0
        self.builds: list[Build] = []
        self.followers: list[Follower] = []
        self._posters: list[Poster] = []
        self.faults: collections.Counter[str] = collections.Counter()
        self.failures = 0

    async def start(self, builds: int, watchers: int) -> None:
        await self._relays.start()
        for server in self._servers:
            server.way = await self._relays.open(self._cluster.port)
        self._balancer = await self._relays.open(*(server.port for server in self._servers))
        await asyncio.gather(*(server.start() for server in self._servers))
        url = f"http://127.0.0.1:{self._balancer}"
        self.builds = [Build(number) for number in range(builds)]
        self._posters = [Poster(self._balancer) for _ in self.builds]
        self.followers = [Follower(url, self.builds[number % builds], self.chance) for number in range(watchers)]

    async def stop(self) -> None:
        for follower in self.followers:
            await follower.watch.aclose()
        for poster in self._posters:
            poster.close()
        await asyncio.gather(*(server.kill() for server in self._servers))
        await self._relays.stop()

    async def round(self, number: int, fault: str) -> None:
        self.faults[fault] += 1
        writing = [self._write(build, poster, number) for build, poster in zip(self.builds, self._posters, strict=True)]
        await asyncio.gather(self._fail(fault), *writing)
        await self._read_logs()
        for build in self.builds:
            build.check()
        await self._all_followers_have_it()

    async def _write(self, build: Build, poster: Poster, number: int) -> None:
        for count in range(EVENTS):
            await asyncio.sleep(self.chance.uniform(0, 0.12))
            token = f"{build.name}.{number}.{count}"
            has_id = self.chance.random() < 0.8
            build.posted.append(token)
            end = time.monotonic() + PATIENCE
            while (status := await poster.post(build.body(token, has_id))) != 200:
                self.failures += 1
                assert status in (0, 503), status
                if not has_id:
                    break  # who has no id must not repeat it: it may be there, once
                assert time.monotonic() < end, f"{token} is never taken"
                await asyncio.sleep(self.chance.uniform(0.02, 0.2))
            else:
                build.acknowledged.add(token)

    # ------------------------------------------------------------------ what fails

    async def _fail(self, fault: str) -> None:
        await asyncio.sleep(self.chance.uniform(0.02, 0.3))
        match fault:
            case "server":
                server = self.chance.choice(self._servers)
                await server.kill()
                await server.start()
            case "backends":
                await self._kill_backends()
            case "fast" | "immediate":
                await asyncio.to_thread(self._cluster.stop, fault)
                await asyncio.sleep(self.chance.uniform(0, 0.5))
                await asyncio.to_thread(self._cluster.start)
            case "redis" if self._has_redis:
                self._redis.kill()
                await asyncio.sleep(self.chance.uniform(0, 0.5))
                await asyncio.to_thread(self._redis.start)
            case "link":
                for _ in range(3):
                    await self._relays.cut(self.chance.choice(self._servers).way)
                    await asyncio.sleep(self.chance.uniform(0, 0.2))
            case "watchers":
                for _ in range(3):  # those that are just coming back, too
                    await self._relays.cut(self._balancer)
                    await asyncio.sleep(self.chance.uniform(0, 0.3))
            case _:
                pass

    async def _kill_backends(self) -> None:
        for _ in range(3):
            await self._cluster.ask(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = $1",
                f"sentryvibe-tui {self.schema}",
            )
            await asyncio.sleep(self.chance.uniform(0, 0.15))

    # ------------------------------------------------------------------ what has to be right

    async def _read_logs(self) -> None:
        """Folds what came to each log; every version must be there."""
        import asyncpg

        db = await asyncpg.connect(self._cluster.url, server_settings={"search_path": self.schema})
        try:
            for build in self.builds:
                rows = await db.fetch(
                    "SELECT version, updates FROM builds JOIN entries USING (log) WHERE build_id = $1"
                    " AND entries.version > $2 ORDER BY entries.version".replace(
                        "SELECT version", "SELECT entries.version"
                    ),
                    build.name,
                    build.state.version,
                )
                self._fold(build, rows)
                head = await db.fetchrow("SELECT version, log FROM builds WHERE build_id = $1", build.name)
                count = await db.fetchval("SELECT count(*) FROM entries WHERE log = $1", head["log"])
                assert head["version"] == build.state.version == count, f"{build.name}: {head} {count}"
        finally:
            await db.close()

    @staticmethod
    def _fold(build: Build, rows: Iterable[Any]) -> None:
        for version, updates in rows:
            assert version == build.state.version + 1, f"{build.name} has a hole before {version}"
            build.state = apply(build.state, Logged(version, updates).entry())

    async def _all_followers_have_it(self) -> None:
        begun, is_slow = time.monotonic(), False
        while late := [follower for follower in self.followers if not follower.has_all()]:
            words = f"{len(late)} watchers differ: {[_gap(follower) for follower in late[:5]]}"
            assert time.monotonic() < begun + PATIENCE, words
            if not is_slow and time.monotonic() > begun + SLOW:
                is_slow = True
                print(words, flush=True)
                await self._read_logs()  # what was refused for want of an answer may have come late
            await asyncio.sleep(0.02)


def _gap(follower: Follower) -> str:
    watch, build = follower.watch, follower.build
    words = f"{watch.status.phase} by {watch.status.transport}, {watch.status.reason}"
    return f"{build.name} {watch.state.version} of {build.state.version} ({words})"


async def kill_rounds(
    rounds: int,
    seed: int,
    builds: int = 50,
    watchers: int = 200,
    each: int = 12,
    servers: int = 0,
    until: float = float("inf"),
) -> collections.Counter[str]:
    """So many rounds, of which each world lives `each`, or until then (monotonic); how often what failed. `servers`: of
    a world; 0: two and four in turn."""
    faults: collections.Counter[str] = collections.Counter()
    redis = OwnRedis()
    with cluster_folder() as folder:
        cluster = Cluster(folder)
        await asyncio.to_thread(cluster.make)
        await asyncio.to_thread(redis.start)
        try:
            done = 0
            while done < rounds and time.monotonic() < until:
                turn = seed + done // each
                world = KillWorld(folder, cluster, redis, turn, servers or 2 + 2 * (turn % 2), bool(turn // 2 % 2))
                try:
                    await world.start(builds, watchers)
                    for number in range(min(each, rounds - done)):
                        fault = FAULTS[(done + turn) % len(FAULTS)]
                        begun = time.monotonic()
                        await world.round(number, fault)
                        done += 1
                        _say(done, world, fault, time.monotonic() - begun)
                        if time.monotonic() > until:
                            break
                except BaseException:
                    _tell_logs(folder, turn)
                    raise
                finally:
                    faults += world.faults
                    await world.stop()
                    await cluster.ask(f"DROP SCHEMA IF EXISTS {world.schema} CASCADE")
        finally:
            redis.kill()
    return faults


def _say(done: int, world: KillWorld, fault: str, seconds: float) -> None:
    entries = sum(build.state.version for build in world.builds)
    snapshots = sum((follower.snapshots for follower in world.followers), collections.Counter())
    words = f"{done} {world.schema} {fault}: {seconds:.1f} s, {entries} entries, {world.failures} refusals"
    print(f"{words}, snapshots {dict(snapshots)}", flush=True)


def _tell_logs(folder: Path, turn: int) -> None:
    for log in sorted(folder.glob(f"world{turn}-*/log")):
        with contextlib.suppress(OSError):
            print(f"--- {log}\n{log.read_text()[-3000:]}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    begun = time.monotonic()
    faults = asyncio.run(kill_rounds(chosen.rounds, chosen.seed, until=begun + chosen.seconds))
    print(f"{sum(faults.values())} rounds in {time.monotonic() - begun:.0f} s, all right: {dict(faults)}")


if __name__ == "__main__":
    main()
