"""The session files of all agents: where they are, which were written to, and which belong to others."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ..agents.common.folders import Owner, head_at
from ..agents.common.reader import Reader
from ..agents.common.session_files import Companion, Session, SessionFiles
from ..agents.common.subagents import Subagents
from ..agents.redact import Redactor
from ..agents.registry import agent_kinds

Roots = Mapping[str, Path]
"""The folders of agents' sessions, by the agents' names."""


def roots(environ: Mapping[str, str] = os.environ) -> Roots:
    """Those of all agents that keep session files; variables of the environment move them."""
    return {name: files.root(environ) for name, files in _session_files()}


def _session_files() -> Iterator[tuple[str, SessionFiles]]:
    return ((kind.name, kind.sessions()) for kind in agent_kinds() if kind.sessions is not None)


class Sessions:
    """The session files of one directory and those below it; of all directories when there is none named."""

    def __init__(self, roots: Roots, directory: Path | None = None) -> None:
        below = "" if directory is None else str(directory.resolve())
        self._roots, self._owner = roots, Owner(below)
        self._folders = [files.folder(roots[name], below) for name, files in _session_files() if name in roots]

    def changed_since(self, moment: float) -> list[Session]:
        """Sessions written to at or after `moment` (epoch seconds), the latest first; of a file that was copied into
        another folder the one that was written to last."""
        found = (session for folder in self._folders for session in folder.changed_since(moment))
        latest_last = sorted(found, key=lambda session: session.changed)
        alone = {(session.agent, session.id, session.path.name): session for session in latest_last}
        return sorted(alone.values(), key=lambda session: session.changed, reverse=True)

    def of_id(self, session: str) -> Session | None:
        """The session of that id, however long ago it was written to; None while its file says not where it works."""
        for name, files in _session_files():
            path = files.file_of(self._roots[name], session) if files.file_of and name in self._roots else None
            if path is not None:
                directory = head_at(path).cwd
                return (
                    Session(name, path, session, directory, path.stat().st_mtime)
                    if directory and self._owner.owns(directory)
                    else None
                )
        return None


def subagents_of(session: Path, reader: Reader, redactor: Redactor | None) -> Subagents | None:
    """Those of the session that `reader` reads; None for a format that keeps them nowhere else."""
    found = (files.subagents(session, reader, redactor) for _, files in _session_files() if files.subagents)
    return next((subagents for subagents in found if subagents is not None), None)


def companions(roots: Roots) -> list[Companion]:
    """What looks up beside a stream what its agent's stream never says."""
    return [files.companion(roots[name]) for name, files in _session_files() if files.companion and name in roots]


def without_subagents(paths: Sequence[Path | None]) -> list[Path | None]:
    """`paths` without the files of subagents whose session is among them: they are read with it."""
    names = [path.stem for path in paths if path is not None]
    return [path for path in paths if path is None or not _is_with(_session_of(path), path, names)]


def _session_of(path: Path) -> str:
    """The session whose subagent a file is of; "" when it is a session's own, or no file."""
    found = (files.session_of(path) for _, files in _session_files() if files.session_of)
    return next(filter(None, found), "")


def _is_with(session: str, path: Path, names: Sequence[str]) -> bool:
    return bool(session) and any(name.endswith(session) and name != path.stem for name in names)
