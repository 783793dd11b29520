"""A slow disk slows nobody but the event it holds: a library in front of libc makes syncs slow, or fail."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets

from ..patience import PATIENCE

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
/* SLOW_DISK: a folder. `main` lists what the main thread synced; `slow` and `broken` name, by how a path ends, the
   files whose syncs wait while that file is there, and fail; `held` lists the syncs that waited. */
static int control(const char *name, int flags) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", getenv("SLOW_DISK"), name);
    return open(path, flags, 0600);
}
static int names(const char *name, const char *path) {
    char ending[64] = {0};
    int file = control(name, O_RDONLY);
    if (file < 0) return 0;
    ssize_t size = read(file, ending, sizeof ending - 1);
    close(file);
    size_t all = strlen(path);
    return size > 0 && all >= (size_t)size && !strcmp(path + all - size, ending);
}
static void note(const char *name, const char *path) {
    int file = control(name, O_WRONLY | O_APPEND | O_CREAT);
    if (file < 0) return;
    char line[600];
    int size = snprintf(line, sizeof line, "%s\n", path);
    ssize_t done = write(file, line, size);
    (void)done;
    close(file);
}
static int hold(int fd) {
    char link[64], path[512] = {0};
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (readlink(link, path, sizeof path - 1) < 0) return 0;
    if (getpid() == syscall(SYS_gettid)) note("main", path);
    if (names("slow", path)) {
        note("held", path);
        while (names("slow", path)) usleep(1000);
    }
    return names("broken", path);
}
#define REAL(name) ((int (*)(int))dlsym(RTLD_NEXT, name))
int fsync(int fd) { if (hold(fd)) { errno = EIO; return -1; } return REAL("fsync")(fd); }
int fdatasync(int fd) { if (hold(fd)) { errno = EIO; return -1; } return REAL("fdatasync")(fd); }
int ftruncate(int fd, off_t size) {
    hold(fd);
    return ((int (*)(int, off_t))dlsym(RTLD_NEXT, "ftruncate"))(fd, size);
}
int ftruncate64(int fd, off64_t size) {
    hold(fd);
    return ((int (*)(int, off64_t))dlsym(RTLD_NEXT, "ftruncate64"))(fd, size);
}
"""

SERVE = """
import sys
from pathlib import Path
from sentryvibe_tui.server.serve import serve
from sentryvibe_tui.server.settings import ServerLimits
from sentryvibe_tui.store.limits import StoreLimits
store = StoreLimits(snapshot_every=20, checkpoint_idle=int(sys.argv[2]))
sys.exit(serve("127.0.0.1", 0, Path(sys.argv[1]), ServerLimits(heartbeat=0.5, store_limits=store)))
"""

LOG, DATABASE = "builds.db-wal", "builds.db"


