"""Session files end to end, `ingest` into `serve` as real processes:

    python tests/bench/ingest.py [--mb N] [--rounds N] [--against REVISION] [FORMAT…]

For every format: many files of one sample each, and few files that join many samples to one long build (`+`). Prints
MB/s and events/s of wall time from the start of `ingest` to its end, CPU seconds (user + system) and peak memory of
either process, and MB/s of the reader alone. `--against` measures the sources of a git revision too, in turns with
those of this tree, and prints the ratio of the throughputs.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

import psutil

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "tests/data/transcripts"
FORMATS = ("claude-session", "claude-stream-json", "codex-rollout", "codex-exec", "gemini-session", "opencode-run")
JOINED = frozenset({"claude-session", "codex-rollout", "codex-exec", "opencode-run"})
"""Formats in which one build may go on after what a sample ends with."""
LONG = 8_000_000
UUID = rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
SESSION = re.compile(rb'"(?:sessionId|session_id|sessionID|thread_id|session_meta","payload":\{"id)": ?"([^"]+)"')
TIME = re.compile(rb'"timestamp": ?"([^"]+)"')
OWN = re.compile(rb"(?:toolu|call|msg|prt|item)_[A-Za-z0-9]{8,}|\b(?:" + UUID + rb"|[0-9a-f]{32})\b")


class Sample:
    """A transcript whose ids can be made new: those of the session, and those of what is in it."""

    def __init__(self, path: Path) -> None:
        self._data = path.read_bytes().rstrip(b"\n") + b"\n"
        self._sessions = set(SESSION.findall(self._data))
        self.begun = min(TIME.findall(self._data), default=b"")

    def renewed(self, session: int, number: int) -> bytes:
        data = self._data
        for found in self._sessions:
            data = data.replace(found, b"bench-session-%08d" % session)
        return OWN.sub(lambda match: match[0][:-8] + b"%08x" % number, data)


def write_files(samples: list[Sample], size: int, long: bool, folder: Path) -> int:
    """Fills `folder`; answers how many bytes there are."""
    numbers, written = itertools.count(), 0
    for session in itertools.count(1):
        if written >= size:
            break
        with (folder / f"{session:06}.jsonl").open("wb") as file:
            turns = iter(samples) if long else iter(())
            while not file.tell() or (long and file.tell() < min(LONG, size)):
                number = next(numbers)
                sample = next(turns, samples[number % len(samples)])
                file.write(sample.renewed(session, number))
            written += file.tell()
    return written


class Cost(NamedTuple):
    rate: float
    events: float
    ingest_cpu: float
    serve_cpu: float
    ingest_mib: float
    serve_mib: float
    reader: float


@contextlib.contextmanager
def server(data: str, environment: dict[str, str]) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    command = [sys.executable, "-m", "sentryvibe_tui", "serve", "--port", "0", "--data", data]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().rsplit(':', 1)[1].strip()}", process
    finally:
        process.terminate()
        process.wait()


def peak_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def measure(sources: Path, files: list[str], size: int) -> Cost:
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {
            "PYTHONPATH": str(sources),
            "HOME": home,
            **{f"XDG_{kind}_HOME": f"{home}/{kind}" for kind in ("DATA", "CONFIG", "STATE", "CACHE")},
            "SENTRYVIBE_DATA_DIR": f"{home}/data",
            "SENTRYVIBE_RUNTIME_DIR": f"{home}/run",
        }
        data = f"{home}/data"
        with server(data, environment) as (url, serving):
            usual = sum(psutil.Process(serving.pid).cpu_times()[:2])
            command = [sys.executable, "-m", "sentryvibe_tui", "ingest", "bench", *files, "--server", url]
            begun = time.monotonic()
            process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            assert process.stderr is not None
            said = process.stderr.read()
            _, code, used = os.wait4(process.pid, 0)
            seconds = time.monotonic() - begun
            process.returncode = os.waitstatus_to_exitcode(code)
            assert process.returncode in (0, 1), said
            serve_cpu = sum(psutil.Process(serving.pid).cpu_times()[:2]) - usual
            serve_mib = peak_mib(serving.pid)
        with contextlib.closing(sqlite3.connect(f"{data}/builds.db")) as db:
            (events,) = db.execute("SELECT count(*) FROM event_ids").fetchone()
        command = [sys.executable, __file__, "--read", *files]
        reader = float(subprocess.run(command, env=environment, capture_output=True, check=True, text=True).stdout)
    return Cost(
        size / seconds / 1e6,
        events / seconds,
        used.ru_utime + used.ru_stime,
        serve_cpu,
        used.ru_maxrss / 1024,
        serve_mib,
        size / reader / 1e6,
    )


def read(files: list[str]) -> None:
    """Prints the seconds that reading and masking take."""
    from sentryvibe_tui.agents.detect import new_reader
    from sentryvibe_tui.agents.redact import Redacted, Redactor

    begun = time.monotonic()
    for path in files:
        reader = Redacted(new_reader("auto"), Redactor())
        with open(path, "rb", 0) as file:
            while piece := file.read(64 * 1024):
                reader.feed(piece)
        reader.finish()
    print(time.monotonic() - begun)


def compare(trees: dict[str, Path], samples: list[Sample], title: str, long: bool, size: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        written = write_files(samples, size, long, Path(folder))
        files = sorted(str(path) for path in Path(folder).iterdir())
        costs: dict[str, list[Cost]] = {name: [] for name in trees}
        for number in range(rounds):
            for name in sorted(trees, reverse=number % 2 == 1):
                costs[name].append(measure(trees[name], files, written))
        print(f"-- {title}: {written / 1e6:.0f} MB in {len(files)} files")
        for name, measured in costs.items():
            cost = Cost(*map(median, zip(*measured, strict=True)))
            print(
                f"{name:>10}: {cost.rate:5.1f} MB/s {cost.events:7,.0f} events/s, CPU {cost.ingest_cpu:.2f} s ingest "
                f"{cost.serve_cpu:.2f} s serve, peak {cost.ingest_mib:.0f} + {cost.serve_mib:.0f} MiB, "
                f"reader alone {cost.reader:.0f} MB/s"
            )
        if len(costs) == 2:
            here, there = (median(cost.rate for cost in measured) for measured in costs.values())
            print(f"     ratio: {here / there:.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("formats", nargs="*", default=FORMATS, metavar="FORMAT")
    parser.add_argument("--mb", type=float, default=20, help="size of each input")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--against", metavar="REVISION")
    parser.add_argument("--samples", type=Path, default=SAMPLES, help="a folder of transcripts by format")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as other:
        trees = {"here": ROOT / "src"}
        if asked.against:
            packed = subprocess.run(
                ["git", "-C", ROOT, "archive", asked.against, "src"], check=True, capture_output=True
            )
            subprocess.run(["tar", "-x", "-C", other], input=packed.stdout, check=True)
            trees[asked.against[:10]] = Path(other) / "src"
        for kind in asked.formats:
            samples = [Sample(path) for path in sorted((asked.samples / kind).glob("*.jsonl"))]
            samples.sort(key=lambda sample: sample.begun)  # what is older than the start of a rollout is left out
            for long in (False, True) if kind in JOINED else (False,):
                size = int(asked.mb * 1e6)
                compare(trees, samples, kind + "+" * long, long, size, asked.rounds)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--read"]:
        read(sys.argv[2:])
    else:
        main()
