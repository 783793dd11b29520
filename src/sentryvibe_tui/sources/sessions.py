"""Where Claude Code, Codex and Gemini CLI keep their session files, and whose directory each belongs to.

AGENT_FORMATS 3, 6 and 7. Reads folders and the heads of files; never writes.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from ..wire.projects import mangled

AgentName = Literal["claude", "codex", "gemini"]

HEAD = 128 * 1024
"""Bytes at a file's start within which it must say where its session runs."""

_LONGEST_FOLDER = 200
"""Characters of a folder's name that Claude Code certainly keeps of a long path."""


class Roots(Struct, frozen=True):
    """The folders of the agents."""

    claude: Path
    codex: Path
    gemini: Path


class Session(Struct, frozen=True):
    """One session file. `directory` is where its agent works, "" when the file does not say.

    `changed`: when the file or one of its subagents' was last written, epoch seconds.
    """

    agent: AgentName
    path: Path
    id: str
    directory: str
    changed: float


def roots(environ: Mapping[str, str] = os.environ) -> Roots:
    """CLAUDE_CONFIG_DIR and CODEX_HOME move two of them; GEMINI_CLI_HOME is the third's home folder."""
    home = Path(environ.get("HOME") or "~").expanduser()
    claude, codex, gemini = (environ.get(name) for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "GEMINI_CLI_HOME"))
    return Roots(
        (Path(claude) if claude else home / ".claude") / "projects",
        (Path(codex) if codex else home / ".codex") / "sessions",
        (Path(gemini) if gemini else home) / ".gemini" / "tmp",
    )


class Sessions:
    """The session files of one directory and those below it; of all directories when there is none named."""

    def __init__(self, roots: Roots, directory: Path | None = None) -> None:
        self._roots = roots
        self._directory = "" if directory is None else str(directory.resolve())
        self._heads: dict[Path, tuple[int, _Head]] = {}

    def changed_since(self, moment: float) -> list[Session]:
        """Sessions written to at or after `moment` (epoch seconds), the latest first."""
        found = [*self._claude(moment), *self._codex(moment), *self._gemini(moment)]
        return sorted(found, key=lambda session: session.changed, reverse=True)

    def _claude(self, since: float) -> Iterator[Session]:
        own = mangled(self._directory)
        for folder in _folders(self._roots.claude):
            if self._directory and not folder.name.startswith(own[:_LONGEST_FOLDER]):
                continue
            entries = _entries(folder.path)
            names = {entry.name for entry in entries}
            for file in _sessions_in(entries):
                changed, stem = _changed(file), file.name.removesuffix(".jsonl")
                if stem in names:
                    changed = max((changed, *map(_changed, _subagents_in(f"{folder.path}/{stem}/subagents"))))
                if changed < since:
                    continue
                path = Path(file.path)
                cwd = self._head(path).cwd
                # Two directories may share a folder; a file that was moved there belongs where it is.
                directory = self._directory if folder.name == own and mangled(cwd) != own else cwd
                if self._is_ours(directory):
                    yield Session("claude", path, path.stem, directory, changed)

    def _codex(self, since: float) -> Iterator[Session]:
        """Threads that a person began: a subagent's file counts as one of the thread that spawned it."""
        threads = {file.name[-42:-6]: file for file in _below(self._roots.codex, 3) if _is_rollout(file.name)}
        latest: dict[str, float] = {}
        for thread, file in threads.items():
            changed = _changed(file)
            if changed >= since:
                root = self._root_of(thread, threads)
                latest[root] = max(changed, latest.get(root, 0.0))
        for thread, changed in latest.items():
            path = Path(threads[thread].path)
            head = self._head(path)
            if self._is_ours(head.cwd):
                yield Session("codex", path, head.codex_id or thread, head.cwd, changed)

    def _root_of(self, thread: str, threads: Mapping[str, os.DirEntry[str]]) -> str:
        """The thread at whose request this one works; itself when there is none, or its file is not there."""
        seen = {thread}
        while (parent := self._head(Path(threads[thread].path)).parent) in threads and parent not in seen:
            seen.add(parent)
            thread = parent
        return thread

    def _gemini(self, since: float) -> Iterator[Session]:
        for folder in _folders(self._roots.gemini):
            for file in (*_files(f"{folder.path}/chats", ".jsonl"), *_files(f"{folder.path}/chats", ".json")):
                if not file.name.startswith("session-") or _changed(file) < since:
                    continue
                path = Path(file.path)
                head = self._head(path)
                directory = self._gemini_directory(Path(folder.path), head.project_hash)
                if not self._directory or self._is_ours(directory):
                    yield Session("gemini", path, head.session_id or path.stem, directory, _changed(file))

    def _gemini_directory(self, folder: Path, project_hash: str) -> str:
        """Gemini names a directory by its hash; newer versions also write it down beside the chats."""
        try:
            told = (folder / ".project_root").read_text("utf-8", "replace").strip()
        except OSError:
            told = ""
        own = hashlib.sha256(self._directory.encode()).hexdigest()
        return told or (self._directory if self._directory and own in (project_hash, folder.name) else "")

    def _is_ours(self, directory: str) -> bool:
        ours = self._directory
        return not ours or _is_below(directory, ours) or _is_below(_real(directory), ours)

    def _head(self, path: Path) -> _Head:
        """What the head says; read again as long as it does not say where the session runs."""
        try:
            inode = path.stat().st_ino
            known = self._heads.get(path)
            if known is not None and known[0] == inode:
                return known[1]
            with path.open("rb") as file:
                head = _read_head(file.read(HEAD))
        except OSError:
            return _Head()
        if head.cwd or head.project_hash:
            self._heads[path] = (inode, head)
        return head


