"""A server with a token, and the commands of its user."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
from pathlib import Path

import httpx
import pytest

from ..patience import PATIENCE
from .conftest import PROGRAM, Claude, Desk
from .test_screen import Terminal


def test_another_address_is_refused_with_the_way_out(desk: Desk) -> None:
    refused = desk.run("serve", "--host", "0.0.0.0", "--port", "0")
    assert (refused.returncode, refused.stdout) == (1, b"")
    (line,) = refused.stderr.decode().splitlines()
    assert "--token-file FILE" in line
    assert "--no-token" in line


def test_who_insists_is_told_what_strangers_can_do(desk: Desk) -> None:
    server, _ = desk.serve("--host", "0.0.0.0", "--port", "0", "--no-token")
    assert any("reads every prompt" in line for line in server.errors)


def test_commands_of_the_same_user_bear_the_token_by_themselves(desk: Desk, claude: Claude, tmp_path: Path) -> None:
    path = tmp_path / "token"
    _, url = desk.serve("--port", "0", "--token-file", str(path))
    assert path.stat().st_mode & 0o777 == 0o600
    assert httpx.get(f"{url}/api/projects", trust_env=False).status_code == 401
    words = claude.init + claude.text(1, "hello") + claude.done
    assert desk.run("ingest", "shop", "-", data=words).returncode == 0
    assert desk.state("shop")["status"] == "completed"
    assert b"hello" in desk.run("watch", "shop", "--plain").stdout
    assert desk.run("run", "made", "--", "true").returncode == 0
    assert desk.state("made")["status"] == "completed"
    assert path.read_text().strip() not in desk.run("config").stdout.decode()


def test_hooks_by_url_send_the_token_of_the_agents_environment(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("CLAUDE_CONFIG_DIR", raising=False)
    path = tmp_path / "token"
    server, url = desk.serve("--port", "0", "--token-file", str(path))
    done = desk.run("hooks", "install", "claude", "--yes", "--server", url)
    assert f"{url} asks for a token: start claude with it in the environment variable SENTRYVIBE_TOKEN" in (
        done.stderr.decode()
    )
    written = (tmp_path / ".claude" / "settings.json").read_text()
    token = path.read_text().strip()
    assert token not in written + done.stdout.decode()
    (hook,) = json.loads(written)["hooks"]["Stop"][0]["hooks"]
    assert hook["allowedEnvVars"] == ["SENTRYVIBE_TOKEN"]
    headers = {name: value.replace("$SENTRYVIBE_TOKEN", token) for name, value in hook["headers"].items()}
    payload = {"session_id": "s", "hook_event_name": "SessionStart", "cwd": str(tmp_path)}
    assert httpx.post(hook["url"], json=payload, trust_env=False).status_code == 401
    assert httpx.post(hook["url"], json=payload, headers=headers, trust_env=False).status_code == 200

    server.stop(signal.SIGTERM)
    _, url = desk.serve("--port", "0")
    assert b"token" not in desk.run("hooks", "install", "claude", "--yes", "--server", url).stderr
    assert "headers" not in (tmp_path / ".claude" / "settings.json").read_text()


def test_a_token_file_that_others_may_read_is_no_secret(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("word")
    path.chmod(0o644)
    refused = desk.run("serve", "--port", "0", "--token-file", str(path))
    assert refused.returncode != 0
    assert b"chmod 600" in refused.stderr
    asked = subprocess.run(
        [*PROGRAM, "run", "p", "--", "true"],
        capture_output=True,
        env=os.environ | {"SENTRYVIBE_TOKEN_FILE": str(path)},
        timeout=PATIENCE,
        check=False,
    )
    assert b"chmod 600" in asked.stderr


def test_commands_elsewhere_bear_the_token_of_their_environment(
    desk: Desk, claude: Claude, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "token"
    _, url = desk.serve("--port", "0", "--token-file", str(path))
    monkeypatch.setenv("SENTRYVIBE_RUNTIME_DIR", str(tmp_path / "another machine"))
    monkeypatch.setenv("SENTRYVIBE_SERVER", url)
    monkeypatch.setenv("SENTRYVIBE_DATA_DIR", str(tmp_path / "its data"))
    assert desk.run("show", "shop").returncode == 3
    monkeypatch.setenv("SENTRYVIBE_TOKEN", path.read_text().strip())
    words = claude.init + claude.text(1, "hello") + claude.done
    assert desk.run("ingest", "shop", "-", data=words).returncode == 0
    assert desk.run("run", "made", "--server", url, "--", "true").returncode == 0
    assert desk.state("made")["status"] == "completed"
    assert b"hello" in desk.run("watch", "shop", "--plain").stdout


def test_a_named_token_lets_its_bearer_do_what_its_role_says_until_it_is_revoked(
    desk: Desk, claude: Claude, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = ("--data", str(tmp_path / "d"))
    server, url = desk.serve("--port", "0", *data, "--token-file", str(tmp_path / "token"))
    token = desk.run("token", "add", "anna", "--role", "watch", "--expires", "1h", *data).stdout.decode().strip()
    again = desk.run("token", "add", "anna", "--role", "admin", *data)
    assert (again.returncode, again.stdout) == (2, b"")
    assert desk.run("token", "add", "eva", "--role", "watch", "--expires", "soon", *data).returncode == 2
    listed = desk.run("token", "ls", *data).stdout.decode()
    assert "anna" in listed
    assert token not in listed
    words = claude.init + claude.text(1, "hello") + claude.done
    assert desk.run("ingest", "shop", "-", data=words).returncode == 0
    monkeypatch.setenv("SENTRYVIBE_SERVER", url)
    monkeypatch.setenv("SENTRYVIBE_RUNTIME_DIR", str(tmp_path / "another machine"))
    monkeypatch.setenv("SENTRYVIBE_TOKEN", token)
    assert b"hello" in desk.run("watch", "shop", "--plain").stdout
    refused = desk.run("ingest", "shop", "-", data=words)
    assert (refused.returncode, b"may watch and not publish" in refused.stderr) == (3, True)
    assert desk.run("token", "revoke", "anna", *data).returncode == 0
    assert desk.run("token", "revoke", "anna", *data).returncode == 2
    assert desk.run("ls").returncode == 3
    assert server.stop(signal.SIGTERM) == 0
    assert token not in "\n".join(server.lines + server.errors)


def test_a_shared_line_opens_its_project_and_no_other(
    desk: Desk, claude: Claude, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, url = desk.serve("--port", "0", "--data", str(tmp_path / "d"), "--token-file", str(tmp_path / "token"))
    words = claude.init + claude.text(1, "hello") + claude.done
    for project in ("shop", "other"):
        assert desk.run("ingest", project, "-", data=words).returncode == 0
    away = url.replace("127.0.0.1", "localhost")
    line = desk.run("share", "shop", "--url", away).stdout.decode().strip()
    token, _, command = line.removeprefix("SENTRYVIBE_TOKEN=").partition(" ")
    assert command == f"sentryvibe-tui watch shop --server {away}"
    monkeypatch.setenv("SENTRYVIBE_TOKEN", token)
    monkeypatch.setenv("SENTRYVIBE_RUNTIME_DIR", str(tmp_path / "another machine"))
    assert b"hello" in desk.run("watch", "shop", "--server", away, "--plain").stdout
    assert desk.run("show", "other", "--server", away).returncode == 2
    assert desk.run("ls", "--server", away).returncode == 0
    assert desk.run("ingest", "shop", "-", "--server", away, data=words).returncode == 3


def test_the_server_of_the_folder_that_is_named_is_asked_and_not_the_first(
    desk: Desk, claude: Claude, tmp_path: Path
) -> None:
    _, first = desk.serve("--port", "0", "--data", str(tmp_path / "first"))
    _, second = desk.serve("--port", "0", "--data", str(tmp_path / "second"))
    assert desk.run("ingest", "shop", "-", "--server", second, data=claude.init + claude.done).returncode == 0
    shared = desk.run("share", "shop", "--data", str(tmp_path / "second"))
    assert shared.returncode == 0, shared.stderr
    assert f"--server {second}".encode() in shared.stdout
    assert b"share-" in desk.run("token", "ls", "--data", str(tmp_path / "second")).stdout
    nobody = desk.run("share", "shop", "--data", str(tmp_path / "third"))
    assert (nobody.returncode, b"no server runs here with the data folder" in nobody.stderr) == (2, True)
    assert first != second


def test_nothing_is_shared_of_a_server_with_another_list_of_tokens(desk: Desk, claude: Claude, tmp_path: Path) -> None:
    """As when it runs on another machine: the line would open nothing."""
    _, url = desk.serve("--port", "0", "--data", str(tmp_path / "there"))
    assert desk.run("ingest", "shop", "-", data=claude.init + claude.done).returncode == 0
    shared = desk.run("share", "shop", "--server", url, "--data", str(tmp_path / "here"))
    assert (shared.returncode, shared.stdout) == (2, b"")
    assert b"another list of tokens" in shared.stderr
    assert desk.run("token", "ls", "--data", str(tmp_path / "here")).stdout == b""


def test_a_shared_line_of_one_build_opens_that_build(
    desk: Desk, claude: Claude, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a server that was started without a word about tokens."""
    server, url = desk.serve()
    for session, words in (("s-1", "hello"), ("s-2", "secret")):
        lines = (claude.init + claude.text(1, words) + claude.done).replace(b"s-1", session.encode())
        assert desk.run("ingest", "shop", "-", data=lines).returncode == 0
    assert desk.run("share", "shop", "--build", "s-").returncode == 2
    assert desk.run("share", "shop", "--build", "none").returncode == 2
    shared = desk.run("share", "shop", "--build", "s-1", "--url", url)
    token, _, command = shared.stdout.decode().strip().removeprefix("SENTRYVIBE_TOKEN=").partition(" ")
    monkeypatch.setenv("SENTRYVIBE_TOKEN", token)
    monkeypatch.setenv("SENTRYVIBE_RUNTIME_DIR", str(tmp_path / "another machine"))
    program, *arguments = command.split()
    assert program == "sentryvibe-tui"
    lines = desk.run(*arguments, "--plain").stdout
    assert (b"hello" in lines, b"secret" in lines) == (True, False)
    assert json.loads(desk.run("show", "shop", "--json", "--server", url).stdout)["sessionId"] == "s-1"
    listed = desk.run("ls", "--server", url)
    assert b"s-2" not in listed.stdout, listed.stderr
    assert server.stop(signal.SIGTERM) == 0
    assert token not in "\n".join(server.lines + server.errors)


