"""Rollouts of Codex that are compressed, and threads that are its own work."""

import json
from pathlib import Path
from typing import Any

import pytest

from sentryvibe_tui.agents.codex.files import CodexFolder
from sentryvibe_tui.agents.common import zstd
from sentryvibe_tui.agents.common.session_files import Session
from sentryvibe_tui.errors import UnknownFormat
from sentryvibe_tui.sources.follow.session_reader import SessionReader
from sentryvibe_tui.sources.sessions import Sessions
from sentryvibe_tui.wire.projects import project_named

THREAD = "01a2f000-0000-7000-8000-000000000077"
DAY = Path("sessions", "2026", "11", "20")


def record(kind: str, **payload: Any) -> str:
    return json.dumps({"timestamp": "2026-11-20T09:00:01.000Z", "type": kind, "payload": payload}) + "\n"


def rollout(cwd: str = "/w/shop") -> bytes:
    asked = [{"type": "input_text", "text": "Build"}]
    return "".join([
        record("session_meta", id=THREAD, cwd=cwd, cli_version="0.160.0"),
        record("event_msg", type="task_started", turn_id="t"),
        record("response_item", type="message", role="user", content=asked),
        record("event_msg", type="task_complete", last_agent_message="Built."),
    ]).encode()  # fmt: skip


def kept(home: Path, data: bytes, ending: str = ".jsonl") -> None:
    (home / DAY).mkdir(parents=True, exist_ok=True)
    (home / DAY / f"rollout-2026-11-20T09-00-00-{THREAD}{ending}").write_bytes(data)


def found(home: Path) -> list[Session]:
    return list(CodexFolder(home / "sessions", "").changed_since(0))


def test_a_compressed_rollout_is_read(tmp_path: Path) -> None:
    packed = pytest.importorskip("zstandard", reason="no zstd here").ZstdCompressor().compress(rollout())
    kept(tmp_path, packed, ".jsonl.zst")
    (session,) = found(tmp_path)
    assert (session.id, session.directory) == (THREAD, "/w/shop")
    posted, _ = SessionReader(session, project_named("shop")).pull(2e9)
    assert type(posted[-1].event).__name__ == "TurnEnded"


def test_where_nothing_unpacks_it_the_reason_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(zstd, "import_module", absent)
    kept(tmp_path, zstd.MAGIC + b"x" * 100, ".jsonl.zst")
    (session,) = found(tmp_path)
    with pytest.raises(UnknownFormat, match="zstd -d FILE"):
        SessionReader(session, project_named("shop")).pull(2e9)


def test_a_screen_that_was_closed_without_a_prompt_leaves_no_session(tmp_path: Path) -> None:
    """For a SessionEnd hook Codex writes its rollout's head a minute later."""
    head, rest = rollout().split(b"\n", 1)
    kept(tmp_path, head + b"\n")
    folder, sessions = CodexFolder(tmp_path / "sessions", ""), Sessions({"codex": tmp_path / "sessions"})
    assert list(folder.changed_since(0)) == []
    assert sessions.of_id(THREAD) is None
    kept(tmp_path, head + b"\n" + rest)
    assert [session.id for session in folder.changed_since(0)] == [THREAD]
    assert sessions.of_id(THREAD) is not None


def test_the_memory_writer_is_no_session(tmp_path: Path) -> None:
    kept(tmp_path, rollout(str(tmp_path / "memories")))
    assert found(tmp_path) == []
    kept(tmp_path, rollout("/w/memories") + b"\n")
    assert [session.directory for session in CodexFolder(tmp_path / "sessions", "").changed_since(0)] == ["/w/memories"]