def _is_below(directory: str, other: str) -> bool:
    return directory == other or directory.startswith(other.rstrip("/") + "/")


@lru_cache(4096)
def _real(directory: str) -> str:
    """Agents may call it by the way that they came, over links."""
    return os.path.realpath(directory) if directory else ""


class _Head(Struct, frozen=True):
    """`parent` and `agent_path`: the thread that spawned this one of Codex, and what it calls it."""

    cwd: str = ""
    session_id: str = ""
    codex_id: str = ""
    project_hash: str = ""
    parent: str = ""
    agent_path: str = ""


def _read_head(data: bytes) -> _Head:
    """Found by pattern: the first lines may be long, and the last one is cut. Quotes inside of strings are escaped."""
    first = data.partition(b"\n")[0]
    spawned = b'"subagent"' in first
    return _Head(
        _field(data, b"cwd"),
        _field(data, b"sessionId"),
        _field(data, b"id"),
        _field(data, b"projectHash"),
        _field(first, b"parent_thread_id") if spawned else "",
        _field(first, b"agent_path") if spawned else "",
    )


def _field(data: bytes, name: bytes) -> str:
    found = re.search(rb'"' + name + rb'"\s*:\s*("(?:[^"\\]|\\.)*")', data)
    try:
        return msgspec.json.decode(found[1], type=str) if found else ""
    except msgspec.DecodeError:
        return ""


class SubagentFiles:
    """The files of a Claude session's subagents: in a folder of their own, or beside the session's."""

    def __init__(self, session: Path) -> None:
        self._session = session
        self._folder, self._own = _Listing(session.parent), f"{session.with_suffix('')}/subagents"
        self._listed: list[os.DirEntry[str]] = []
        self._undecided: list[os.DirEntry[str]] = []
        self._beside: dict[str, os.DirEntry[str]] = {}
        self._others: set[str] = set()

    def found(self) -> list[Path]:
        """Oldest first."""
        self._look_beside()
        files = [*_subagents_in(self._own), *self._beside.values()]
        return [Path(file.path) for file in sorted(files, key=lambda file: (_changed(file), file.name))]

    def _look_beside(self) -> None:
        """There may be thousands, of other sessions: each is looked into until it says whose it is."""
        if (entries := self._folder.entries()) is not self._listed:
            self._listed = entries
            decided = {*self._others, *self._beside}
            fresh = (entry for entry in entries if _is_subagent(entry.name) and entry.name not in decided)
            self._undecided = [entry for entry in fresh if _is_file(entry)]
        undecided, self._undecided = self._undecided, []
        for entry in undecided:
            session = _session_in(entry.path)
            if session == self._session.stem:
                self._beside[entry.name] = entry
            elif session:
                self._others.add(entry.name)
            else:
                self._undecided.append(entry)


def _is_subagent(name: str) -> bool:
    return name.startswith("agent-") and name.endswith(".jsonl")


def _sessions_in(entries: Iterable[os.DirEntry[str]]) -> Iterator[os.DirEntry[str]]:
    files = (entry for entry in entries if entry.name.endswith(".jsonl") and not _is_subagent(entry.name))
    return (entry for entry in files if _is_file(entry))


def _subagents_in(folder: str) -> Iterator[os.DirEntry[str]]:
    """Newer versions of Claude Code keep them there, those of a workflow in `workflows/<name>` below."""
    yield from _files(folder, ".jsonl")
    for workflow in _folders(f"{folder}/workflows"):
        yield from (file for file in _files(workflow.path, ".jsonl") if _is_subagent(file.name))


