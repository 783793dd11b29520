"""A PostgreSQL cluster of one's own, which may be stopped, copied and promoted, and a Redis that may be killed."""

from __future__ import annotations

import os
import pwd
import random
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, Literal

import pytest

from ..patience import PATIENCE, until


@cache
def _programs() -> Path | None:
    """Where initdb, pg_ctl and pg_basebackup are."""
    folders = (Path(found).parent for name in ("initdb",) if (found := shutil.which(name)))
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in (*folders, *debian) if (folder / "pg_basebackup").exists()), None)


def need_cluster() -> None:
    pytest.importorskip("asyncpg")
    if _programs() is None:
        pytest.skip("initdb and pg_basebackup are not on this machine")
    if os.geteuid() == 0 and "postgres" not in {user.pw_name for user in pwd.getpwall()}:
        pytest.skip("PostgreSQL does not run as root, and there is no user postgres")


def free_port() -> int:
    """One of those that the system gives to no connection by itself: whoever is started there again finds it free."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Cluster:
    """One server of PostgreSQL, on a port of its own, with the database `postgres`."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / f"cluster{len(list(folder.iterdir()))}"
        self.port = free_port()

    @property
    def url(self) -> str:
        return self.through(self.port)

    @staticmethod
    def through(*ports: int) -> str:
        return f"postgresql://postgres@{','.join(f'127.0.0.1:{port}' for port in ports)}/postgres"

    def make(self) -> None:
        _run("initdb", "-D", self.data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-locale")
        self.start()

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=80"
        log = self.data.with_suffix(".log")
        _run("pg_ctl", "-D", self.data, "-w", "-t", f"{PATIENCE:.0f}", "-l", log, "-o", options, "start")

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        _run("pg_ctl", "-D", self.data, "-w", "-t", f"{PATIENCE:.0f}", "-m", mode, "stop")

    def standby(self, folder: Path) -> Cluster:
        """Another one, that follows this one, and runs."""
        other = Cluster(folder)
        _run("pg_basebackup", "-D", other.data, "-d", self.url, "-R", "-X", "stream", "-c", "fast")
        other.start()
        return other

    def promote(self) -> None:
        _run("pg_ctl", "-D", self.data, "-w", "-t", f"{PATIENCE:.0f}", "promote")

    def copy(self) -> Path:
        """A cold copy of the data, of a cluster that is stopped."""
        copy = self.data.with_name(f"{self.data.name}-copy")
        run_as_owner("cp", "-a", self.data, copy)
        return copy

    def put_back(self, copy: Path) -> None:
        """Stops, and starts with that copy in place of the data."""
        self.stop()
        shutil.rmtree(self.data)
        copy.rename(self.data)
        self.start()

    async def ask(self, query: str, *arguments: object) -> Any:
        import asyncpg

        db = await asyncpg.connect(self.url)
        try:
            return await db.fetchval(query, *arguments)
        finally:
            await db.close()


def _owner() -> tuple[int, int]:
    if os.geteuid():
        return os.geteuid(), os.getegid()
    user = pwd.getpwnam("postgres")
    return user.pw_uid, user.pw_gid


def _run(program: str, *arguments: object) -> None:
    folder = _programs()
    assert folder is not None
    run_as_owner(str(folder / program), *arguments)


def run_as_owner(*command: object) -> None:
    """PostgreSQL refuses to run as root."""
    words = [str(word) for word in command]
    user = {} if os.geteuid() else {"user": "postgres", "group": "postgres", "extra_groups": ()}
    done = subprocess.run(
        words, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False, **user
    )
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr.decode(errors='replace')}"


@contextmanager
def cluster_folder() -> Iterator[Path]:
    """Where clusters can be made; those that still run in it are stopped in the end."""
    folder = Path(tempfile.mkdtemp(prefix="svtest-pg-"))
    shutil.chown(folder, *_owner())
    try:
        yield folder
    finally:
        for pid_file in folder.glob("*/postmaster.pid"):
            _run("pg_ctl", "-D", pid_file.parent, "-w", "-m", "immediate", "stop")
        shutil.rmtree(folder)


class OwnRedis:
    """A Redis that keeps nothing, on a port of its own."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command: Sequence[str] = ("redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "")
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
        until(self._answers, "Redis answers")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True
