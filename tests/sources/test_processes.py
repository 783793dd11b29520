"""Which sessions certainly have no process any more; in doubt none."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from sentryvibe_tui.agents.common.session_files import Session
from sentryvibe_tui.processes import started_at
from sentryvibe_tui.sources.processes import without_process


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    (folder / "sub").mkdir(parents=True)
    return folder


def gone(shop: Path, processes: str = "", directories: dict[int, str] | None = None, agent: str = "claude") -> bool:
    """Whether the session `s` in `shop` is, on a machine with these processes (as `ps` lists them)."""
    session = Session(agent, shop / "s.jsonl", "s", str(shop), 0.0)
    environ = {"HOME": str(shop.parent)}
    return bool(without_process([session], environ, lambda _: processes, lambda pid: (directories or {}).get(pid, "")))


def register(shop: Path, session: str) -> None:
    """This process has that session of Claude Code."""
    folder = shop.parent / ".claude" / "sessions"
    folder.mkdir(parents=True, exist_ok=True)
    entry = {"pid": os.getpid(), "procStart": started_at(os.getpid()), "sessionId": session}
    (folder / f"{os.getpid()}.json").write_text(json.dumps(entry))


def test_a_session_is_gone_when_no_process_can_have_it(shop: Path) -> None:
    assert gone(shop)
    assert gone(shop, agent="codex")
    assert gone(shop, "1 ? /sbin/init\n7 pts/1 claude --resume\n8 ? [claude] <defunct>", {7: "/elsewhere"})


@pytest.mark.parametrize(
    "line",
    [
        "7 pts/1 claude",
        "7 ? node /x/@anthropic-ai/claude-agent-sdk/cli.js",
        "7 ? /usr/bin/Claude --print",
        "7 ? npx claude",
    ],
)
def test_a_process_that_may_have_it_keeps_it(shop: Path, line: str) -> None:
    for where in (str(shop), str(shop / "sub"), str(shop.parent), ""):
        assert not gone(shop, line, {7: where})


def test_the_register_says_whose_a_process_is(shop: Path) -> None:
    here = f"{os.getpid()} pts/1 claude", {os.getpid(): str(shop)}
    register(shop, "another")
    assert gone(shop, *here)
    register(shop, "s")
    assert not gone(shop, *here)
    assert not gone(shop)  # wherever it works, and however it is called


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="this system does not show open files")
@pytest.mark.parametrize("line", ["codex", "node /x/bin/codex resume", "/x/vendor/codex/codex app-server daemon"])
def test_a_codex_whose_open_files_are_seen_has_no_other_session(shop: Path, line: str) -> None:
    """A screen's own processes hold no rollout: those of its daemon are open there."""
    here = {os.getpid(): str(shop)}
    assert gone(shop, f"{os.getpid()} pts/1 {line}", here, agent="codex")
    assert not gone(shop, f"4194305 pts/1 {line}", {4194305: str(shop)}, agent="codex")


@pytest.mark.parametrize("line", ["docker exec box codex", "node /x/my-codex-bot.js", "ssh box codex"])
def test_what_only_mentions_codex_may_have_a_session_out_of_sight(shop: Path, line: str) -> None:
    assert not gone(shop, f"{os.getpid()} pts/1 {line}", {os.getpid(): str(shop)}, agent="codex")


def test_where_nobody_can_say_nothing_is_gone(shop: Path) -> None:
    assert not gone(shop / "nowhere")
    assert not gone(shop, agent="gemini")

    def fails(_: object) -> str:
        raise subprocess.CalledProcessError(1, "ps")

    assert not without_process([Session("claude", shop / "s.jsonl", "s", str(shop), 0.0)], {}, fails)
