"""Hooks in an agent's settings, and what their commands do."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

FOREIGN = '{\n    "model": "opus",\n    "hooks": {"Stop": [{"hooks": [{"type": "command", "command": "say"}]}]}\n}\n'
CALL = {"tool_name": "Bash", "tool_input": {"command": "make"}, "tool_use_id": "toolu_1"}


@pytest.fixture(autouse=True)
def home(desk: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nobody's settings but the test's, and no agent to ask for its version."""
    for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(desk.folder / "home"))
    monkeypatch.setenv("PATH", str(desk.folder / "bin"))
    (desk.folder / "home" / ".claude").mkdir(parents=True)
    (desk.folder / "bin").mkdir()
    return desk.folder / "home"


@pytest.fixture
def settings(home: Path) -> Path:
    path = home / ".claude" / "settings.json"
    path.write_text(FOREIGN)
    path.chmod(0o640)
    return path


def payload(event: str, **fields: Any) -> bytes:
    base = {"session_id": "s-1", "cwd": "/w/shop", "transcript_path": "/c/-w-shop/s-1.jsonl"}
    return json.dumps({**base, "hook_event_name": event, **fields}).encode()


def claude_of_version(desk: Any, version: str) -> None:
    program = desk.folder / "bin" / "claude"
    program.write_text(f"#!{sys.executable}\nprint('{version} (Claude Code)')\n")
    program.chmod(0o755)


def test_installed_after_the_diff_and_removed_without_a_trace(desk: Any, settings: Path) -> None:
    refused = desk.run("hooks", "install", "claude")
    assert (refused.returncode, settings.read_text()) == (2, FOREIGN)
    assert b"nobody to ask" in refused.stderr
    done = desk.run("hooks", "install", "claude", "--yes")
    assert done.returncode == 0
    assert refused.stdout == done.stdout
    assert b'+                        "type": "command",' in done.stdout
    written = settings.read_text()
    assert json.loads(written)["hooks"]["Stop"][0] == {"hooks": [{"type": "command", "command": "say"}]}
    assert settings.stat().st_mode & 0o777 == 0o640
    shown = desk.run("hooks", "show").stdout.decode()
    assert f"claude  {settings}" in shown

    assert b"installed already" in desk.run("hooks", "install", "claude", "--yes").stderr
    assert settings.read_text() == written
    assert desk.run("hooks", "remove", "claude", "--yes").returncode == 0
    assert settings.read_text() == FOREIGN
    assert b"not installed" in desk.run("hooks", "remove", "claude", "--yes").stderr


@pytest.mark.parametrize(
    ("version", "arguments", "kind"),
    [
        ("2.1.63", (), "http"),
        ("2.1.62", (), "command"),
        ("2.1.62", ("--http",), "http"),
        ("2.1.63", ("--command",), "command"),
        ("2.1.62", ("--server", "http://127.0.0.1:9999"), "http"),
    ],
)
def test_a_url_where_the_version_takes_one(desk: Any, home: Path, version: str, arguments: Any, kind: str) -> None:
    claude_of_version(desk, version)
    assert desk.run("hooks", "install", "claude", "--yes", *arguments).returncode == 0
    hook = json.loads((home / ".claude/settings.json").read_text())["hooks"]["PreToolUse"][0]["hooks"][0]
    assert hook["type"] == kind
    if kind == "http":
        assert hook["url"] == f"http://127.0.0.1:{9999 if '--server' in arguments else 4777}/api/hooks/claude"


@pytest.mark.parametrize(("agent", "file"), [("codex", ".codex/hooks.json"), ("gemini", ".gemini/settings.json")])
def test_a_projects_own_settings(desk: Any, agent: str, file: str) -> None:
    assert desk.run("hooks", "install", agent, "--project", "--yes").returncode == 0
    assert "SessionStart" in json.loads((desk.folder / file).read_text())["hooks"]
    assert desk.run("hooks", "remove", agent, "--project", "--yes").returncode == 0
    assert not (desk.folder / file).exists()


def test_broken_settings_are_left_alone(desk: Any, settings: Path) -> None:
    settings.write_text('{"hooks": {')
    for action in ("install", "remove"):
        done = desk.run("hooks", action, "claude", "--yes")
        assert (done.returncode, settings.read_text()) == (1, '{"hooks": {')
        assert f"{settings} is left as it is: line 1, column 12" in done.stderr.decode()


def test_links_are_followed(desk: Any, settings: Path) -> None:
    real = desk.folder / "dotfiles.json"
    settings.rename(real)
    settings.symlink_to(real)
    assert desk.run("hooks", "install", "claude", "--yes").returncode == 0
    assert settings.is_symlink()
    assert "sentryvibe-tui hook claude" in real.read_text()


def test_what_a_command_left_becomes_a_build_once_a_server_runs(desk: Any) -> None:
    for body in (payload("UserPromptSubmit", prompt="Build"), payload("PreToolUse", **CALL)):
        done = desk.run("hook", "claude", data=body)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    desk.serve()
    desk.run("hook", "claude", data=payload("PermissionRequest", **CALL))
    until = time.monotonic() + 30
    while time.monotonic() < until:
        shown = desk.run("show", "shop", "--json")
        if b"permission: Bash" in shown.stdout:
            break
    state = json.loads(shown.stdout)
    assert (state["title"], state["needsInput"]) == ("Build", "permission: Bash")
    assert os.listdir(Path(os.environ["SENTRYVIBE_DATA_DIR"]) / "hooks") == []


def test_a_hook_never_disturbs_its_agent(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    in_the_way = desk.folder / "file"
    in_the_way.touch()
    monkeypatch.setenv("SENTRYVIBE_DATA_DIR", str(in_the_way))
    done = desk.run("hook", "claude", data=b"{}")
    assert (done.returncode, done.stdout) == (0, b"")
    assert b"payload is lost" in done.stderr


def test_a_hook_takes_little_more_than_python_itself() -> None:
    def fastest(*command: str) -> float:
        times: list[float] = []
        for _ in range(15):
            start = time.perf_counter()
            subprocess.run([sys.executable, *command], input=b"{}", check=True)
            times.append(time.perf_counter() - start)
        return min(times)

    assert fastest("-m", "sentryvibe_tui", "hook", "claude") <= max(0.05, 2.5 * fastest("-c", "pass"))
