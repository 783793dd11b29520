"""The runtime file: how other commands find a server that runs on this machine.

It is quick to import, for `status`: so annotations of a NamedTuple are no text, which would be compiled.
"""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from .errors import BadTokenFile
from .folders import make_private, runtime_folder
from .processes import is_alive, started_at
from .token_file import read_token
from .users import is_this_user


class LocalServer(NamedTuple):
    """A server that runs here. `started_at` is epoch milliseconds, `token_file` the path of the token it asks for,
    `certificate` that of what it speaks TLS with."""

    url: str
    pid: int
    data_dir: str
    started_at: int
    token_file: str = ""
    certificate: str = ""

    @property
    def token(self) -> str:
        """What it asks for; "" when that is nothing, or not for us."""
        with suppress(BadTokenFile):
            return read_token(Path(self.token_file)) if self.token_file else ""
        return ""


def runtime_file() -> Path:
    """`server.json` in the user's runtime folder: the server that commands find."""
    return runtime_folder() / "server.json"


def announce(server: LocalServer) -> None:
    """Write the runtime file, readable by its owner only. Raises OSError.

    Beside a server that runs it waits in a file of its own until that one has ended.
    """
    path = runtime_file()
    make_private(path.parent)
    fresh = path.with_name(f".{path.name}.{server.pid}")
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(_encoded(server))
    try:
        os.link(fresh, path)  # of two that start at once one is the first
    except OSError:
        fresh.replace(path if find_local_server() is None else _place_of(server))
    else:
        fresh.unlink()


def withdraw(server: LocalServer) -> None:
    """Remove what speaks of `server`, and what ended servers left."""
    for path in (runtime_file(), *_waiting()):
        entry = _read(path)
        if entry is not None and (entry.server == server or not entry.is_alive):
            with suppress(OSError):
                path.unlink()


def find_local_server() -> LocalServer | None:
    """A server that runs here, of several the first; None when there is none."""
    return next(iter(local_servers()), None)


def local_servers() -> list[LocalServer]:
    """Those that run here, in the order in which commands find them. Files of dead processes are ignored."""
    first = _running(runtime_file())
    waiting = [server for server in map(_running, _waiting()) if server is not None]
    waiting.sort(key=lambda server: server.started_at)
    return waiting if first is None else [first, *waiting]


def serves_here() -> bool:
    """Whether this very process is the server that other commands find."""
    server = find_local_server()
    return server is not None and server.pid == os.getpid()


def _place_of(server: LocalServer) -> Path:
    return runtime_folder() / f"server-{server.pid}.json"


def _waiting() -> list[Path]:
    """Files of servers that began while another ran."""
    return list(runtime_folder().glob("server-*.json"))


class _Entry(NamedTuple):
    """A server as a file tells of it; `start`: when its process began, since a pid is given to another one some day."""

    server: LocalServer
    start: str

    @property
    def is_alive(self) -> bool:
        return self.server.pid > 0 and is_alive(self.server.pid, self.start)


def _running(path: Path) -> LocalServer | None:
    entry = _read(path)
    return entry.server if entry is not None and entry.is_alive else None


def _read(path: Path) -> _Entry | None:
    """A file of another user, who was first in a folder for all, would lead our token to a server of theirs."""
    try:
        with path.open("rb") as file:
            if not is_this_user(os.fstat(file.fileno()).st_uid):
                return None
            told = json.loads(file.read())
        server, start = LocalServer(*(told.get(key, "") for key in _KEYS)), told.get(_START, "")
    except (OSError, ValueError, AttributeError):
        return None
    are_right = all(map(isinstance, (*server, start), (str, int, str, int, str, str, str)))
    return _Entry(server, start) if are_right else None


_KEYS = ("url", "pid", "dataDir", "startedAt", "tokenFile", "certificate")
_START = "processStart"


def _encoded(server: LocalServer) -> bytes:
    return json.dumps(dict(zip(_KEYS, server, strict=True)) | {_START: started_at(server.pid)}).encode()
