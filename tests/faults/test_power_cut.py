"""A power cut loses what was not synced, whole or in part: what was acknowledged is there all the same.

A library in front of libc writes down what the store writes and when it syncs. From that the disk is rebuilt as a cut
at any moment may leave it: what was synced is there, and of the later writes any sectors.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from sentryvibe_tui.store.contract import BuildKey
from sentryvibe_tui.store.limits import StoreLimits
from sentryvibe_tui.store.sqlite import SqliteStore

RECORDER = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
static void note(char kind, int fd, uint64_t offset, const void *data, uint64_t size) {
    static int out = -1;
    char link[64], path[512];
    if (out < 0) out = open(getenv("RECORD_TO"), O_WRONLY | O_APPEND);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t found = readlink(link, path, sizeof path);
    const char *folder = getenv("RECORD_OF");
    if (out < 0 || found < 0 || strncmp(path, folder, strlen(folder))) return;
    struct { uint64_t offset, size; uint16_t path; char kind, pad[5]; } head = {offset, size, found, kind, {0}};
    struct iovec whole[] = {{&head, sizeof head}, {path, found}, {(void *)data, data ? size : 0}};
    ssize_t done = writev(out, whole, 3); // one write: threads note beside each other
    (void)done;
}
#define REAL(type, name) ((type)dlsym(RTLD_NEXT, name))
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    ssize_t done = REAL(ssize_t (*)(int, const void *, size_t, off_t), "pwrite")(fd, data, size, at);
    if (done > 0) note('w', fd, at, data, done);
    return done;
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    ssize_t done = REAL(ssize_t (*)(int, const void *, size_t, off64_t), "pwrite64")(fd, data, size, at);
    if (done > 0) note('w', fd, at, data, done);
    return done;
}
int ftruncate(int fd, off_t size) {
    note('t', fd, 0, 0, size);
    return REAL(int (*)(int, off_t), "ftruncate")(fd, size);
}
int ftruncate64(int fd, off64_t size) {
    note('t', fd, 0, 0, size);
    return REAL(int (*)(int, off64_t), "ftruncate64")(fd, size);
}
static void end_of_life(void) { if (!access(getenv("DIE_IF"), F_OK)) _exit(9); }
int fsync(int fd) {
    end_of_life();
    int done = REAL(int (*)(int), "fsync")(fd);
    note('s', fd, 0, 0, 0);
    return done;
}
int fdatasync(int fd) {
    end_of_life();
    int done = REAL(int (*)(int), "fdatasync")(fd);
    note('s', fd, 0, 0, 0);
    return done;
}
"""

PUBLISHER = """
import asyncio, json, os, sys
from pathlib import Path
from sentryvibe_tui.store import contract
from sentryvibe_tui.store.limits import StoreLimits
from sentryvibe_tui.store.sqlite import SqliteStore
from sentryvibe_tui.wire.envelope import decode_posted

LIMITS = StoreLimits(
    snapshot_every=20, checkpoint_idle=60_000, checkpoint_busy=200_000, idle=0.001, warm_bytes=64 * 1024
)

async def main(folder, last, dies):
    store = await SqliteStore.open(Path(folder), LIMITS)
    state = await store.state(contract.BuildKey("p", "s", "s"))
    shown = 0 if state is None else state.version
    marks = os.open(os.path.join(folder, "marks"), os.O_WRONLY | os.O_CREAT)
    if shown:
        os.pwrite(marks, b"%d" % shown, 0)
    for number in range(shown, last):
        output = "o" * (9_000 if number % 17 == 0 else 50)
        event = {"type": "tool-output-available", "toolCallId": f"t{number}", "toolName": "Bash", "output": output}
        body = {"projectId": "p", "sessionId": "s", "eventId": str(number), "event": event}
        if dies and number == last - 1:
            open(os.environ["DIE_IF"], "w").close()
        assert (await store.append(decode_posted(json.dumps(body).encode()), number)).version == number + 1
        os.pwrite(marks, b"%d" % (number + 1), 0)
        if number % 10 == 0:
            await asyncio.sleep(0.01)
    await store.close()

asyncio.run(main(sys.argv[1], int(sys.argv[2]), len(sys.argv) > 3))
"""

LASTING = ("builds.db", "builds.db-wal", "witness", "marks")
"""Files that a cut leaves: the log's index is made anew, and the journal of the very first write was deleted."""
SECTOR = 512
Record = tuple[str, str, int, int, bytes]
"""Kind (w: write, t: truncate, s: sync), file, offset, size, data."""
HEAD = struct.Struct("<QQHc5x")


@dataclass
class Disk:
    """A file as the power cut may leave it: its synced content, and the writes after that."""

    synced: bytes = b""
    later: list[tuple[int, bytes] | int] = field(default_factory=list[tuple[int, bytes] | int])

    def sync(self) -> None:
        self.synced, self.later = _after(self.synced, self.later), []

    def cut(self, random: Random) -> bytes:
        share = random.choice((0.0, 0.5, 0.9, 1.0))
        return _after(self.synced, [kept for write in self.later for kept in _torn(write, share, random)])


def _after(content: bytes, writes: list[tuple[int, bytes] | int]) -> bytes:
    disk = bytearray(content)
    for write in writes:
        if isinstance(write, int):
            del disk[write:]
            disk += bytes(write - len(disk))
        else:
            at, data = write
            disk += bytes(max(0, at + len(data) - len(disk)))
            disk[at : at + len(data)] = data
    return bytes(disk)


