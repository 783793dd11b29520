"""Hooks in an agent's settings, and what their commands do."""

import json
import os
import pty
import resource
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from sentryvibe_tui.hooks import spool

from ..patience import PATIENCE

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


def test_that_no_settings_call_us_is_said(desk: Any, settings: Path) -> None:
    shown = desk.run("hooks", "show")
    assert shown.stdout == b""
    assert b"`hooks install AGENT` adds that" in shown.stderr


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
        ("2.1.332", (), "command"),
        ("2.1.62", (), "command"),
        ("2.1.62", ("--http",), "http"),
        ("2.1.62", ("--server", "http://127.0.0.1:9999"), "http"),
    ],
)
def test_a_command_unless_a_url_is_asked_for(desk: Any, home: Path, version: str, arguments: Any, kind: str) -> None:
    claude_of_version(desk, version)
    assert desk.run("hooks", "install", "claude", "--yes", *arguments).returncode == 0
    hook = json.loads((home / ".claude/settings.json").read_text())["hooks"]["PreToolUse"][0]["hooks"][0]
    assert hook["type"] == kind
    if kind == "http":
        assert hook["url"] == f"http://127.0.0.1:{9999 if '--server' in arguments else 4777}/api/hooks/claude"


def test_urls_installed_before_become_commands_and_leave_no_trace(desk: Any, settings: Path) -> None:
    claude_of_version(desk, "2.1.332")
    assert desk.run("hooks", "install", "claude", "--yes", "--http").returncode == 0
    assert "/api/hooks/claude" in settings.read_text()
    assert desk.run("hooks", "install", "claude", "--yes").returncode == 0
    assert "/api/hooks/claude" not in settings.read_text()
    events = json.loads(settings.read_text())["hooks"]
    assert {"SessionStart", "PermissionRequest", "StopFailure", "SessionEnd"} <= set(events)
    assert desk.run("hooks", "remove", "claude", "--yes").returncode == 0
    assert settings.read_text() == FOREIGN


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
    assert "hooks/spool.py claude" in real.read_text()


def test_a_read_only_file_is_left_alone(desk: Any, settings: Path) -> None:
    settings.chmod(0o440)
    done = desk.run("hooks", "install", "claude", "--yes")
    assert (done.returncode, settings.read_text()) == (1, FOREIGN)
    assert f"{settings} cannot be changed: it is read-only" in done.stderr.decode()


def test_what_the_agent_writes_while_one_is_asked_is_not_lost(desk: Any, settings: Path) -> None:
    ours, theirs = pty.openpty()
    asking = subprocess.Popen(
        [sys.executable, "-m", "sentryvibe_tui", "hooks", "install", "claude"],
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd=desk.folder,
    )
    os.close(theirs)
    assert asking.stderr is not None
    while asking.stderr.read(1) != b"?":
        pass
    settings.write_text(FOREIGN.replace("opus", "haiku"))
    os.write(ours, b"y\n")
    assert b"was changed meanwhile" in asking.communicate()[1]
    os.close(ours)
    assert (asking.returncode, settings.read_text()) == (1, FOREIGN.replace("opus", "haiku"))


@pytest.mark.parametrize("before", ["{}\n", '{\n  "hooks": {}\n}\n', None])
def test_a_file_is_afterwards_what_it_was(desk: Any, home: Path, before: str | None) -> None:
    path = home / ".claude" / "settings.json"
    if before is not None:
        path.write_text(before)
    for action in ("install", "remove"):
        assert desk.run("hooks", action, "claude", "--yes").returncode == 0
    assert (path.read_text() if path.exists() else None) == before


@pytest.fixture
def command(desk: Any, home: Path) -> str:
    """What `install` makes an agent run."""
    assert desk.run("hooks", "install", "claude", "--yes").returncode == 0
    return json.loads((home / ".claude/settings.json").read_text())["hooks"]["Stop"][0]["hooks"][0]["command"]


@pytest.fixture
def settings_path(home: Path) -> Path:
    return home / ".claude/settings.json"


