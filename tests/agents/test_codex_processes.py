"""Which process has a session of Codex, and what is told when it is gone."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sentryvibe_tui.agents.codex.processes import SCAN_EVERY, Holders, RolloutHolder, holders
from sentryvibe_tui.model.activity import PROCESS_GONE
from sentryvibe_tui.model.facts import BuildEnded
from sentryvibe_tui.processes import is_alive, open_links

THREAD, CHILD = "01a2f000-0000-7000-8000-000000000077", "01a2f000-0000-7000-8000-000000000088"
END = BuildEnded("interrupted", error=PROCESS_GONE, source="registry")
SCREEN, OTHER = RolloutHolder(7, "100"), RolloutHolder(8, "200")


class Machine:
    """Processes with their open rollouts, and a clock."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.time = folder, 0.0
        self.open: dict[Path, RolloutHolder] = {}
        self.dead: set[int] = set()
        self.holders = Holders(lambda: self.open, lambda pid, _: pid not in self.dead, lambda: self.time, lambda: 5)

    def rollout(self, thread: str, **more: object) -> Path:
        path = self.folder / f"rollout-2026-11-20T09-00-00-{thread}.jsonl"
        path.write_text(
            json.dumps({"type": "session_meta", "payload": {"id": thread, "cwd": "/w/shop", **more}}) + "\n"
        )
        return path

    def gone(self) -> list[tuple[str, str]]:
        self.time += SCAN_EVERY
        seen = self.holders.look()
        assert all((one.event, one.at) == (END, 5) for one in seen)
        return [(one.session, one.directory) for one in seen]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_process_that_is_gone_is_told_of_once(machine: Machine) -> None:
    machine.open = {machine.rollout(THREAD): SCREEN}
    assert machine.gone() == []
    machine.open, machine.dead = {}, {SCREEN.pid}
    assert (machine.gone(), machine.gone()) == ([(THREAD, "/w/shop")], [])


def test_a_session_that_is_closed_or_taken_over_is_not_gone(machine: Machine) -> None:
    path = machine.rollout(THREAD)
    machine.open = {path: SCREEN}
    assert machine.gone() == []
    machine.open, machine.dead = {path: OTHER}, {SCREEN.pid}
    assert machine.gone() == []
    machine.open = {}
    assert machine.gone() == []
    machine.dead = {OTHER.pid}
    assert machine.gone() == []


def test_subagents_and_files_that_say_nothing_are_no_sessions(machine: Machine) -> None:
    spawned = {"subagent": {"thread_spawn": {"parent_thread_id": THREAD}}}
    empty = machine.folder / "rollout-x.jsonl"
    machine.open = dict.fromkeys((machine.rollout(CHILD, source=spawned), empty), SCREEN)
    assert machine.gone() == []
    machine.open, machine.dead = {}, {SCREEN.pid}
    assert machine.gone() == []


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A program called `codex` that has a rollout open."""
    path = tmp_path / "sessions" / "2026" / "11" / "20" / f"rollout-2026-11-20T09-00-00-{THREAD}.jsonl"
    path.parent.mkdir(parents=True)
    (tmp_path / "codex").symlink_to(os.path.realpath(sys.executable))
    code = f"kept = open({str(path)!r}, 'a'); print(1, flush=True); input()"
    with subprocess.Popen(
        [tmp_path / "codex", "-I", "-S", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        process.stdout.readline()
        yield process, path
        process.kill()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="only Linux says which process has a file open")
def test_a_real_process_is_found_by_its_open_file(tmp_path: Path, screen: tuple[subprocess.Popen[bytes], Path]) -> None:
    process, path = screen
    found = holders(tmp_path / "sessions")
    assert [(one, owner.pid) for one, owner in found.items()] == [(path, process.pid)]
    assert holders(tmp_path / "other") == {}
    process.kill()
    process.wait()
    assert not is_alive(found[path].pid, found[path].start)
    assert holders(tmp_path / "sessions") == {}


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="only Linux says which process has a file open")
def test_what_is_closed_meanwhile_hides_nothing_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    readlink = os.readlink

    def closed_at_first(path: str, gone: list[str] = []) -> str:  # noqa: B006
        if not gone:
            gone.append(path)
            raise FileNotFoundError(path)
        return readlink(path)

    with open(tmp_path / "rollout-1.jsonl", "w"):
        monkeypatch.setattr(os, "readlink", closed_at_first)
        assert str(tmp_path / "rollout-1.jsonl") in open_links(os.getpid())
