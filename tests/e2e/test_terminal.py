"""Nothing that a stranger names reaches the terminal as more than text: every command, every output, JSON too."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sentryvibe_tui.cli import COMMANDS

HOSTILE = "\x1b[2Ja\x1b]0;t\x07b\x9b31mc\x85d\u202ee\u2066f\u2028g\U000e0041\U000e007fh\rj\x7fk\u200fl"
"""Escape sequences, C1 controls, changes of direction, line separators, tags, and a return of the carriage."""
RAW = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\U000e0000-\U000e007f]")


def transcript() -> bytes:
    def line(**fields: Any) -> bytes:
        return json.dumps(fields).encode() + b"\n"

    def says(number: int, *blocks: dict[str, Any]) -> bytes:
        message = {"id": f"m{number}", "role": "assistant", "model": HOSTILE, "content": blocks, "usage": {}}
        return line(type="assistant", message=message, session_id="s-1", uuid=f"a{number}", parent_tool_use_id=None)

    def call(number: int, name: str, given: Any) -> bytes:
        return says(number, {"type": "tool_use", "id": f"t{number}{HOSTILE}", "name": name, "input": given})

    def result(number: int, content: Any, *, is_error: bool = False) -> bytes:
        block = {"type": "tool_result", "tool_use_id": f"t{number}{HOSTILE}", "content": content, "is_error": is_error}
        message = {"role": "user", "content": [block]}
        return line(type="user", message=message, session_id="s-1", uuid=f"u{number}", parent_tool_use_id=None)

    todo = {"content": HOSTILE, "status": "in_progress", "activeForm": HOSTILE}
    return b"".join([
        line(type="system", subtype="init", session_id="s-1", model=HOSTILE, cwd=HOSTILE, claude_code_version=HOSTILE),
        says(1, {"type": "text", "text": HOSTILE}),
        call(2, "TodoWrite", {"todos": [todo]}), result(2, "ok"),
        call(3, "Bash", {"command": HOSTILE, HOSTILE: HOSTILE}), result(3, HOSTILE, is_error=True),
        call(4, HOSTILE, {"file_path": HOSTILE}), result(4, [{"type": "text", "text": HOSTILE}]),
        line(type="system", subtype=HOSTILE, session_id="s-1"),
        line(type="result", subtype="error", is_error=True, session_id="s-1", result=HOSTILE, errors=[HOSTILE]),
    ])  # fmt: skip


@pytest.fixture
def walk(desk: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Runs a command; whatever it prints is text."""

    def run(*arguments: str, data: bytes = b"", code: int | None = None) -> str:
        done = desk.run(*arguments, data=data)
        for printed in (done.stdout, done.stderr):
            assert RAW.search(printed.decode()) is None, (arguments, printed)
            assert b"Traceback" not in printed
        assert code is None or done.returncode == code, done.stderr
        return done.stdout.decode()

    monkeypatch.setenv("HOME", str(desk.folder))
    for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME"):
        monkeypatch.delenv(name, raising=False)
    return run


def test_outputs_of_a_hostile_build(desk: Any, walk: Any) -> None:
    desk.serve()
    walk("ingest", f"p{HOSTILE}", data=transcript(), code=1)
    odd = desk.folder / f"{HOSTILE}.jsonl"
    odd.write_bytes(transcript())
    walk("ingest", "q", str(odd), "--session", HOSTILE)
    walk("ingest", "q", f"{desk.folder}/none{HOSTILE}")
    listed = json.loads(walk("ls", "--json", code=0))["projects"]
    project = next(one["id"] for one in listed if one["id"].startswith("p"))
    walk("ls", code=0)
    walk("show", project, code=0)
    walk("watch", project, "--plain", code=1)
    last = walk("watch", project, "--jsonl", code=1).rstrip().rpartition("\n")[2]
    shown = walk("show", project, "--json", code=0)
    assert json.loads(last)["state"] == json.loads(shown)
    state = json.loads(shown)
    assert state["todos"][0]["content"] == HOSTILE, "JSON tells the text as it was"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_what_a_command_says_of_hostile_words(walk: Any, name: str) -> None:
    """No command is left out: what is wrong is told in words of its own, and those are text."""
    walk(name, f"--{HOSTILE}", code=2)
    walk(name, "--server", f"http://{HOSTILE}:99999/", HOSTILE)


def test_words_that_are_no_command_and_no_project(walk: Any) -> None:
    walk(HOSTILE, code=2)
    walk("show", HOSTILE, "--server", "http://127.0.0.1:1", code=3)
    walk("watch", HOSTILE, "--theme", HOSTILE, "--server", HOSTILE, code=2)


def test_settings_and_where_they_come_from(desk: Any, walk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    config = desk.folder / f"{HOSTILE}.toml"
    config.write_text(f"theme = {json.dumps(HOSTILE)}\n{json.dumps(HOSTILE)} = 1\nredact_patterns = ['(']\n")
    monkeypatch.setenv("SENTRYVIBE_CONFIG", str(config))
    monkeypatch.setenv("SENTRYVIBE_SERVER", f"http://{HOSTILE}")
    monkeypatch.setenv("SENTRYVIBE_LOG_DIR", f"/tmp/{HOSTILE}")
    walk("config")
    walk("ls")


def test_hooks_of_a_hostile_settings_file(desk: Any, walk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = desk.folder / f"c{HOSTILE}"
    folder.mkdir()
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(folder))
    command = f"sentryvibe-tui {HOSTILE}; /x/sentryvibe_tui/hooks/spool.py claude"
    hooks = {"Stop": [{"hooks": [{"type": "command", "command": command}]}], HOSTILE: []}
    (folder / "settings.json").write_text(json.dumps({HOSTILE: HOSTILE, "hooks": hooks}, ensure_ascii=False, indent=2))
    for arguments in (("show",), ("install", "claude"), ("install", "claude", "--yes"), ("remove", "claude", "--yes")):
        walk("hooks", *arguments)
    (folder / "settings.json").write_text('{"hooks": ' + HOSTILE)
    for arguments in (("show",), ("install", "claude", "--yes"), ("remove", "claude", "--yes")):
        walk("hooks", *arguments)


def test_a_data_folder_that_cannot_be_used(desk: Any, walk: Any) -> None:
    (desk.folder / HOSTILE).write_text("no folder")
    walk("serve", "--port", "0", "--data", str(desk.folder / HOSTILE / "below"), code=1)


def test_hooks_through_a_link_name_the_file_that_is_written(desk: Any, walk: Any) -> None:
    elsewhere = desk.folder / "elsewhere"
    elsewhere.mkdir()
    (desk.folder / ".claude").symlink_to(elsewhere)
    done = desk.run("hooks", "install", "claude", "--project")
    assert f"leads to {elsewhere.resolve() / 'settings.json'}" in done.stderr.decode()
    assert f"+++ {elsewhere.resolve() / 'settings.json'}" in done.stdout.decode()
    assert not list(elsewhere.iterdir())
    done = desk.run("hooks", "install", "claude", "--project", "--yes")
    assert f"changed {elsewhere.resolve() / 'settings.json'}" in done.stderr.decode()
    assert Path(elsewhere / "settings.json").exists()
    assert os.path.islink(desk.folder / ".claude")