def test_the_line_of_the_screen_opens_the_build_elsewhere_until_it_is_revoked(
    desk: Desk, claude: Claude, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TMUX", "STY"):
        monkeypatch.delenv(name, raising=False)
    server, _ = desk.serve("--host", "0.0.0.0", "--port", "0", "--token-file", str(tmp_path / "token"))
    for session, words in (("s-2", "secret"), ("s-1", "hello")):
        lines = (claude.init + claude.text(1, words) + claude.done).replace(b"s-1", session.encode())
        assert desk.run("ingest", "shop", "-", data=lines).returncode == 0
    screen = Terminal((*PROGRAM, "watch", "shop"), rows=36, columns=120)
    try:
        screen.until(b"hello")
        screen.type(b"S")
        screen.until(b"enter makes the link")
        screen.type(b"\r")
        screen.until(b"sent to the terminal's clipboard")
        copied = re.search(rb"\x1b\]52;c;([^\x07]+)\x07", screen.output)
        name = re.search(r"token revoke (share-\w+)", screen.shown)
        assert copied
        assert name
        screen.type(b"q")
        screen.until_gone("y copies again")
        screen.type(b"q")
        screen.end()
    finally:
        screen.close()
    token, _, command = base64.b64decode(copied[1]).decode().removeprefix("SENTRYVIBE_TOKEN=").partition(" ")
    program, *arguments = command.split()
    assert program == "sentryvibe-tui"
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("SENTRYVIBE_TOKEN", token)
        elsewhere.setenv("SENTRYVIBE_RUNTIME_DIR", str(tmp_path / "another machine"))
        seen = desk.run(*arguments, "--plain").stdout
        assert (b"hello" in seen, b"secret" in seen) == (True, False)
        assert token not in desk.run(*arguments, "--jsonl").stdout.decode()
    audit = desk.run("audit", "--json").stdout.decode()
    assert '"share"' in audit
    assert desk.run("token", "revoke", name[1]).returncode == 0
    monkeypatch.setenv("SENTRYVIBE_TOKEN", token)
    monkeypatch.setenv("SENTRYVIBE_RUNTIME_DIR", str(tmp_path / "another machine"))
    assert desk.run(*arguments, "--plain", "--no-wait").returncode == 3
    assert server.stop(signal.SIGTERM) == 0
    logs = [path.read_text() for path in desk.folder.rglob("*.log*")]
    assert not any(token in text for text in (audit, *logs, *server.lines, *server.errors))


def test_the_audit_log_says_who_did_what(desk: Desk, tmp_path: Path, claude: Claude) -> None:
    _, url = desk.serve()
    assert desk.run("ingest", "shop", "-", data=claude.init + claude.done).returncode == 0
    token = desk.run("token", "add", "anna", "--role", "watch").stdout.decode().strip()
    line = desk.run("share", "shop").stdout.decode().strip()
    httpx.get(f"{url}/api/projects", headers={"Authorization": "Bearer svt_guess"}, trust_env=False)
    assert desk.run("delete", "shop", "--yes").returncode == 0
    assert desk.run("token", "revoke", "anna").returncode == 0
    shown = desk.run("audit", "--json").stdout.decode()
    whats = [json.loads(row)["what"] for row in shown.splitlines()]
    assert sorted(whats) == ["delete", "refused", "share", "token-add", "token-revoke"]
    assert not any(word in shown for word in (token, "svt_"))
    assert line.partition(" ")[0].removeprefix("SENTRYVIBE_TOKEN=") not in shown
    project = next(json.loads(row)["project"] for row in shown.splitlines() if '"share"' in row)
    ours = desk.run("audit", project).stdout.decode().splitlines()
    assert [("delete" in row, "share" in row) for row in ours] == [(False, True), (True, False)]
    assert desk.run("audit", "--since", "2999-01-01").stdout == b""
    assert desk.run("audit", "--since", "soon").returncode == 2


def test_a_token_is_for_a_project_that_there_can_be(desk: Desk) -> None:
    done = desk.run("token", "add", "x", "--role", "watch", "--project", "shop\udcff")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"--project" in done.stderr
    assert b"Traceback" not in done.stderr
