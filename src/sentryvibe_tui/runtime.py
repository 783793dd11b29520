"""The runtime file: how other commands find a server that runs on this machine."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from .folders import make_private, runtime_folder
from .token_file import BadTokenFile, read_token


class LocalServer(Struct, frozen=True, rename="camel"):
    """A server that runs here. `started_at` is epoch milliseconds, `token_file` the path of the token it asks for."""

    url: str
    pid: int
    data_dir: str
    started_at: int
    token_file: str = ""

    @property
    def token(self) -> str:
        """What it asks for; "" when that is nothing, or not for us."""
        with suppress(BadTokenFile):
            return read_token(Path(self.token_file)) if self.token_file else ""
        return ""


def runtime_file() -> Path:
    """`server.json` in the user's runtime folder."""
    return runtime_folder() / "server.json"


def announce(server: LocalServer) -> None:
    """Write the runtime file, readable by its owner only. Raises OSError."""
    path = runtime_file()
    make_private(path.parent)
    fresh = path.with_name(f".{path.name}.{server.pid}")
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(msgspec.json.encode(server))
    fresh.replace(path)


def withdraw(server: LocalServer) -> None:
    """Remove the runtime file if it still speaks of `server`."""
    if _read() == server:
        with suppress(OSError):
            runtime_file().unlink()


def find_local_server() -> LocalServer | None:
    """A server that runs here; None when there is none. A file left by a dead process is ignored."""
    server = _read()
    return server if server is not None and _runs(server.pid) else None


def serves_here() -> bool:
    """Whether this very process is the server that other commands find."""
    server = _read()
    return server is not None and server.pid == os.getpid()


def _read() -> LocalServer | None:
    try:
        return msgspec.json.decode(runtime_file().read_bytes(), type=LocalServer)
    except (OSError, msgspec.MsgspecError):
        return None


def _runs(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
