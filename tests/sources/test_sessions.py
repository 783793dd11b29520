"""Which session files belong to a directory."""

import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from sentryvibe_tui.agents.claude import files as claude_files
from sentryvibe_tui.agents.claude.files import SubagentFiles
from sentryvibe_tui.agents.codex.files import SpawnedRollouts
from sentryvibe_tui.agents.codex.subagents import Spawned
from sentryvibe_tui.agents.common import folders
from sentryvibe_tui.agents.common.session_files import Session
from sentryvibe_tui.sources.sessions import Roots, Sessions, roots
from sentryvibe_tui.wire.projects import directory_of, mangled, project_of

ID = "7d3f0a52-8c1b-4e2e-9a7f-0a1b2c3d4e5f"


@pytest.fixture
def places(tmp_path: Path) -> Roots:
    return {agent: tmp_path / agent for agent in ("claude", "codex", "gemini")}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "work" / "my.shop"
    (folder / "web").mkdir(parents=True)
    return folder


def write(path: Path, *records: dict[str, object], at: float = 1000.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    os.utime(path, (at, at))
    return path


BEGUN = {"type": "event_msg", "payload": {"type": "task_started", "turn_id": "t"}}
OTHERS = tuple(f"{ID[:-1]}{digit}" for digit in "abc")


def claude(places: Roots, directory: Path, name: str = ID, at: float = 1000.0) -> Path:
    records = {"type": "summary", "summary": 'not "cwd": "/x"'}, {"type": "user", "cwd": str(directory)}
    return write(places["claude"] / mangled(str(directory)) / f"{name}.jsonl", *records, at=at)


def codex(places: Roots, directory: Path, at: float = 1000.0, **payload: object) -> Path:
    meta = {"type": "session_meta", "payload": {"id": ID, "cwd": str(directory), **payload}}
    return write(places["codex"] / f"2026/05/16/rollout-2026-05-16T20-56-55-{ID}.jsonl", meta, BEGUN, at=at)


def found(places: Roots, directory: Path | None, since: float = 0.0) -> list[Session]:
    return Sessions(places, directory).changed_since(since)


def test_a_directory_has_its_own_and_those_below(places: Roots, project: Path) -> None:
    own, below = claude(places, project), claude(places, project / "web", OTHERS[0], at=2000)
    claude(places, project.parent, OTHERS[1])
    claude(places, project.with_name("my-shop-2"), OTHERS[2])
    assert [(session.path, session.directory) for session in found(places, project)] == [
        (below, str(project / "web")),
        (own, str(project)),
    ]
    assert len(found(places, None)) == 4


def test_a_session_that_was_copied_into_another_folder_is_one(places: Roots, project: Path) -> None:
    """By hand, by a backup, or by a worktree: the file that goes on is read, not both."""
    for name, at in (("my-shop-copy", 900.0), ("backup", 1_500.0)):
        claude(places, project.with_name(name), at=at)
    goes_on = claude(places, project, at=2_000.0)
    assert [session.path for session in found(places, None)] == [goes_on]
    (alone,) = found(places, project.with_name("backup"))
    assert alone.directory == str(project.with_name("backup"))


def test_two_directories_that_share_a_folder_are_told_apart(places: Roots, project: Path) -> None:
    claude(places, project.with_name("my-shop"))
    assert found(places, project) == []


def test_a_file_that_was_moved_belongs_where_it_is(places: Roots, project: Path) -> None:
    path = write(places["claude"] / mangled(str(project)) / f"{ID}.jsonl", {"type": "user", "cwd": "/elsewhere"})
    assert [(session.path, session.directory) for session in found(places, project)] == [(path, str(project))]


def test_only_what_was_written_lately(places: Roots, project: Path) -> None:
    claude(places, project, "old", at=100)
    claude(places, project, "new", at=300)
    assert [session.id for session in found(places, project, since=200)] == ["new"]


def test_a_session_lives_while_its_subagents_do(places: Roots, project: Path) -> None:
    path = claude(places, project, at=100)
    write(path.with_suffix("") / "subagents" / "agent-1.jsonl", {"sessionId": ID}, at=300)
    (session,) = found(places, project, since=200)
    assert (session.path, session.changed) == (path, 300)


def test_subagents_are_found_in_their_folder_and_beside_the_session(places: Roots, project: Path) -> None:
    path = claude(places, project)
    inside = write(path.with_suffix("") / "subagents" / "agent-1.jsonl", {"sessionId": ID}, at=20)
    beside = write(path.with_name("agent-2.jsonl"), {"sessionId": ID}, at=10)
    flow = write(path.with_suffix("") / "subagents" / "workflows" / "wf" / "agent-4.jsonl", {"sessionId": ID}, at=30)
    write(path.with_name("agent-3.jsonl"), {"sessionId": "another"})
    assert SubagentFiles(path).paths() == [beside, inside, flow]
    assert [session.path for session in found(places, project)] == [path]


def test_thousands_of_other_sessions_subagents_are_looked_into_once(
    places: Roots, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = claude(places, project)
    for number in range(50):
        write(path.with_name(f"agent-{number}.jsonl"), {"sessionId": "another"})
    silent = path.with_name("agent-99.jsonl")
    silent.write_bytes(b"")
    os.utime(path.parent, (1_000, 1_000))
    files, read, listed = SubagentFiles(path), list[str](), list[Any]()
    session_in, entries = claude_files._session_in, folders.entries
    monkeypatch.setattr(claude_files, "_session_in", lambda path: read.append(path) or session_in(path))
    monkeypatch.setattr(folders, "entries", lambda folder: listed.append(folder) or entries(folder))
    for _ in range(10):
        assert files.paths() == []
    assert (read.count(str(silent)), len(read)) == (10, 60)
    assert listed.count(path.parent) == 1
    write(silent, {"sessionId": ID})
    fresh = write(path.with_name("agent-fresh.jsonl"), {"sessionId": ID})
    assert sorted(files.paths()) == [silent, fresh]


def test_what_is_no_file_is_left_alone(places: Roots, project: Path) -> None:
    path = claude(places, project)
    os.mkfifo(path.with_name("pipe.jsonl"))
    os.mkfifo(path.with_name("agent-pipe.jsonl"))
    path.with_name("folder.jsonl").mkdir()
    path.with_name("gone.jsonl").symlink_to(path.with_name("nothing"))
    assert [session.path for session in found(places, project, since=0)] == [path]
    assert SubagentFiles(path).paths() == []


def test_directories_of_any_name(places: Roots, tmp_path: Path) -> None:
    for name, folder in (("a_b.c d", "a-b-c-d"), ("größe", "gr--e"), ("🚀x", "--x"), ("文件", "--")):
        directory = tmp_path / name
        directory.mkdir()
        assert mangled(str(directory)) == f"{mangled(str(tmp_path))}-{folder}", "as JavaScript counts signs"
        path = claude(places, directory)
        assert [session.path for session in found(places, directory)] == [path]


def test_codex_says_where_it_works(places: Roots, project: Path) -> None:
    path = codex(places, project)
    assert found(places, project) == [Session("codex", path, ID, str(project), 1000.0)]
    assert found(places, project / "web") == []


def test_a_directory_may_be_called_by_a_link_to_it(places: Roots, project: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(project.parent)
    path = codex(places, tmp_path / "link" / project.name / "web")
    assert [session.path for session in found(places, project)] == [path]
    assert found(places, tmp_path / "link" / "other") == []


def thread(places: Roots, name: str, day: str, at: float, parent: str = "", **payload: object) -> Path:
    """A rollout file; with a `parent`, one of the subagent that it spawned."""
    spawn = {"subagent": {"thread_spawn": {"parent_thread_id": parent, "agent_path": f"/root/{name}"}}}
    meta = {"id": thread_id(name), "source": spawn if parent else "cli"} | payload
    path = places["codex"] / day / f"rollout-{day.replace('/', '-')}T20-56-55-{thread_id(name)}.jsonl"
    return write(path, {"type": "session_meta", "payload": meta}, BEGUN, at=at)


def thread_id(name: str) -> str:
    return f"019e3293-eaed-75c1-ae74-{name:0>12}"


def test_codex_subagents_count_as_the_session_that_spawned_them(places: Roots, project: Path) -> None:
    root = thread(places, "a", "2026/05/16", 100, cwd=str(project))
    thread(places, "b", "2026/05/17", 200, parent=thread_id("a"), cwd="/a/worktree")
    thread(places, "c", "2026/05/17", 300, parent=thread_id("b"), cwd="/a/worktree")
    assert found(places, project, since=250) == [Session("codex", root, thread_id("a"), str(project), 300.0)]


def test_a_codex_subagent_whose_parent_is_gone_stands_for_itself(places: Roots, project: Path) -> None:
    path = thread(places, "b", "2026/05/17", 200, parent=thread_id("a"), cwd=str(project))
    assert [session.path for session in found(places, project)] == [path]


def test_codex_subagents_of_a_session_are_found_on_its_day_and_later(places: Roots) -> None:
    root = thread(places, "a", "2026/05/16", 100)
    later = thread(places, "b", "2026/06/01", 200, parent=thread_id("a"))
    thread(places, "c", "2026/05/15", 50, parent=thread_id("a"))
    assert SpawnedRollouts(root).rollouts() == [Spawned(later, thread_id("b"), thread_id("a"), "/root/b")]


def test_a_codex_subagent_counts_once_its_head_is_written(places: Roots) -> None:
    rollouts = SpawnedRollouts(thread(places, "a", "2026/05/16", 100))
    later = thread(places, "b", "2026/05/17", 200, parent=thread_id("a"))
    written = later.read_bytes()
    later.write_bytes(b"")
    assert rollouts.rollouts() == []
    later.write_bytes(written)
    assert [one.path for one in rollouts.rollouts()] == [later]


def test_gemini_names_directories_by_their_hash(places: Roots, project: Path) -> None:
    own = hashlib.sha256(str(project).encode()).hexdigest()
    header = {"sessionId": ID, "projectHash": own}
    path = write(places["gemini"] / own / "chats" / "session-2026-06-12T12-32-876f478d.jsonl", header)
    write(places["gemini"] / "abc" / "chats" / "session-1.json", {"sessionId": "x", "projectHash": "abc"})
    assert found(places, project) == [Session("gemini", path, ID, str(project), 1000.0)]
    assert len(found(places, None)) == 2


def test_gemini_writes_directories_down(places: Roots, project: Path) -> None:
    write(places["gemini"] / "shop" / "chats" / "session-1.jsonl", {"sessionId": ID, "projectHash": "x"})
    (places["gemini"] / "shop" / ".project_root").write_text(f"{project}\n")
    assert [session.directory for session in found(places, None)] == [str(project)]
    assert [session.directory for session in found(places, project)] == [str(project)]


def test_no_folders_no_sessions(places: Roots, project: Path) -> None:
    assert found(places, project) == []
    (places["claude"].parent / "claude").write_text("a file")
    assert found(places, None) == []


@pytest.mark.parametrize(
    ("agent", "usual", "variable", "moved"),
    [
        ("claude", "/h/.claude/projects", "CLAUDE_CONFIG_DIR", "/x/projects"),
        ("codex", "/h/.codex/sessions", "CODEX_HOME", "/x/sessions"),
        ("gemini", "/h/.gemini/tmp", "GEMINI_CLI_HOME", "/x/.gemini/tmp"),
        ("copilot", "/h/.copilot/session-state", "COPILOT_HOME", "/x/session-state"),
        ("qwen", "/h/.qwen/projects", "QWEN_HOME", "/x/projects"),
        ("qwen", "/h/.qwen/projects", "QWEN_RUNTIME_DIR", "/x/projects"),
        ("pi", "/h/.pi/agent/sessions", "PI_CODING_AGENT_DIR", "/x/sessions"),
    ],
)
def test_variables_move_the_folders(agent: str, usual: str, variable: str, moved: str) -> None:
    assert roots({"HOME": "/h"})[agent] == Path(usual)
    assert roots({"HOME": "/h", variable: "/x"})[agent] == Path(moved)


@pytest.mark.parametrize(
    ("cwd", "transcript", "began"),
    [
        ("/w/shop/web/src", "/h/.claude/projects/-w-shop/s.jsonl", "/w/shop"),
        ("/w/shop", "/h/.claude/projects/-w-shop/s.jsonl", "/w/shop"),
        ("/elsewhere", "/h/.claude/projects/-w-shop/s.jsonl", "/elsewhere"),
        ("/w/shop", "", "/w/shop"),
        ("", "", ""),
    ],
)
def test_where_a_session_began(cwd: str, transcript: str, began: str) -> None:
    assert directory_of(cwd, transcript) == began


@pytest.mark.parametrize(
    ("directory", "project_id", "name"),
    [
        ("/w/My Shop", "my-shop", "My Shop"),
        ("/w/日本", "日本", "日本"),
        ("/", "unknown", "unknown"),
        ("", "unknown", "unknown"),
    ],
)
def test_projects_are_called_after_their_directory(directory: str, project_id: str, name: str) -> None:
    assert (project_of(directory).id, project_of(directory).name) == (project_id, name)


def test_a_session_that_does_not_say_yet_where_it_runs_is_waited_for(places: Roots) -> None:
    path = write(places["claude"] / "-w-shop" / f"{ID}.jsonl", {"type": "mode", "sessionId": ID}, at=time.time())
    searched = Sessions(places)
    assert searched.changed_since(0) == []
    write(path, {"type": "mode", "sessionId": ID}, {"type": "user", "sessionId": ID, "cwd": "/w/shop"}, at=time.time())
    assert [one.directory for one in searched.changed_since(0)] == ["/w/shop"]


def test_one_that_never_says_where_it_runs_is_taken_once_it_is_silent(places: Roots) -> None:
    silent = time.time() - claude_files.PLACELESS - 1
    write(places["claude"] / "-w-shop" / f"{ID}.jsonl", {"type": "mode", "sessionId": ID}, at=silent)
    assert [one.directory for one in Sessions(places).changed_since(0)] == [""]


def test_a_session_is_found_by_its_id_however_old_it_is(tmp_path: Path) -> None:
    claude = tmp_path / ".claude" / "projects" / "-work-shop" / "s1.jsonl"
    thread = "0199c3a8-1111-7222-8333-444455556666"
    codex = tmp_path / ".codex" / "sessions" / "2026" / "01" / "02" / f"rollout-2026-01-02T03-04-05-{thread}.jsonl"
    for path, line in ((claude, '{"sessionId":"s1","cwd":"/work/shop"}'), (codex, '{"cwd":"/work/api"}\n{}')):
        path.parent.mkdir(parents=True)
        path.write_text(line + "\n")
        os.utime(path, (1_000, 1_000))
    sessions = Sessions(roots({"HOME": str(tmp_path)}))
    found = [sessions.of_id(ident) for ident in ("s1", thread, "s2")]
    assert [one and (one.agent, one.path, one.directory) for one in found] == [
        ("claude", claude, "/work/shop"),
        ("codex", codex, "/work/api"),
        None,
    ]
    assert Sessions(roots({"HOME": str(tmp_path)}), Path("/work/api")).of_id("s1") is None
    claude.write_text('{"type":"mode","sessionId":"s1"}\n')
    assert sessions.of_id("s1") is None, "it will say where it works"
