"""opencode's database as a source: a real SQLite file in the shape of its version 1.18.33, and processes of our own."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sentryvibe_tui.agents.common.live import Sighting
from sentryvibe_tui.agents.common.reader import Reported
from sentryvibe_tui.agents.opencode.database import NotUnderstood
from sentryvibe_tui.agents.opencode.live import CREATION_SLACK, ORPHANED, RECENT, DatabaseWitness
from sentryvibe_tui.agents.opencode.processes import OpencodeProcess, Owners, at_work, says_so
from sentryvibe_tui.model.activity import Request
from sentryvibe_tui.model.facts import RequestOpened
from sentryvibe_tui.model.state import BuildState

START = 1_800_000_000_000

TABLES = """
CREATE TABLE event (id text PRIMARY KEY, aggregate_id text NOT NULL, seq integer NOT NULL, type text, data text);
CREATE TABLE session (id text PRIMARY KEY, parent_id text, directory text NOT NULL, time_updated integer NOT NULL);
"""


class Opencode:
    """Writes as opencode does: every event with its number in its session, in a journal beside the file."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True)
        self.path, self.now, self.alive, self.written = path, START, True, 0
        self.database = sqlite3.connect(path, isolation_level=None)
        self.database.execute("PRAGMA journal_mode=WAL")
        self.database.executescript(TABLES)

    def tells(self, session: str, kind: str, **data: Any) -> None:
        self.now += 10
        (seq,) = self.database.execute("SELECT count(*) FROM event WHERE aggregate_id = ?", (session,)).fetchone()
        self.written += 1
        self.database.execute("UPDATE session SET time_updated = ? WHERE id = ?", (self.now, session))
        row = (f"evt_{self.written:04}", session, seq, f"{kind}.1", json.dumps({"sessionID": session} | data))
        self.database.execute("INSERT INTO event VALUES (?, ?, ?, ?, ?)", row)

    def begins(self, session: str, parent: str | None = None, directory: str = "/w") -> None:
        self.database.execute("INSERT INTO session VALUES (?, ?, ?, ?)", (session, parent, directory, self.now))
        info = {"id": session, "directory": directory, "title": "T", "time": {"created": self.now}}
        self.tells(session, "session.created", info=info | ({"parentID": parent} if parent else {}))

    def message(self, session: str, ident: str, role: str = "assistant", **info: Any) -> None:
        done = {"completed": self.now + 10} if "finish" in info or "error" in info else {}
        times = {"created": self.now + 10} | done
        self.tells(session, "message.updated", info={"id": ident, "role": role, "time": times} | info)

    def part(self, session: str, message: str, **part: Any) -> None:
        self.tells(session, "message.part.updated", time=self.now + 10, part={"messageID": message} | part)

    def call(self, session: str, message: str, ident: str, status: str, tool: str = "bash", **state: Any) -> None:
        state = {"status": status, "input": {"command": "touch x"}, "time": {"start": self.now + 10}} | state
        self.part(session, message, id=f"p{ident}", type="tool", tool=tool, callID=ident, state=state)

    def asks(self, session: str = "A") -> None:
        self.begins(session)
        self.message(session, "u1", "user")
        self.part(session, "u1", id="p1", type="text", text="mark it")
        self.message(session, "m1")
        self.call(session, "m1", "c1", "running")

    def processes(self) -> list[OpencodeProcess]:
        return [OpencodeProcess(7, "1", START, "/w")] if self.alive else []


@pytest.fixture
def opencode(tmp_path: Path) -> Iterator[Opencode]:
    agent = Opencode(tmp_path / "opencode #1?" / "opencode.db")
    yield agent
    agent.database.close()


def witness(opencode: Opencode) -> DatabaseWitness:
    owners = Owners(opencode.processes, lambda pid, start: opencode.alive, lambda: opencode.now / 1000)
    return DatabaseWitness(opencode.path, owners, lambda: opencode.now)


def folded(fold: Any, sightings: list[Sighting]) -> BuildState:
    return fold(Reported(one.event, one.at, one.session) for one in sightings)


