"""A server that speaks TLS, or listens on a Unix socket, by every way of ours to one."""

from __future__ import annotations

import os
import signal
import socket
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ..certificates import Certificate, made_in
from .conftest import Claude, Desk


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    return made_in(tmp_path)


@pytest.fixture
def leave(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], None]:
    """From then on commands find no server by themselves."""
    return lambda: monkeypatch.setenv("SENTRYVIBE_RUNTIME_DIR", str(tmp_path / "another machine"))


def published(desk: Desk, claude: Claude, *arguments: str) -> None:
    words = claude.init + claude.text(1, "hello") + claude.calls(2, "Bash", command="ls") + claude.done
    done = desk.run("ingest", "shop", "-", *arguments, data=words)
    assert done.returncode == 0, done.stderr


def read(desk: Desk, *arguments: str) -> None:
    """By every way of reading: the watch link, HTTP, and the quick one."""
    watched = desk.run("watch", "shop", "--plain", *arguments)
    assert b"hello" in watched.stdout, watched.stderr
    assert desk.state("shop", *arguments)["status"] == "completed"
    assert b"shop" in desk.run("ls", *arguments).stdout
    figures = desk.run("status", "--json", *arguments)
    assert figures.returncode == 0, figures.stderr


def test_commands_of_its_user_find_it_and_know_its_certificate(desk: Desk, claude: Claude, tmp_path: Path) -> None:
    """Though that is for another name."""
    certificate = made_in(tmp_path, "DNS:builds.example.org")
    server, url = desk.serve("--port", "0", "--tls-cert", str(certificate.file), "--tls-key", str(certificate.key))
    assert url.startswith("https://127.0.0.1:")
    published(desk, claude)
    read(desk)
    read(desk, "--server", url)
    assert server.stop(signal.SIGTERM) == 0


def test_others_trust_it_by_the_authority_that_they_name(
    desk: Desk,
    claude: Claude,
    certificate: Certificate,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    leave: Callable[[], None],
) -> None:
    tls = ("--tls-cert", str(certificate.file), "--tls-key", str(certificate.key))
    _, url = desk.serve("--port", "0", "--data", str(tmp_path / "d"), "--token-file", str(tmp_path / "token"), *tls)
    leave()
    monkeypatch.setenv("SENTRYVIBE_TOKEN", (tmp_path / "token").read_text().strip())
    for refused in (
        desk.run("ls", "--server", url),
        desk.run("watch", "shop", "--plain", "--no-wait", "--server", url),
    ):
        assert refused.returncode == 3
        assert b"certificate" in refused.stderr.lower(), refused.stderr
    ours = ("--server", url, "--ca", str(certificate.authority))
    published(desk, claude, *ours)
    read(desk, *ours)
    read(desk, "--server", url.replace("https", "wss"), "--ca", str(certificate.authority))
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    read(desk, "--server", url)
    monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.setenv("SENTRYVIBE_CA", str(certificate.authority))
    read(desk, "--server", url)
    bad = desk.run("ls", "--server", url, "--ca", str(tmp_path / "none"))
    assert (bad.returncode, b"none cannot be used" in bad.stderr) == (2, True), bad.stderr


def test_an_authority_that_is_named_needs_to_say_nothing_of_its_usage(
    desk: Desk, tmp_path: Path, leave: Callable[[], None]
) -> None:
    certificate = made_in(tmp_path, usage=())
    _, url = desk.serve("--port", "0", "--tls-cert", str(certificate.file), "--tls-key", str(certificate.key))
    leave()
    answer = desk.run("ls", "--server", url, "--ca", str(certificate.authority))
    assert (answer.returncode, b"no projects" in answer.stdout) == (0, True), answer.stderr


def test_a_certificate_for_another_name_is_not_trusted(desk: Desk, tmp_path: Path, leave: Callable[[], None]) -> None:
    certificate = made_in(tmp_path, "DNS:builds.example.org")
    _, url = desk.serve("--port", "0", "--tls-cert", str(certificate.file), "--tls-key", str(certificate.key))
    leave()
    refused = desk.run("ls", "--server", url, "--ca", str(certificate.authority))
    assert (refused.returncode, b"127.0.0.1" in refused.stderr) == (3, True)


