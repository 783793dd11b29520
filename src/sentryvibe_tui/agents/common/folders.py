"""Folders that agents keep their files in, and the heads of such files. Reads; never writes."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

import msgspec
from msgspec import Struct

from .zstd import unpacked_head

HEAD = 128 * 1024
"""Bytes at a file's start within which it must say where its session runs."""

_TICK = 2_000_000_000


class FileHead(Struct, frozen=True):
    """What the head of a session file says. `parent` and `agent_path`: the thread that spawned this one of Codex, and
    what it calls it."""

    cwd: str = ""
    session_id: str = ""
    codex_id: str = ""
    project_hash: str = ""
    parent: str = ""
    agent_path: str = ""


def head_of(data: bytes) -> FileHead:
    """Found by pattern: the first lines may be long, and the last one is cut. Quotes inside of strings are escaped."""
    data = unpacked_head(data)
    first = data.partition(b"\n")[0]
    spawned = b'"subagent"' in first
    return FileHead(
        field_in(data, b"cwd"),
        field_in(data, b"sessionId"),
        field_in(data, b"id"),
        field_in(data, b"projectHash"),
        field_in(first, b"parent_thread_id") if spawned else "",
        field_in(first, b"agent_path") if spawned else "",
    )


def field_in(data: bytes, name: bytes) -> str:
    """The first text under that name, "" when there is none."""
    found = re.search(rb'"' + name + rb'"\s*:\s*("(?:[^"\\]|\\.)*")', data)
    try:
        return msgspec.json.decode(found[1], type=str) if found else ""
    except msgspec.DecodeError:
        return ""


def beginning(path: Path) -> bytes:
    """The first bytes of a file, HEAD at most; nothing when it has gone."""
    try:
        with path.open("rb") as file:
            return file.read(HEAD)
    except OSError:
        return b""


def head_at(path: Path) -> FileHead:
    """What a file's head says; nothing when there is no such file."""
    try:
        status = path.stat()
        return _head_at(str(path), status.st_ino, min(status.st_size, HEAD))
    except OSError:
        return FileHead()


@lru_cache(4096)
def _head_at(path: str, inode: int, size: int) -> FileHead:
    """Looked up again while the head grows."""
    with open(path, "rb") as file:
        return head_of(file.read(size))


class Heads:
    """Heads of files, each read again as long as it does not say where its session runs."""

    def __init__(self) -> None:
        self._heads: dict[Path, tuple[int, FileHead]] = {}

    def of(self, path: Path) -> FileHead:
        try:
            inode = path.stat().st_ino
            known = self._heads.get(path)
            if known is not None and known[0] == inode:
                return known[1]
            with path.open("rb") as file:
                head = head_of(file.read(HEAD))
        except OSError:
            return FileHead()
        if head.cwd or head.project_hash:
            self._heads[path] = (inode, head)
        return head


class Owner:
    """Whose directory is asked about: that one and all below it, every one when it is ""."""

    def __init__(self, directory: str) -> None:
        self.directory = directory

    def owns(self, directory: str) -> bool:
        ours = self.directory
        return not ours or _is_below(directory, ours) or _is_below(_real(directory), ours)


def _is_below(directory: str, other: str) -> bool:
    return directory == other or directory.startswith(other.rstrip("/") + "/")


@lru_cache(4096)
def _real(directory: str) -> str:
    """Agents may call it by the way that they came, over links."""
    return os.path.realpath(directory) if directory else ""


class Listing:
    """A folder's entries, listed again when something in it came or went."""

    def __init__(self, folder: Path | str) -> None:
        self._folder = folder
        self._changed = -1
        self._entries: list[os.DirEntry[str]] = []

    def entries(self) -> list[os.DirEntry[str]]:
        try:
            changed = os.stat(self._folder).st_mtime_ns
        except OSError:
            return []
        if changed != self._changed:
            self._entries = entries(self._folder)
            # What comes within the same tick of its clock changes no time of a folder.
            self._changed = changed if time.time_ns() - changed > _TICK else -1
        return self._entries


def home(environ: Mapping[str, str]) -> Path:
    """The user's folder."""
    return Path(environ.get("HOME") or "~").expanduser()


def folders(root: Path | str) -> list[os.DirEntry[str]]:
    return [entry for entry in entries(root) if _is_folder(entry)]


def files(folder: Path | str, ending: str) -> list[os.DirEntry[str]]:
    return [entry for entry in entries(folder) if entry.name.endswith(ending) and is_file(entry)]


def files_below(root: Path | str, depth: int) -> Iterable[os.DirEntry[str]]:
    """Files `depth` folders below."""
    if not depth:
        return files(root, "")
    return (file for folder in folders(root) for file in files_below(folder.path, depth - 1))


def entries(folder: Path | str) -> list[os.DirEntry[str]]:
    """What is in a folder; nothing when it cannot be listed."""
    try:
        with os.scandir(folder) as listed:
            return list(listed)
    except OSError:
        return []


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def is_file(entry: os.DirEntry[str]) -> bool:
    """No named pipe either: opening it would wait for a writer."""
    try:
        return entry.is_file()
    except OSError:
        return False


def changed_at(entry: os.DirEntry[str]) -> float:
    """Epoch seconds; 0 for a file that has just gone."""
    try:
        return entry.stat().st_mtime
    except OSError:
        return 0.0