def _torn(write: tuple[int, bytes] | int, share: float, random: Random) -> Iterator[tuple[int, bytes] | int]:
    """The sectors of a write that reached the disk."""
    if isinstance(write, int):
        if random.random() < share:
            yield write
        return
    at, data = write
    while data:
        size = SECTOR - at % SECTOR
        if random.random() < share:
            yield at, data[:size]
        at, data = at + size, data[size:]


def _records(log: bytes) -> Iterator[Record]:
    at = 0
    while at < len(log):
        offset, size, path_size, kind = HEAD.unpack_from(log, at)
        at += HEAD.size
        path = log[at : at + path_size].decode()
        at += path_size
        data = log[at : at + size] if kind == b"w" else b""
        at += len(data)
        yield kind.decode(), Path(path).name, offset, size, data


@pytest.fixture
def live(tmp_path: Path) -> Callable[..., list[Record]]:
    """live(last) publishes up to event `last` and answers what was done to the files, in all lives until now.

    live(last, "dies"): killed when the last one is written and not synced. Skips where there is no C compiler.
    """
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("no C compiler for the recording library")
    source, library, log, folder = (tmp_path / name for name in ("record.c", "record.so", "log", "data"))
    source.write_text(RECORDER)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    log.touch()
    folder.mkdir()
    deadly = tmp_path / "die"
    env = {"LD_PRELOAD": str(library), "RECORD_TO": str(log), "RECORD_OF": str(folder), "DIE_IF": str(deadly)}

    def run(last: int, *dies: str) -> list[Record]:
        command = [sys.executable, "-c", PUBLISHER, str(folder), str(last), *dies]
        ended = subprocess.run(command, check=False, env=os.environ | env)
        assert ended.returncode == (9 if dies else 0)
        deadly.unlink(missing_ok=True)
        return [record for record in _records(log.read_bytes()) if record[1] in LASTING]

    return run


async def test_what_was_acknowledged_survives_a_power_cut_at_any_moment(
    live: Callable[..., list[Record]], tmp_path: Path
) -> None:
    records = live(240)
    begun = next(at for at, (_, name, *_) in enumerate(records) if name == "marks")
    kinds = {(name, kind) for kind, name, *_ in records[begun:]}
    assert {("builds.db-wal", "s"), ("builds.db", "w"), ("builds.db", "s")} <= kinds, "no checkpoint was recorded"
    await _cut_all(records, sorted(Random(1).sample(range(begun, len(records)), 200)), tmp_path)


async def test_what_a_server_shows_after_its_death_survives_a_power_cut(
    live: Callable[..., list[Record]], tmp_path: Path
) -> None:
    """It died with an entry written and not synced: what the next one reads of it is seen by watchers."""
    begun = len(live(30, "dies"))
    records = live(33)
    shown = next(at for at, (_, name, *_) in enumerate(records) if name == "marks" and at >= begun)
    assert records[shown][4] == b"30"
    await _cut_all(records, range(begun, len(records)), tmp_path)


async def _cut_all(records: list[Record], cuts: Sequence[int], folder: Path) -> None:
    random = Random(1)
    disks: dict[str, Disk] = {}
    done = 0
    for cut in cuts:
        for kind, name, offset, size, data in records[done:cut]:
            disk = disks.setdefault(name, Disk())
            if kind == "s":
                disk.sync()
            else:
                disk.later.append((offset, data) if kind == "w" else size)
        done = cut
        acknowledged = int(_after(disks["marks"].synced, disks["marks"].later)) if "marks" in disks else 0
        _rebuild(folder / str(cut), disks, random)
        witness = (folder / str(cut) / "witness").read_bytes()
        with pytest.MonkeyPatch.context() as patch:  # what one cut left is not known to who finds the next
            patch.setenv("SENTRYVIBE_STATE_DIR", str(folder / str(cut) / "state"))
            epoch = await _check(folder / str(cut), acknowledged)
        assert witness.startswith(epoch.encode()) or not witness, "nothing was missing, and watchers were told so"


def _rebuild(folder: Path, disks: dict[str, Disk], random: Random) -> None:
    folder.mkdir()
    for name, disk in disks.items():
        (folder / name).write_bytes(disk.cut(random))


async def _check(folder: Path, acknowledged: int) -> str:
    """Every acknowledged event is there, once, in order and whole. Answers the epoch."""
    store = await SqliteStore.open(folder, StoreLimits(warm_bytes=4096))
    key = BuildKey("p", "s", "s")
    entries = await store.read(key, 0, 1000)
    assert [entry.version for entry in entries] == list(range(1, len(entries) + 1))
    assert acknowledged <= len(entries) <= acknowledged + 1
    state = await store.state(key)
    assert (0 if state is None else state.version) == len(entries)
    if state is not None:
        assert [tool.id for tool in state.tools()] == [f"t{number}" for number in range(len(entries))]
        assert all(tool.state == "output-available" for tool in state.tools())
    if entries:
        whole = await store.find_tool("s", "t0")
        assert whole is not None
        assert whole.output is not None
        assert len(bytes(whole.output)) == 9_002
    await store.close()
    shutil.rmtree(folder)
    return store.epoch