def test_who_speaks_no_tls_or_stops_in_the_handshake_holds_nobody_up(
    desk: Desk, claude: Claude, certificate: Certificate
) -> None:
    server, url = desk.serve("--port", "0", "--tls-cert", str(certificate.file), "--tls-key", str(certificate.key))
    place = ("127.0.0.1", int(url.rpartition(":")[2]))
    with socket.create_connection(place), socket.create_connection(place) as plain:
        plain.sendall(b"GET /api/projects HTTP/1.1\r\nHost: localhost\r\n\r\n")
        plain.settimeout(20)
        assert b"HTTP/1.1 200" not in plain.recv(1000)
        published(desk, claude)
        read(desk)
        begun = time.monotonic()
        assert server.stop(signal.SIGTERM) == 0
        assert time.monotonic() - begun < 10


@pytest.mark.parametrize("wrong", ["no certificate", "another's key"])
def test_files_that_tls_cannot_be_spoken_with_are_named(
    desk: Desk, certificate: Certificate, tmp_path: Path, wrong: str
) -> None:
    file, key = certificate.file, certificate.key
    if wrong == "no certificate":
        file = tmp_path / "nonsense"
        file.write_text("nonsense")
    else:
        key = tmp_path / "authority.key"
    refused = desk.run("serve", "--port", "0", "--tls-cert", str(file), "--tls-key", str(key))
    assert refused.returncode == 1
    assert str(file).encode() in refused.stderr
    assert b"Traceback" not in refused.stderr
    assert desk.run("serve", "--tls-key", str(key)).returncode == 2


# ---------------------------------------------------------------------- a Unix socket


def test_a_socket_serves_its_user_alone(desk: Desk, claude: Claude, tmp_path: Path) -> None:
    path = tmp_path / "builds.sock"
    server, url = desk.serve("--socket", str(path))
    assert url == f"unix:{path}"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    published(desk, claude)
    read(desk)
    read(desk, "--server", url)
    assert desk.run("run", "made", "--", "true").returncode == 0
    taken = desk.run("serve", "--socket", str(path), "--data", str(tmp_path / "other"))
    assert (taken.returncode, b"there already" in taken.stderr) == (1, True)
    assert desk.run("serve", "--socket", str(path), "--port", "7").returncode == 2
    assert server.stop(signal.SIGTERM) == 0
    assert not path.exists()


def test_a_socket_with_a_token_file_asks_for_the_token(desk: Desk, tmp_path: Path, leave: Callable[[], None]) -> None:
    path = tmp_path / "builds.sock"
    desk.serve("--socket", str(path), "--token-file", str(tmp_path / "token"))
    leave()
    assert desk.run("ls", "--server", f"unix:{path}").returncode == 3
    token = (tmp_path / "token").read_text().strip()
    assert desk.run("ls", "--server", f"unix:{path}", "--token", token).returncode == 0


def test_a_socket_that_was_left_behind_is_replaced_and_a_file_is_not(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "builds.sock"
    server, _ = desk.serve("--socket", str(path))
    server.stop(signal.SIGKILL)
    assert path.exists()
    server, _ = desk.serve("--socket", str(path))
    assert server.stop(signal.SIGTERM) == 0
    path.write_text("precious")
    refused = desk.run("serve", "--socket", str(path))
    assert (refused.returncode, path.read_text()) == (1, "precious")
    far = desk.run("serve", "--socket", str(tmp_path / ("x" * 200)))
    assert (far.returncode, b"too long" in far.stderr) == (1, True)
    assert desk.run("ls", "--server", "unix:relative").returncode == 2
    assert desk.run("ls", "--server", f"unix:{tmp_path}/none").returncode == 3


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_another_user_opens_no_socket(desk: Desk, tmp_path: Path) -> None:
    path = Path("/tmp") / f"sentryvibe-test-{os.getpid()}.sock"
    server, _ = desk.serve("--socket", str(path))
    errors: list[BaseException] = []

    def attempt() -> None:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
                with socket.socket(socket.AF_UNIX) as link:
                    link.connect(str(path))
            except PermissionError:
                code = 0
            finally:
                os._exit(code)
        _, status = os.waitpid(pid, 0)
        if status:
            errors.append(AssertionError("another user got in"))

    worker = threading.Thread(target=attempt)
    worker.start()
    worker.join()
    assert errors == []
    assert server.stop(signal.SIGTERM) == 0