def test_a_turn_is_told_as_it_goes_and_its_end_at_once(opencode: Opencode, fold: Any) -> None:
    look = witness(opencode).look
    assert look() == []
    opencode.begins("A")
    opencode.message("A", "u1", "user")
    opencode.part("A", "u1", id="p1", type="text", text="mark it")
    seen = look()
    assert {(one.session, one.directory) for one in seen} == {("A", "/w")}
    opencode.message("A", "m1", modelID="big")
    opencode.call("A", "m1", "c1", "running", metadata={"output": ""})
    seen += look()
    state = folded(fold, seen)
    assert (state.status, [note.text for note in state.notes()], state.open_tools) == ("active", ["mark it"], {"c1"})
    opencode.call("A", "m1", "c1", "completed", output="ok", metadata={"exit": 0})
    opencode.message("A", "m1", finish="tool-calls")
    opencode.message("A", "m2", finish="stop")
    seen += look()
    state = folded(fold, seen)
    assert (state.status, state.activity.kind, state.agent.model) == ("completed", "idle", "big")
    assert look() == []


def test_what_is_written_while_nobody_looks_is_told_whole_and_the_same_by_another_witness(opencode: Opencode) -> None:
    first = witness(opencode)
    opencode.asks()
    seen = first.look()
    opencode.call("A", "m1", "c1", "completed", output="ok", metadata={"exit": 0})
    opencode.message("A", "m1", finish="stop")
    seen += first.look()
    assert [(one.id, one.event, one.at) for one in seen] == [
        (one.id, one.event, one.at) for one in witness(opencode).look()
    ]


def test_a_command_that_does_not_begin_waits_for_permission(opencode: Opencode, fold: Any) -> None:
    opencode.asks()
    look = witness(opencode).look
    seen = look()
    assert not folded(fold, seen).requests
    opencode.now += 900
    seen += look()
    (request,) = folded(fold, seen).requests
    assert (request.kind, request.title, request.tool_call_id) == ("permission", "permission: bash: touch x", "c1")
    assert folded(fold, seen).activity.kind == "waiting-person"
    assert look() == []
    opencode.call("A", "m1", "c1", "running", metadata={"output": ""})
    seen += look()
    assert (folded(fold, seen).requests, folded(fold, seen).activity.kind) == ((), "working")


def test_one_that_was_killed_before_the_first_look_asks_nobody(opencode: Opencode, fold: Any) -> None:
    """Its last event is recent still, so it is not called gone yet: a guess would be newer than its end."""
    opencode.asks()
    opencode.alive, opencode.now = False, opencode.now + 3_000
    look = witness(opencode).look
    seen = look()
    for _ in range(12):
        opencode.now += 1_000
        seen += look()
        assert not folded(fold, seen).requests
    assert (folded(fold, seen).status, folded(fold, seen).activity.kind) == ("interrupted", "ended")


def test_the_word_of_its_own_server_counts_where_one_is_heard(opencode: Opencode, fold: Any) -> None:
    """What such a server asks itself is told by its port; where none is heard any more, it is guessed again."""
    opencode.asks()
    owners = Owners(opencode.processes, lambda pid, start: opencode.alive, lambda: opencode.now / 1000)
    word: list[frozenset[str] | None] = [frozenset()]
    look = DatabaseWitness(opencode.path, owners, lambda: opencode.now, lambda directory, last: word[0]).look
    seen = look()
    asked = [((), frozenset()), ((), frozenset({"c1"})), (("asks-c1",), None), (("asks-c1",), frozenset({"c1"})),
             ((), frozenset()), ((), frozenset()), (("asks-c1",), None)]  # fmt: skip
    for requests, said in asked:
        opencode.now, word[0] = opencode.now + 900, said
        seen += look()
        state = folded(fold, seen)
        assert tuple(one.id for one in state.requests) == requests, said
        assert state.activity.kind == ("waiting-person" if requests else "working")
    assert len({one.id for one in seen}) == len(seen)


