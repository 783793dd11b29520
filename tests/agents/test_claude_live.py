"""Claude Code's register of running sessions: files that change, go, stay behind, and are not understood."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sentryvibe_tui.agents.claude.live import Registry
from sentryvibe_tui.agents.common.live import Sighting
from sentryvibe_tui.model.activity import PROCESS_GONE
from sentryvibe_tui.model.events import ActivityReported, BuildStarted
from sentryvibe_tui.model.facts import AgentReported, BuildEnded, Noticed
from sentryvibe_tui.model.state import Agent
from sentryvibe_tui.processes import is_alive, is_elsewhere, pid_domain, started_at

S, OTHER = "0b8c9d5e-1111-4222-8333-444444444444", "0b8c9d5e-2222-4222-8333-444444444444"
NOW = 1_800_000_000_000
HERE, CONTAINER = "linux:0b8c:pid:[4026531836]", "linux:0b8c:pid:[4026532201]"


class Register:
    """A folder with entries, whose processes live until they are said to be dead."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "sessions"
        self.folder.mkdir()
        self.dead: set[int] = set()
        self.files = folder / "projects"
        (self.files / "-w-shop").mkdir(parents=True)
        (self.files / "-w-shop" / f"{S}.jsonl").touch()
        self.registry = Registry(self.folder, self.files, lambda pid, _: pid not in self.dead, lambda: NOW, HERE)

    def write(self, status: str | None, at: int = NOW, pid: int = 7, session: str = S, **more: Any) -> None:
        entry = {"pid": pid, "sessionId": session, "cwd": "/w/shop", "procStart": "550879", "version": "2.1.332"}
        entry |= {} if status is None else {"status": status, "statusUpdatedAt": at}
        (self.folder / f"{pid}.json").write_text(json.dumps(entry | more))

    def remove(self, pid: int = 7) -> None:
        (self.folder / f"{pid}.json").unlink()

    def look(self) -> list[Sighting]:
        return self.registry.look()


@pytest.fixture
def register(tmp_path: Path) -> Register:
    return Register(tmp_path)


def words(sightings: list[Sighting]) -> list[tuple[str, str]]:
    """Kind and what of activities, outcome and error of ends."""
    found: list[tuple[str, str]] = []
    for one in sightings:
        match one.event:
            case ActivityReported(kind, what):
                found.append((kind, what))
            case BuildEnded(outcome, _, error):
                found.append((outcome, error))
            case other:
                found.append((type(other).__name__, ""))
    return found


def test_a_process_that_was_gone_before_the_first_look_has_ended_when_it_last_did_something(register: Register) -> None:
    register.write("busy", NOW - 90_000)
    for path, ago in ((register.folder / "7.json", 80), (register.files / "-w-shop" / f"{S}.jsonl", 60)):
        os.utime(path, (NOW / 1000 - ago,) * 2)
    register.dead.add(7)
    assert [(words([one]), one.at) for one in register.look()] == [([("interrupted", PROCESS_GONE)], NOW - 60_000)]
    register.write("busy", NOW - 90_000, pid=8, session="another")
    register.look()
    register.dead.add(8)
    assert [one.at for one in register.look()] == [NOW]


@pytest.mark.parametrize(
    ("status", "waiting_for", "said"),
    [
        ("busy", None, ("working", "")),
        ("waiting", "permission prompt", ("waiting-person", "permission prompt")),
        ("waiting", "input needed", ("waiting-person", "input needed")),
        ("waiting", "sandbox request", ("waiting-person", "sandbox request")),
        ("shell", None, ("waiting-machine", "a command in the background")),
        ("idle", None, ("idle", "")),
    ],
)
def test_each_status_is_told_once_with_its_time(
    register: Register, status: str, waiting_for: str | None, said: tuple[str, str]
) -> None:
    register.write(status, NOW - 5, waitingFor=waiting_for)
    (seen,) = register.look()
    assert words([seen]) == [said]
    assert (seen.session, seen.at, seen.directory) == (S, NOW - 5, "/w/shop")
    register.write(status, NOW - 5, waitingFor=waiting_for, updatedAt=NOW)
    assert register.look() == [], "nothing changed that says anything"


def test_a_process_of_a_container_lives_as_long_as_its_entry_though_its_pid_is_nobodys_here(register: Register) -> None:
    register.dead.add(7)
    register.write("busy", NOW - 90_000, pidDomain=CONTAINER)
    assert words(register.look()) == [("working", "")]
    register.write("waiting", NOW - 5, pidDomain=CONTAINER, waitingFor="permission prompt")
    assert words(register.look() + register.look()) == [("waiting-person", "permission prompt")]
    register.remove()
    assert words(register.look() + register.look()) == [("interrupted", "the session was closed")]


def test_what_a_container_left_a_day_ago_is_over(register: Register) -> None:
    register.dead.add(7)
    register.write("busy", NOW - 24 * 3_600_000, pidDomain=CONTAINER)
    assert words(register.look()) == [("interrupted", PROCESS_GONE)]


