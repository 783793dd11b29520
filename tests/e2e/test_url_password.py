"""A password in a server's URL reaches the server and nothing else."""

import base64
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PASSWORD = "love%20lace"


class Answers(http.server.BaseHTTPRequestHandler):
    """Says no to everything, and keeps what it was sent."""

    def do_GET(self) -> None:
        self.server.sent.append(dict(self.headers))  # type: ignore[attr-defined]
        self.send_error(503)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@pytest.fixture(autouse=True)
def home(desk: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nobody's settings but the test's, and no agent to ask for its version."""
    monkeypatch.delenv("CLAUDE_CONFIG_DIR", raising=False)
    monkeypatch.setenv("HOME", str(desk.folder / "home"))
    monkeypatch.setenv("PATH", str(desk.folder / "bin"))
    return desk.folder / "home"


@pytest.fixture
def strangers() -> Iterator[tuple[str, list[dict[str, str]]]]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.sent = []  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://ada:{PASSWORD}@127.0.0.1:{server.server_address[1]}", server.sent  # type: ignore[attr-defined]
    server.shutdown()
    server.server_close()


def kept(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_it_is_sent_and_neither_printed_nor_kept(
    desk: Any, strangers: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, sent = strangers
    hooks = ("hooks", "install", "claude", "--http", "--yes")
    for command in (("ls",), ("show", "shop"), hooks):
        done = desk.run(*command, "--server", url)
        assert done.returncode != 0
        assert b"lace" not in done.stdout + done.stderr, command
    monkeypatch.setenv("SENTRYVIBE_SERVER", url)
    printed = desk.run("config")
    assert b"lace" not in printed.stdout + printed.stderr
    expected = f"Basic {base64.b64encode(b'ada:love lace').decode()}"
    assert sent
    assert {headers.get("Authorization") for headers in sent} == {expected}
    assert b"lace" not in kept(tmp_path)


def test_settings_with_secrets_are_not_printed(desk: Any, home: Path) -> None:
    path = home / ".claude/settings.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('{\n  "env": {\n    "API_TOKEN": "zz9pluralz"\n  }\n}\n')
    done = desk.run("hooks", "install", "claude", "--yes")
    assert done.returncode == 0
    assert b"zz9pluralz" not in done.stdout + done.stderr
    assert "zz9pluralz" in path.read_text()