@pytest.mark.parametrize(
    ("tool", "state"), [("bash", {"metadata": {"output": ""}}), ("webfetch", {}), ("bash", {"status": "pending"})]
)
def test_a_command_that_runs_waits_for_nobody(opencode: Opencode, fold: Any, tool: str, state: Any) -> None:
    opencode.begins("A")
    opencode.message("A", "m1")
    opencode.call("A", "m1", "c1", **({"status": "running"} | state), tool=tool)
    look = witness(opencode).look
    seen = look()
    opencode.now += 60_000
    assert not folded(fold, [*seen, *look()]).requests


def test_words_that_came_before_a_question_do_not_answer_it(opencode: Opencode, fold: Any) -> None:
    opencode.begins("A")
    opencode.message("A", "m1")
    began = opencode.now
    opencode.part("A", "m1", id="p1", type="text", text="", time={"start": began})
    asked = {"questions": [{"question": "Which?", "options": [{"label": "Red"}, {"label": "Blue"}]}]}
    opencode.call("A", "m1", "c1", "pending", "question", input={})
    opencode.call("A", "m1", "c1", "running", "question", input=asked)
    opencode.part("A", "m1", id="p1", type="text", text="One thing.", time={"start": began, "end": opencode.now})
    look = witness(opencode).look
    state = folded(fold, look())
    assert (state.needs_input, state.activity.kind) == ("Which? (Red, Blue)", "waiting-person")
    assert [note.text for note in state.notes()] == ["One thing."]


def test_esc_is_cancelled_and_a_killed_process_is_gone(opencode: Opencode, fold: Any) -> None:
    look = witness(opencode).look
    opencode.asks()
    opencode.call("A", "m1", "c1", "error", error="Tool execution aborted")
    opencode.message("A", "m1", error={"name": "MessageAbortedError", "data": {"message": "Aborted"}})
    seen = look()
    assert (folded(fold, seen).status, folded(fold, seen).activity.kind) == ("cancelled", "idle")
    opencode.message("A", "u2", "user")
    opencode.message("A", "m2")
    opencode.now += 1_000
    seen += look()
    assert folded(fold, seen).activity.kind == "working"
    opencode.alive = False
    opencode.now += 3_000
    seen += look()
    state = folded(fold, seen)
    assert (state.status, state.error, state.activity.kind) == ("interrupted", "process gone", "ended")
    assert look() == []


def test_a_subagents_session_belongs_to_its_call(opencode: Opencode, fold: Any) -> None:
    look = witness(opencode).look
    opencode.begins("A")
    opencode.message("A", "m1")
    opencode.call("A", "m1", "c1", "pending", "task", input={})
    opencode.begins("B", parent="A")
    seen = look()
    opencode.call("A", "m1", "c1", "running", "task", metadata={"sessionId": "B"})
    opencode.message("B", "b1")
    opencode.call("B", "b1", "c2", "completed", output="12", metadata={"exit": 0})
    opencode.message("B", "b1", finish="stop")
    seen += look()
    assert {one.session for one in seen} == {"A"}
    state = folded(fold, seen)
    assert (state.status, {call.id: call.parent_id for call in state.tools()}) == ("active", {"c1": "", "c2": "c1"})


def test_old_sessions_are_left_and_come_back_when_they_go_on(opencode: Opencode, fold: Any) -> None:
    opencode.asks()
    opencode.now += RECENT + 60_000
    look = witness(opencode).look
    assert look() == []
    opencode.message("A", "m1", finish="stop")
    state = folded(fold, look())
    assert ([note.text for note in state.notes()], state.status) == (["mark it"], "completed")


def test_a_session_that_no_process_has_is_over(opencode: Opencode, fold: Any) -> None:
    opencode.asks()
    opencode.alive, asked_at = False, opencode.now + 200
    opencode.now += ORPHANED + 1
    seen = witness(opencode).look()
    plugin = Sighting("A", RequestOpened(Request("asked-1", title="touch x", tool_call_id="c1")), asked_at)
    for told in (seen, [*seen[:-1], plugin, seen[-1]]):
        state = folded(fold, told)
        assert (state.status, state.activity.kind, state.requests) == ("interrupted", "ended", ())


