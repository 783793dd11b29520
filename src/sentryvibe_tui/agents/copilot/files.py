"""Where Copilot CLI keeps its session files, and whose directory each belongs to
(docs/agents.md#github-copilot-cli)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from ..common.folders import Heads, Owner, folders, home
from ..common.session_files import Session, SessionFiles


def root(environ: Mapping[str, str]) -> Path:
    """COPILOT_HOME moves it."""
    moved = environ.get("COPILOT_HOME")
    return (Path(moved) if moved else home(environ) / ".copilot") / "session-state"


class CopilotFolder:
    """A folder for each session, called after its id, with its events in it."""

    def __init__(self, root: Path, directory: str) -> None:
        self._root, self._owner, self._heads = root, Owner(directory), Heads()

    def changed_since(self, moment: float) -> Iterator[Session]:
        for folder in folders(self._root):
            path = Path(folder.path) / "events.jsonl"
            try:
                changed = os.stat(path).st_mtime
            except OSError:
                continue
            if changed < moment:
                continue
            directory = self._heads.of(path).cwd
            if self._owner.owns(directory):
                yield Session("copilot", path, folder.name, directory, changed)


FILES = SessionFiles(format="copilot-events", root=root, folder=CopilotFolder)
