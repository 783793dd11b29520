"""Who may do what with a server: named tokens in a file of its data folder, of which only check sums are kept."""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from .errors import BadTokenFile
from .folders import make_private, new_private_file

TOKENS = "tokens.json"
"""The file's name in the data folder."""
TOKEN_PREFIX = "svt_"
"""What a named token begins with, so that leaks are recognised."""
LISTED_AFTER = 24 * 3600 * 1000
"""Milliseconds for which a token that has expired is still listed."""

Role = Literal["watch", "publish", "answer", "admin"]
ROLES: tuple[Role, ...] = ("watch", "publish", "answer", "admin")

_INCLUDED: dict[Role, frozenset[Role]] = {
    "watch": frozenset({"watch"}),
    "publish": frozenset({"watch", "publish"}),
    "answer": frozenset({"watch", "answer"}),
    "admin": frozenset(ROLES),
}


class Principal(Struct, frozen=True):
    """Who a request is from. `id`: of its named token, if it has one.

    `project`: the only one it may see; "" all. `session` and `build`: the only build of that project.
    """

    name: str
    role: Role
    project: str = ""
    id: str = ""
    session: str = ""
    build: str = ""

    def may(self, role: Role) -> bool:
        """Whether it may do what `role` stands for."""
        return role in _INCLUDED[self.role]

    def sees(self, project: str, session: str, build: str) -> bool:
        """Whether it may see the build of those ids."""
        return self.project in ("", project) and self.session in ("", session) and self.build in ("", build)


class TokenRecord(Struct, frozen=True):
    """A named token. Times in epoch ms; `expires_at` 0: never. `digest`: SHA-256 of the token, in hex."""

    id: str
    name: str
    role: Role
    digest: str
    project: str = ""
    created_at: int = 0
    expires_at: int = 0
    session: str = ""
    build: str = ""

    def is_valid(self, now: int) -> bool:
        return not self.expires_at or now < self.expires_at

    @property
    def principal(self) -> Principal:
        return Principal(self.name, self.role, self.project, self.id, self.session, self.build)


class NamedTokens:
    """The tokens in the file `path`, read anew whenever it is another one. It need not be there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file_stamp: tuple[int, int, int] | None = None
        self._records: dict[str, TokenRecord] = {}

    def records(self) -> tuple[TokenRecord, ...]:
        """All of them, the oldest first. Raises BadTokenFile."""
        return tuple(self._current().values())

    def holder(self, token: str, now: int) -> Principal | None:
        """Whose token it is; None: nobody's, or it has expired. Raises BadTokenFile."""
        record = self._current().get(token.removeprefix(TOKEN_PREFIX).partition(".")[0])
        if record is None or not record.is_valid(now) or not hmac.compare_digest(_digest(token), record.digest):
            return None
        return record.principal

    def valid_ids(self, now: int) -> frozenset[str]:
        """Of those that are neither revoked nor expired. Raises BadTokenFile."""
        return frozenset(record.id for record in self._current().values() if record.is_valid(now))

    def add(
        self,
        name: str,
        role: Role,
        now: int,
        project: str = "",
        expires_at: int = 0,
        build: tuple[str, str] = ("", ""),
    ) -> str:
        """A new token, which nobody can read again. `build`: session and id of the only build it is for. Those
        that expired long ago go.

        Raises BadTokenFile, also when there is one of that name.
        """
        with self._changing() as records:
            for record in [record for record in records.values() if not record.is_valid(now - LISTED_AFTER)]:
                del records[record.id]
            if any(record.name == name for record in records.values()):
                raise BadTokenFile(f"there is a token {name!r} already; revoke it, or take another name")
            token_id = secrets.token_hex(6)
            token = f"{TOKEN_PREFIX}{token_id}.{secrets.token_urlsafe(32)}"
            records[token_id] = TokenRecord(token_id, name, role, _digest(token), project, now, expires_at, *build)
        return token

    def revoke(self, name: str) -> bool:
        """False: there is none of that name. Raises BadTokenFile."""
        with self._changing() as records:
            token_ids = [record.id for record in records.values() if record.name == name]
            for token_id in token_ids:
                del records[token_id]
        return bool(token_ids)

    def _current(self) -> dict[str, TokenRecord]:
        try:
            status = os.stat(self._path)
            file_stamp = (status.st_mtime_ns, status.st_ino, status.st_size)
            if file_stamp != self._file_stamp:
                if status.st_mode & 0o077:
                    raise BadTokenFile(f"others may read {self._path}; `chmod 600` it")
                records = msgspec.json.decode(self._path.read_bytes(), type=list[TokenRecord])
                self._records, self._file_stamp = {record.id: record for record in records}, file_stamp
        except FileNotFoundError:
            self._records, self._file_stamp = {}, None
        except (OSError, UnicodeDecodeError, RecursionError, msgspec.MsgspecError) as error:
            raise BadTokenFile(f"the tokens in {self._path} cannot be read: {error}") from None
        return self._records

    @contextmanager
    def _changing(self) -> Generator[dict[str, TokenRecord]]:
        """The records, to be changed by one process at a time; they are on disk afterwards."""
        try:
            make_private(self._path.parent)
            folder = os.open(self._path.parent, os.O_RDONLY)
        except OSError as error:
            raise BadTokenFile(f"no tokens can be kept in {self._path.parent}: {error.strerror}") from None
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            records = dict(self._current())
            yield records
            self._write(msgspec.json.format(msgspec.json.encode(tuple(records.values()))))
            os.fsync(folder)
        except OSError as error:
            raise BadTokenFile(f"{self._path} cannot be written: {error.strerror}") from None
        finally:
            os.close(folder)

    def _write(self, text: bytes) -> None:
        """Whole or not at all."""
        draft = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        draft.unlink(missing_ok=True)
        with open(new_private_file(draft, os.O_WRONLY), "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)


def _digest(token: str) -> str:
    """Tokens are too random to be guessed from it."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