def test_a_log_that_is_numbered_anew_loses_nothing(opencode: Opencode, fold: Any) -> None:
    look = witness(opencode).look
    opencode.begins("gone")
    opencode.asks()
    seen = look()
    opencode.database.execute("DELETE FROM event WHERE aggregate_id = 'gone'")
    opencode.database.execute("VACUUM")
    opencode.message("A", "m1", finish="stop")
    assert folded(fold, [*seen, *look()]).status == "completed"


def test_nothing_of_theirs_is_written_or_held(opencode: Opencode) -> None:
    opencode.asks()
    look = witness(opencode).look
    assert look()
    opencode.database.execute("PRAGMA journal_mode=DELETE")  # possible only while nobody else has the database open
    opencode.database.close()
    before = {path.name: path.read_bytes() for path in opencode.path.parent.iterdir()}
    look = witness(opencode).look
    assert look()
    assert {path.name: path.read_bytes() for path in opencode.path.parent.iterdir()} == before


def test_what_is_no_database_of_theirs(tmp_path: Path) -> None:
    path = tmp_path / "opencode.db"
    now = [int(time.time() * 1000)]
    look = DatabaseWitness(path, None, lambda: now[0]).look
    assert look() == []
    path.write_bytes(b"no database at all, but long enough to look like one " * 50)
    assert look() == []
    path.unlink()
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE event (id text, body text)")
    other.close()
    assert look() == []  # it is perhaps just being made
    now[0] += CREATION_SLACK + 1
    with pytest.raises(NotUnderstood, match="table event lacks aggregate_id, data, seq, type"):
        look()


def test_an_event_that_makes_no_sense_hides_none_behind_it(opencode: Opencode, fold: Any) -> None:
    opencode.begins("A")
    opencode.tells("A", "message.updated", info=[1])
    opencode.database.execute("UPDATE event SET data = 'no JSON' WHERE type = 'message.updated.1'")
    opencode.tells("A", "session.dreams")
    opencode.message("A", "m1", finish="stop")
    state = folded(fold, witness(opencode).look())
    assert (state.status, [note.text for note in state.notes()]) == (
        "completed",
        ["not read: 1 records that make no sense; 1 records of unknown kind (session.dreams ×1)"],
    )


def test_a_database_that_is_just_made_is_read_when_it_is_there(opencode: Opencode, fold: Any) -> None:
    opencode.database.executescript("DROP TABLE event; DROP TABLE session")
    look = witness(opencode).look
    assert look() == []
    opencode.database.executescript(TABLES)
    opencode.asks()
    assert folded(fold, look()).open_tools == {"c1"}
    opencode.database.close()


@pytest.mark.skipif(not says_so(), reason="only Linux tells which processes there are")
def test_a_process_at_work_is_found_by_the_database_that_it_has_open(tmp_path: Path) -> None:
    path = tmp_path / "opencode.db"
    path.touch()
    hold = "import sys; opencode = open(sys.argv[2]); print(flush=True); input()"
    words = [sys.executable, "-c", hold, "opencode", str(path)]
    with subprocess.Popen(words, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        (found,) = at_work(path)
        assert (found.pid, found.directory) == (process.pid, str(tmp_path.resolve()))
        assert abs(found.began - time.time() * 1000) < 120_000
        process.kill()
    assert at_work(path) == []


@pytest.mark.skipif(not says_so(), reason="only Linux tells which processes there are")
def test_the_directory_of_a_process_is_that_of_the_database_whatever_the_locale_is(tmp_path: Path) -> None:
    """Else each of its sessions would be one without a process."""
    path, home = tmp_path / "opencode.db", tmp_path / "mobile 日本"
    path.touch()
    home.mkdir()
    hold = "import sys; opencode = open(sys.argv[2]); print(flush=True); input()"
    ask = "import sys; from sentryvibe_tui.agents.opencode.processes import at_work; from pathlib import Path;"
    ask += "print(ascii(at_work(Path(sys.argv[1]))[0].directory))"
    words = [sys.executable, "-c", hold, "opencode", str(path)]
    with subprocess.Popen(words, cwd=home, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        locale = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
        said = subprocess.run([sys.executable, "-c", ask, str(path)], env=locale, capture_output=True, check=True)
        assert said.stdout.decode().strip() == ascii(str(home.resolve()))
        process.kill()