class Disk:
    """What the library does now, and what it saw."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()

    def slow(self, ending: str) -> None:
        (self._folder / "slow").write_text(ending)

    def breaks(self, ending: str) -> None:
        (self._folder / "broken").write_text(ending)

    def recovers(self) -> None:
        for name in ("slow", "broken", "held"):
            (self._folder / name).unlink(missing_ok=True)

    @property
    def held(self) -> list[str]:
        return self._lines("held")

    @property
    def of_main_thread(self) -> list[str]:
        return self._lines("main")

    def forget(self) -> None:
        (self._folder / "main").unlink(missing_ok=True)

    def _lines(self, name: str) -> list[str]:
        try:
            return (self._folder / name).read_text().splitlines()
        except FileNotFoundError:
            return []

    async def holds(self) -> None:
        """Waits until a sync waits."""
        async with asyncio.timeout(PATIENCE):
            while not self.held:  # noqa: ASYNC110  the server's own time
                await asyncio.sleep(0.005)


class Slow:
    """A server on that disk."""

    def __init__(self, process: subprocess.Popen[str], url: str, disk: Disk) -> None:
        self.process, self.url, self.disk = process, url, disk
        self.http = httpx.AsyncClient(base_url=url, trust_env=False, timeout=PATIENCE, verify=False)

    def post(self, number: int, build: str = "b") -> asyncio.Task[httpx.Response]:
        event = {"type": "text-delta", "id": "x", "delta": f"{number},"}
        body = {"projectId": "p", "sessionId": "s", "buildId": build, "eventId": f"{number}", "event": event}
        return asyncio.create_task(self.http.post("/api/build-events", json=body))

    async def kept(self, number: int, build: str = "b") -> int:
        answer = await self.post(number, build)
        assert answer.status_code == 200, answer.text
        return answer.json()["version"]

    async def state(self) -> dict[str, Any]:
        answer = await self.http.get("/api/projects/p/messages")
        return answer.json()["sessions"][0]["hydratedState"]

    def watch(self) -> websockets.connect:
        return websockets.connect(f"ws{self.url.removeprefix('http')}/ws?projectId=p&protocol=2", proxy=None)


@pytest.fixture
def library(tmp_path: Path) -> str:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("no C compiler for the library that slows the disk")
    source, library = tmp_path / "slow.c", tmp_path / "slow.so"
    source.write_text(SHIM)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return str(library)


@pytest.fixture
async def start(library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[..., Slow]]:
    """start() a server of one data directory. `checkpoint`: bytes after which one is made at a quiet moment."""
    disk = Disk(tmp_path / "control")
    monkeypatch.setenv("SLOW_DISK", str(tmp_path / "control"))
    started: list[Slow] = []

    def run(checkpoint: int = 1 << 30) -> Slow:
        command = [sys.executable, "-c", SERVE, str(tmp_path / "data"), str(checkpoint)]
        with (tmp_path / "log").open("a") as log:
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, text=True, env={**os.environ, "LD_PRELOAD": library}
            )
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("ready "), (tmp_path / "log").read_text()
        started.append(Slow(process, line.removeprefix("ready ").strip(), disk))
        disk.forget()
        return started[-1]

    yield run
    disk.recovers()
    for server in started:
        await server.http.aclose()
        server.process.kill()
        server.process.wait()
        assert server.process.stdout is not None
        server.process.stdout.close()


async def test_while_one_commit_waits_for_the_disk_everybody_else_goes_on(start: Callable[..., Slow]) -> None:
    server = start()
    disk = server.disk
    assert await server.kept(0) == 1
    async with asyncio.timeout(PATIENCE), server.watch() as watcher:
        await frame_with(watcher, '"stateVersion":1')
        disk.slow(LOG)
        slow = server.post(1)
        await disk.holds()
        behind = server.post(2, "other")
        assert (await server.http.get("/healthz")).json()["ok"]
        assert (await server.state())["stateVersion"] == 1
        (build,) = (await server.http.get("/api/projects/p/builds")).json()["builds"]
        assert build["version"] == 1
        sign = {"projectId": "p", "sessionId": "s", "buildId": "b"}
        assert (await server.http.post("/api/build-heartbeats", json=sign)).json() == {"known": True}
        await frame_with(watcher, '"heartbeat"')
        async with server.watch() as joined:
            await frame_with(joined, '"stateVersion":1')
            assert not slow.done()
            assert not behind.done()
            disk.recovers()
            assert (await slow).json()["version"] == 2
            assert (await behind).json()["version"] == 1
            for each in (watcher, joined):
                first, second = await frame_with(each, '"1,"'), await frame_with(each, '"2,"')
                assert '"2,"' not in first or first == second
    assert [note["content"] for note in (await sessions(server, "b"))["notes"]] == ["0,1,"]


async def test_the_event_loop_syncs_nothing_also_after_checkpoints_and_snapshots(start: Callable[..., Slow]) -> None:
    server = start(checkpoint=1)
    async with asyncio.timeout(PATIENCE * 2):
        for number in range(60):
            assert await server.kept(number) == number + 1
            if number % 20 == 10:
                server.disk.slow(DATABASE)
                await server.disk.holds()
                server.disk.recovers()
    assert server.disk.of_main_thread == []


async def test_posts_do_not_wait_for_a_checkpoint_on_a_slow_disk(start: Callable[..., Slow]) -> None:
    server = start(checkpoint=1)
    server.disk.slow(DATABASE)
    assert await server.kept(0) == 1
    await server.disk.holds()
    for number in range(1, 50):
        assert await server.kept(number) == number + 1
    assert server.disk.held
    assert (await server.state())["stateVersion"] == 50


async def test_a_sync_that_fails_is_refused_and_leaves_nothing_behind(start: Callable[..., Slow]) -> None:
    server = start()
    assert await server.kept(0) == 1
    server.disk.breaks(LOG)
    server.disk.slow(LOG)
    failing = server.post(1)
    await server.disk.holds()
    behind = server.post(2)
    assert (await server.http.get("/healthz")).json()["ok"]
    server.disk.slow("no such file")
    assert (await failing).status_code == 503
    assert (await behind).status_code == 503
    assert (await server.state())["stateVersion"] == 1
    server.disk.recovers()
    assert await server.kept(2) == 2
    assert await server.kept(1) == 3
    assert [note["content"] for note in (await sessions(server, "b"))["notes"]] == ["0,2,1,"]


@pytest.mark.parametrize("where", [LOG, DATABASE])
async def test_a_kill_while_the_disk_is_slow_loses_nothing_that_was_acknowledged(
    start: Callable[..., Slow], where: str
) -> None:
    server = start(checkpoint=1)
    assert await server.kept(0) == 1
    server.disk.slow(where)
    last = server.post(1)
    await server.disk.holds()
    kept = 1 if where == LOG else 2
    if where == DATABASE:
        assert (await last).status_code == 200
    server.process.kill()
    server.process.wait()
    await asyncio.gather(last, return_exceptions=True)
    server.disk.recovers()
    again = start()
    assert (await again.state())["stateVersion"] >= kept
    assert await again.kept(0) == (await again.state())["stateVersion"]


@pytest.mark.parametrize("where", [LOG, DATABASE])
async def test_a_server_told_to_stop_ends_however_slow_the_disk_is(start: Callable[..., Slow], where: str) -> None:
    """The disk never comes back here: waited for, it would end never."""
    server = start(checkpoint=1)
    assert await server.kept(0) == 1
    server.disk.slow(where)
    last = server.post(1)
    await server.disk.holds()
    server.process.terminate()
    (answer,) = await asyncio.gather(last, return_exceptions=True)
    assert await asyncio.to_thread(server.process.wait, PATIENCE) == 0
    was_kept = isinstance(answer, httpx.Response) and answer.status_code == 200
    assert was_kept == (where == DATABASE)
    server.disk.recovers()
    again = start()
    assert (await again.state())["stateVersion"] >= 1 + was_kept


async def frame_with(watcher: websockets.ClientConnection, text: str) -> str:
    """The next frame that holds `text`."""
    while True:
        frame = await watcher.recv()
        if text in str(frame):
            return str(frame)


async def sessions(server: Slow, build: str) -> dict[str, Any]:
    answer = await server.http.get("/api/projects/p/messages", params={"sessionId": "s", "buildId": build})
    return answer.json()["sessions"][0]
