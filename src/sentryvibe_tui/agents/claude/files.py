"""Where Claude Code keeps its session files, and whose directory each belongs to
(docs/agents.md#claude-code-session-files)."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ...wire.projects import mangled
from ..common.folders import (
    HEAD,
    Heads,
    Listing,
    Owner,
    beginning,
    changed_at,
    entries,
    field_in,
    files,
    folders,
    head_at,
    home,
    is_file,
)
from ..common.reader import Reader, innermost
from ..common.session_files import Session, SessionFiles
from ..redact import Redactor
from .session import ClaudeSession
from .subagents import ClaudeSubagents

PLACELESS = 10.0
"""Seconds of silence after which a session that does not say where it runs is taken as it is: its first records do not
say so."""
_LONGEST_FOLDER = 200
"""Characters of a folder's name that Claude Code certainly keeps of a long path."""


def root(environ: Mapping[str, str]) -> Path:
    """CLAUDE_CONFIG_DIR moves it."""
    moved = environ.get("CLAUDE_CONFIG_DIR")
    return (Path(moved) if moved else home(environ) / ".claude") / "projects"


class ClaudeFolder:
    """A folder for each directory, called after it; in it the sessions that began there."""

    def __init__(self, root: Path, directory: str) -> None:
        self._root, self._owner, self._heads = root, Owner(directory), Heads()

    def changed_since(self, moment: float) -> Iterator[Session]:
        own = mangled(self._owner.directory)
        for folder in folders(self._root):
            if not self._owner.directory or folder.name.startswith(own[:_LONGEST_FOLDER]):
                yield from self._sessions(folder, moment, folder.name == own)

    def _sessions(self, folder: os.DirEntry[str], moment: float, is_own: bool) -> Iterator[Session]:
        listed = entries(folder.path)
        names = {entry.name for entry in listed}
        for file in _sessions_in(listed):
            changed, stem = changed_at(file), file.name.removesuffix(".jsonl")
            if stem in names:
                changed = max((changed, *map(changed_at, _subagents_in(f"{folder.path}/{stem}/subagents"))))
            if changed < moment:
                continue
            path = Path(file.path)
            directory = self._directory(path, is_own)
            is_awaited = not directory and time.time() - changed < PLACELESS
            if self._owner.owns(directory) and not is_awaited:
                yield Session("claude", path, path.stem, directory, changed)

    def _directory(self, path: Path, is_own: bool) -> str:
        """Two directories may share a folder; a file that was moved there belongs where it is."""
        cwd, ours = self._heads.of(path).cwd, self._owner.directory
        return ours if is_own and mangled(cwd) != mangled(ours) else cwd


class SubagentFiles:
    """The files of a session's subagents: in a folder of their own, or beside the session's."""

    def __init__(self, session: Path) -> None:
        self._session = session
        self._folder, self._own = Listing(session.parent), f"{session.with_suffix('')}/subagents"
        self._entries: list[os.DirEntry[str]] = []
        self._undecided: list[os.DirEntry[str]] = []
        self._beside: dict[str, os.DirEntry[str]] = {}
        self._others: set[str] = set()

    def paths(self) -> list[Path]:
        """Oldest first."""
        self._look_beside()
        all_of_them = [*_subagents_in(self._own), *self._beside.values()]
        return [Path(file.path) for file in sorted(all_of_them, key=lambda file: (changed_at(file), file.name))]

    def head(self, path: Path) -> bytes:
        """The beginning of one of them; nothing when it has gone."""
        return beginning(path)

    def call_of(self, path: Path) -> str:
        """`agent-<id>.meta.json` has it in newer versions (seen with 2.1.332)."""
        try:
            with path.with_suffix(".meta.json").open("rb") as file:
                return field_in(file.read(4096), b"toolUseId")
        except OSError:
            return ""

    def _look_beside(self) -> None:
        """There may be thousands, of other sessions: each is looked into until it says whose it is."""
        if (entries := self._folder.entries()) is not self._entries:
            self._entries = entries
            decided = {*self._others, *self._beside}
            fresh = (entry for entry in entries if _is_subagent(entry.name) and entry.name not in decided)
            self._undecided = [entry for entry in fresh if is_file(entry)]
        undecided, self._undecided = self._undecided, []
        for entry in undecided:
            session = _session_in(entry.path)
            if session == self._session.stem:
                self._beside[entry.name] = entry
            elif session:
                self._others.add(entry.name)
            else:
                self._undecided.append(entry)


def session_of(path: Path) -> str:
    """The session whose subagent a file is of; "" when it is a session's own."""
    return head_at(path).session_id if path.name.startswith("agent-") and path.is_file() else ""


def _is_subagent(name: str) -> bool:
    return name.startswith("agent-") and name.endswith(".jsonl")


def _sessions_in(entries: Iterable[os.DirEntry[str]]) -> Iterator[os.DirEntry[str]]:
    candidates = (entry for entry in entries if entry.name.endswith(".jsonl") and not _is_subagent(entry.name))
    return (entry for entry in candidates if is_file(entry))


def _subagents_in(folder: str) -> Iterator[os.DirEntry[str]]:
    """Newer versions of Claude Code keep them there, those of a workflow in `workflows/<name>` below."""
    yield from files(folder, ".jsonl")
    for workflow in folders(f"{folder}/workflows"):
        yield from (file for file in files(workflow.path, ".jsonl") if _is_subagent(file.name))


def _session_in(path: str) -> str:
    """The session that a subagent's file names: in its first record, mostly at once."""
    try:
        with open(path, "rb") as file:
            return field_in(file.read(4096), b"sessionId") or field_in(file.read(HEAD), b"sessionId")
    except OSError:
        return ""


def _subagents(session: Path, reader: Reader, redactor: Redactor | None) -> ClaudeSubagents | None:
    is_ours = isinstance(innermost(reader), ClaudeSession)
    return ClaudeSubagents(session, redactor, SubagentFiles(session)) if is_ours else None


def _file_of(root: Path, session: str) -> Path | None:
    """In the folder of the directory in which it began, whichever that was."""
    files = (Path(folder.path, f"{session}.jsonl") for folder in folders(root))
    return next((path for path in files if path.is_file()), None)


FILES = SessionFiles(
    format="claude-session",
    root=root,
    folder=ClaudeFolder,
    session_of=session_of,
    subagents=_subagents,
    file_of=_file_of,
)