@pytest.mark.parametrize(
    ("domain", "elsewhere"),
    [
        (HERE, False),
        (CONTAINER, True),
        ("linux:ffff:pid:[4026531836]", True),  # the first namespace of each machine has one number
        ("linux::pid:[4026531836]", False),
        ("left-out", False),
        ("", False),
    ],
)
def test_where_a_pid_counts(domain: str, elsewhere: bool) -> None:
    assert is_elsewhere(domain, HERE) == elsewhere
    assert not is_elsewhere(domain, "")
    assert is_elsewhere(domain, "linux::pid:[4026531836]") == (domain == CONTAINER)


def test_our_own_pids_count_here() -> None:
    assert not is_elsewhere(pid_domain(), pid_domain())


def test_a_session_that_starts_has_no_status_yet(register: Register) -> None:
    register.write(None)
    assert register.look() == []
    register.write("idle")
    assert words(register.look()) == [("idle", "")]


def test_a_process_that_is_gone_ends_its_session_though_the_file_stays(register: Register) -> None:
    register.write("busy")
    register.look()
    register.dead.add(7)
    (end,) = register.look()
    assert (end.event, end.at) == (BuildEnded("interrupted", error=PROCESS_GONE, source="registry"), NOW)
    assert register.look() == []


def test_a_file_left_behind_long_ago_tells_of_no_work(register: Register) -> None:
    register.dead.add(7)
    register.write("busy")
    assert words(register.look()) == [("interrupted", PROCESS_GONE)]


def test_a_resumed_session_is_not_ended_by_what_its_killed_process_left(register: Register) -> None:
    register.dead.add(7)
    register.write("busy")
    register.write("busy", pid=8)
    assert words(register.look()) == [("working", "")]
    register.remove()
    assert register.look() == register.look() == []


def test_a_file_that_is_gone_ends_its_session_unless_it_is_only_written_anew(register: Register) -> None:
    register.write("idle")
    register.look()
    register.remove()
    assert register.look() == []
    register.write("busy", NOW + 1)
    assert words(register.look()) == [("working", "")]
    register.remove()
    register.look()
    assert words(register.look()) == [("interrupted", "the session was closed")]
    assert register.look() == []


def test_a_process_that_turns_to_another_session_leaves_the_one_before(register: Register) -> None:
    register.write("idle")
    register.look()
    register.write("busy", session=OTHER)
    (register.files / "-w-shop" / f"{OTHER}.jsonl").touch()
    left, working = register.look()
    assert (left.session, words([left])) == (S, [("interrupted", "the session was closed")])
    assert (working.session, words([working])) == (OTHER, [("working", "")])


@pytest.mark.parametrize(("status", "kind"), [("idle", "idle"), ("busy", "working"), ("waiting", "waiting-person")])
def test_a_session_begins_before_its_file_is_there(register: Register, status: str, kind: str) -> None:
    """Idle until its first prompt, or with that."""
    register.write(status, session=OTHER)
    begun, agent, stands = register.look()
    assert (begun.event, begun.directory, words([stands])) == (BuildStarted(), "/w/shop", [(kind, "")])
    assert agent.event == AgentReported(Agent("claude-code", cwd="/w/shop"))
    register.write("busy", NOW + 1, session=OTHER)
    assert words(register.look()) == [("working", "")], "once"
    register.write("idle", NOW + 2, session=OTHER)
    register.write("busy", NOW + 3, session=OTHER)
    assert words(register.look()) == [("working", "")], "once"


def test_an_unknown_status_is_told_once(register: Register) -> None:
    register.write("pondering")
    (notice,) = register.look()
    assert isinstance(notice.event, Noticed)
    assert "'pondering'" in notice.event.message
    register.write("pondering", NOW + 1)
    assert register.look() == []


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"pid": "7"}', b'{"pid": true, "sessionId": "x"}', b"[" * 5000],
)
def test_what_is_no_entry_is_passed_over(register: Register, content: bytes) -> None:
    (register.folder / "9.json").write_bytes(content)
    register.write("busy")
    assert words(register.look()) == [("working", "")]


@pytest.mark.parametrize("field", ["cwd", "procStart", "waitingFor", "statusUpdatedAt", "version"])
def test_fields_of_other_types_do_no_harm(register: Register, field: str) -> None:
    register.write("busy", **{field: {"odd": [1]}})
    assert words(register.look()) == [("working", "")]


def test_without_the_folder_nothing_is_seen(tmp_path: Path) -> None:
    assert Registry(tmp_path / "none", tmp_path / "none").look() == []


def test_a_process_is_known_by_its_pid_and_its_start() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    start = started_at(child.pid)
    assert is_alive(child.pid, start)
    if start:
        assert not is_alive(child.pid, str(int(start) + 1)), "another process of that pid"
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    if start:
        assert not is_alive(child.pid, start), "dead, though nobody has asked for its status"
    child.communicate()
    assert not is_alive(child.pid, start)