def _session_in(path: str) -> str:
    """The session that a subagent's file names: in its first record, mostly at once."""
    try:
        with open(path, "rb") as file:
            return _field(file.read(4096), b"sessionId") or _field(file.read(HEAD), b"sessionId")
    except OSError:
        return ""


class _Listing:
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
            self._entries = _entries(self._folder)
            # What comes within the same tick of its clock changes no time of a folder.
            self._changed = changed if time.time_ns() - changed > _TICK else -1
        return self._entries


_TICK = 2_000_000_000


class Spawned(Struct, frozen=True):
    """A rollout file of Codex that says which thread spawned it, and what that one calls it."""

    path: Path
    thread: str
    parent: str
    agent_path: str


class SpawnedRollouts:
    """The files of subagents that began on the day of a session, or later. `session`: its rollout file."""

    def __init__(self, session: Path) -> None:
        self._session = session
        self._known: dict[str, Spawned | None] = {}
        self._days: dict[str, _Listing] = {}

    def found(self) -> list[Spawned]:
        """Oldest first. A file is looked into until its head says whose it is."""
        day = self._session.parent
        year_month_day = day.parts[-3:]
        is_kept = [len(part) for part in year_month_day] == [4, 2, 2]
        days = _from(day.parents[2], year_month_day) if is_kept else [str(day)]
        listings = (self._days.setdefault(one, _Listing(one)) for one in days)
        files = (file for one in listings for file in one.entries() if _is_rollout(file.name))
        later = sorted((file for file in files if file.name > self._session.name), key=lambda file: file.name)
        return [one for file in later if (one := self._spawned(file.path)) is not None]

    def _spawned(self, path: str) -> Spawned | None:
        if path not in self._known:
            head = _head_of(Path(path))
            if not head.codex_id:
                return None
            one = Spawned(Path(path), head.codex_id, head.parent, head.agent_path)
            self._known[path] = one if head.parent else None
        return self._known[path]


def _from(root: Path | str, names: Sequence[str]) -> Iterator[str]:
    """Folders of days, that of the year, month and day in `names` and those after it."""
    if not names:
        yield str(root)
        return
    for folder in _folders(root):
        if folder.name >= names[0]:
            yield from _from(folder.path, names[1:] if folder.name == names[0] else [""] * (len(names) - 1))


def without_subagents(paths: Sequence[Path | None]) -> list[Path | None]:
    """`paths` without the files of subagents whose session is among them: they are read with it."""
    names = [path.stem for path in paths if path is not None]
    return [path for path in paths if path is None or not _is_with(_session_of(path), path, names)]


def _session_of(path: Path) -> str:
    """The session whose subagent a file is of; "" when it is a session's own, or no file."""
    if path.name.startswith("agent-") and path.is_file():
        return _head_of(path).session_id
    return _head_of(path).parent if _is_rollout(path.name) and path.is_file() else ""


def _is_with(session: str, path: Path, names: Sequence[str]) -> bool:
    return bool(session) and any(name.endswith(session) and name != path.stem for name in names)


def _head_of(path: Path) -> _Head:
    """What a file's head says; nothing when there is no such file."""
    try:
        status = path.stat()
        return _head_at(str(path), status.st_ino, min(status.st_size, HEAD))
    except OSError:
        return _Head()


@lru_cache(4096)
def _head_at(path: str, inode: int, size: int) -> _Head:
    """Looked up again while the head grows."""
    with open(path, "rb") as file:
        return _read_head(file.read(size))


def _is_rollout(name: str) -> bool:
    return name.startswith("rollout-") and name.endswith(".jsonl")


def _folders(root: Path | str) -> list[os.DirEntry[str]]:
    return [entry for entry in _entries(root) if _is_folder(entry)]


def _files(folder: Path | str, ending: str) -> list[os.DirEntry[str]]:
    return [entry for entry in _entries(folder) if entry.name.endswith(ending) and _is_file(entry)]


def _below(root: Path | str, depth: int) -> Iterable[os.DirEntry[str]]:
    """Files `depth` folders below."""
    if not depth:
        return _files(root, "")
    return (file for folder in _folders(root) for file in _below(folder.path, depth - 1))


def _entries(folder: Path | str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    """No named pipe either: opening it would wait for a writer."""
    try:
        return entry.is_file()
    except OSError:
        return False


def _changed(entry: os.DirEntry[str]) -> float:
    """Epoch seconds; 0 for a file that has just gone."""
    try:
        return entry.stat().st_mtime
    except OSError:
        return 0.0
