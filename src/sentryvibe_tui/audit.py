"""What was done about who may do what: files beside the state, a JSON object a line, only ever added to.

They are no part of a store: what is refused while a store does not answer has to be in them, and whoever may write to a
database may take rows out of it.
"""

from __future__ import annotations

import errno
import fcntl
import heapq
import os
import pwd
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct, field

from .folders import make_private, new_private_file

AUDIT = "audit.jsonl"
"""The file's name in the data folder; beside it `audit-refused.jsonl`, and of each the one before, with `.1`."""
REFUSED = "refused"
LARGEST = 4 * 1024 * 1024
"""Bytes of a file at most."""
_LONGEST = 200


class AuditRecord(Struct, frozen=True, omit_defaults=True):
    """`at`: epoch ms. `who`: a principal, or a user of this machine. `what`: token-add, token-revoke, share, delete,
    discard, prune or `REFUSED`. `target`: what it was done to, or why it was refused. `origin`: an address, a user of
    this machine, or "here". `count`: so many times since the record before.
    """

    at: int
    what: str
    who: str = ""
    project: str = ""
    target: str = field(name="to", default="")
    origin: str = field(name="from", default="")
    count: int = 1


class AuditLog:
    """The records in the file `path`, written by servers and commands alike. Who is refused fills a file beside it, and
    cannot wash out what was done."""

    def __init__(self, path: Path, largest: int = LARGEST) -> None:
        self._done = _RecordFile(path, largest)
        self._refused = _RecordFile(path.with_stem(f"{path.stem}-{REFUSED}"), largest)

    def append(self, records: Sequence[AuditRecord]) -> None:
        """They are on disk afterwards. Raises OSError."""
        self._done.append([record for record in records if record.what != REFUSED])
        self._refused.append([record for record in records if record.what == REFUSED])

    def records(self, since: int = 0, project: str = "") -> Iterator[AuditRecord]:
        """The oldest first; of one project, and not before `since`, when that is wanted. Lines that are none are passed
        over. Raises OSError."""
        for record in heapq.merge(self._done.records(), self._refused.records(), key=lambda record: record.at):
            if record.at >= since and project in ("", record.project):
                yield record


class _RecordFile:
    """A file of records and the one before it, each of at most `largest` bytes."""

    def __init__(self, path: Path, largest: int) -> None:
        self._path, self._largest = path, largest
        self._before = path.with_name(f"{path.name}.1")

    def append(self, records: Sequence[AuditRecord]) -> None:
        """They are on disk afterwards. Raises OSError."""
        if not records:
            return
        make_private(self._path.parent)
        lines = b"".join(msgspec.json.encode(_bounded(record)) + b"\n" for record in records)
        descriptor = self._locked()
        try:
            if os.fstat(descriptor).st_size + len(lines) > self._largest:
                self._path.replace(self._before)
                os.close(descriptor)
                descriptor = self._locked()
            size = os.fstat(descriptor).st_size
            if os.write(descriptor, lines) != len(lines):
                os.ftruncate(descriptor, size)  # half a line would spoil the next one
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def records(self) -> Iterator[AuditRecord]:
        """The oldest first. Raises OSError."""
        for path in (self._before, self._path):
            try:
                with path.open("rb") as file:
                    yield from _readable(file)
            except FileNotFoundError:
                continue

    def _descriptor(self) -> int:
        flags = os.O_WRONLY | os.O_APPEND
        while True:
            with suppress(FileExistsError):
                return new_private_file(self._path, flags)
            with suppress(FileNotFoundError):  # replaced meanwhile
                return os.open(self._path, flags | os.O_NOFOLLOW | os.O_CLOEXEC)

    def _locked(self) -> int:
        """The file, which nobody else writes or replaces until it is closed."""
        while True:
            descriptor = self._descriptor()
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                if os.fstat(descriptor).st_ino == os.stat(self._path).st_ino:
                    return descriptor
            except FileNotFoundError:
                pass
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)


def local_user() -> str:
    """Who runs this program, by the machine's name for it."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _bounded(record: AuditRecord) -> AuditRecord:
    return msgspec.structs.replace(
        record,
        who=record.who[:_LONGEST],
        project=record.project[:_LONGEST],
        target=record.target[:_LONGEST],
        origin=record.origin[:_LONGEST],
    )


def _readable(lines: Iterable[bytes]) -> Iterator[AuditRecord]:
    for line in lines:
        try:
            yield msgspec.json.decode(line, type=AuditRecord)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