def call(command: str, body: bytes, folder: Path) -> subprocess.CompletedProcess[bytes]:
    """As an agent does; `folder` may hold anything."""
    return subprocess.run(["/bin/sh", "-c", command], input=body, capture_output=True, cwd=folder, check=False)


def test_what_a_command_left_becomes_a_build_once_a_server_runs(desk: Any, command: str) -> None:
    for name in ("os.py", "time.py", "sitecustomize.py"):
        (desk.folder / name).write_text("1 / 0")
    for body in (payload("UserPromptSubmit", prompt="Build"), payload("PreToolUse", **CALL)):
        done = call(command, body, desk.folder)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    for name in ("os.py", "time.py"):
        (desk.folder / name).unlink()
    desk.serve()
    desk.run("hook", "claude", data=payload("PermissionRequest", **CALL))
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        shown = desk.run("show", "shop", "--json")
        if b"permission: Bash" in shown.stdout:
            break
    state = json.loads(shown.stdout)
    assert (state["title"], state["needsInput"]) == ("Build", "permission: Bash: make")
    assert os.listdir(Path(os.environ["SENTRYVIBE_DATA_DIR"]) / "hooks") == []


def test_a_hook_never_disturbs_its_agent(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    in_the_way = desk.folder / "file"
    in_the_way.touch()
    monkeypatch.setenv("SENTRYVIBE_DATA_DIR", str(in_the_way))
    done = desk.run("hook", "claude", data=b"{}")
    assert (done.returncode, done.stdout) == (0, b"")
    assert b"payload is lost" in done.stderr


@pytest.mark.parametrize("missing", ["spool.py", "python"])
def test_a_command_that_is_gone_is_silent_and_told_by_show(
    desk: Any, command: str, settings_path: Path, missing: str
) -> None:
    gone = (
        f"/gone{command}"
        if missing == "python"
        else command.replace(spool.__file__, "/gone/sentryvibe_tui/hooks/spool.py")
    )
    done = call(gone, b"{}", desk.folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert b"not there any more" not in desk.run("hooks", "show").stderr
    settings_path.write_text(settings_path.read_text().replace(command, gone))
    assert b"not there any more" in desk.run("hooks", "show").stderr


def test_hooks_that_an_earlier_release_installed_still_reach_the_spool(desk: Any, command: str) -> None:
    earlier = command.replace("/hooks/spool.py", "/spool.py")
    assert earlier != command
    done = call(earlier, payload("PreToolUse", **CALL), desk.folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    (kept,) = os.listdir(Path(os.environ["SENTRYVIBE_DATA_DIR"]) / "hooks")
    assert kept.endswith(".claude")


def test_a_hook_that_cannot_keep_its_payload_is_silent(
    desk: Any, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_the_way = desk.folder / "file"
    in_the_way.touch()
    monkeypatch.setenv("SENTRYVIBE_DATA_DIR", str(in_the_way))
    done = call(command, payload("PreToolUse", **CALL), desk.folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize("server", ["none", "hung", "refusing"])
def test_a_hook_takes_hardly_more_than_python_itself_whatever_the_server_does(
    desk: Any, command: str, server: str
) -> None:
    def times(line: str) -> tuple[float, float]:
        """Of the processor, which hardly depends on what else runs here, and of the clock."""
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        assert call(line, payload("PreToolUse", **CALL), desk.folder).returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, time.perf_counter() - start

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if server == "hung":
            listener.listen()
        if server != "none":
            announced = {"url": f"http://127.0.0.1:{listener.getsockname()[1]}", "pid": os.getpid()}
            path = Path(os.environ["SENTRYVIBE_RUNTIME_DIR"]) / "server.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({**announced, "dataDir": "", "startedAt": 0}))
        runs = [(times(command), times(f"{sys.executable} -c pass")) for _ in range(25)]
    assert min(hook for (hook, _), _ in runs) <= 1.3 * min(nothing for _, (nothing, _) in runs)
    assert min(hook for (_, hook), _ in runs) < max(0.05, 1.5 * min(nothing for _, (_, nothing) in runs))
