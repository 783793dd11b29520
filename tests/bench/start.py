"""How long a server over a large database takes to be ready, beside one over an empty one.

    python tests/bench/start.py [MEGABYTES]     default 960; makes the database in a temporary folder, some 10 s

Wall seconds from the start of the process to its `ready` line, and its CPU seconds then; rounds interleaved.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from sentryvibe_tui.model.events import About, TextAdded
from sentryvibe_tui.model.facts import BuildEnded
from sentryvibe_tui.store.sqlite import DATABASE, SqliteStore
from sentryvibe_tui.wire.envelope import EventEnvelope

ENTRIES, TEXT, ROUNDS = 100, 800, 5
EACH = 1.05
"""Bytes of the file for a byte of text, about."""


async def make(folder: Path, megabytes: int) -> None:
    """A build by the store itself, then its copies by SQL: tables, indexes and sizes are those of a real one."""
    store = await SqliteStore.open(folder)
    about = About("project-0", "session", "build-1")
    events = [EventEnvelope(about, TextAdded(f"t{n}", "x" * TEXT), f"e{n}", n + 1) for n in range(ENTRIES - 1)]
    await store.append([*events, EventEnvelope(about, BuildEnded("completed"), "end", ENTRIES)], 1_000)
    await store.close()
    copies = int(megabytes * 1e6 / (ENTRIES * (TEXT + 160) * EACH))
    with closing(sqlite3.connect(folder / DATABASE)) as db:
        db.execute("PRAGMA synchronous = OFF")
        db.execute("CREATE TEMP TABLE logs AS WITH RECURSIVE n (log) AS (SELECT 2 UNION ALL SELECT log + 1 FROM n"
                   f" WHERE log < {copies}) SELECT log FROM n")  # fmt: skip
        db.executescript(
            """
            INSERT INTO projects SELECT 'project-' || log, 'project-' || log, 'project-' || log, 1 FROM logs
                WHERE log < 200;
            INSERT INTO builds (log, project_id, session_id, build_id, version, status, updated_at, row, at)
                SELECT l.log, 'project-' || (2 + l.log % 190), 'session', 'build-' || l.log, version, status,
                updated_at, CAST(replace(CAST(row AS TEXT), 'build-1', 'build-' || l.log) AS BLOB), at + l.log
                FROM logs l JOIN builds b ON b.log = 1;
            INSERT INTO entries SELECT (l.log << 32) + (place & 4294967295), updates
                FROM logs l JOIN entries e ON e.place >> 32 = 1 ORDER BY 1;
            INSERT INTO event_ids SELECT l.log, event_id, digest FROM logs l JOIN event_ids i ON i.log = 1;
            INSERT INTO snapshots SELECT l.log, version, state FROM logs l JOIN snapshots s ON s.log = 1;
            """
        )
        db.commit()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    size = (folder / DATABASE).stat().st_size
    print(f"{copies} builds, {copies * ENTRIES} entries, {size / 1e6:.0f} MB")


def start(folder: Path) -> tuple[float, float]:
    """Wall and CPU seconds until a server is ready."""
    command = [sys.executable, "-m", "sentryvibe_tui", "serve", "--port", "0", "--data", str(folder)]
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("ready ")
    wall = time.monotonic() - begun
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    process.terminate()
    process.wait()
    return wall, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main(megabytes: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        os.environ["SENTRYVIBE_RUNTIME_DIR"] = os.environ["SENTRYVIBE_STATE_DIR"] = f"{name}/run"
        large, empty = Path(name, "large"), Path(name, "empty")
        asyncio.run(make(large, megabytes))
        rounds = [(start(large), start(empty)) for _ in range(ROUNDS)]
        for title, index in (("large", 0), ("empty", 1)):
            walls, cpus = zip(*(pair[index] for pair in rounds), strict=True)
            print(f"{title}: ready after {statistics.median(walls):.2f} s (best {min(walls):.2f}),"
                  f" {statistics.median(cpus):.2f} s of CPU")  # fmt: skip


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 960)
