"""Where pi keeps its session files, and whose directory each belongs to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from ..common.folders import Heads, Owner, changed_at, files, folders, home
from ..common.session_files import Session, SessionFiles


def root(environ: Mapping[str, str]) -> Path:
    """PI_CODING_AGENT_DIR moves it."""
    moved = environ.get("PI_CODING_AGENT_DIR")
    return (Path(moved).expanduser() if moved else home(environ) / ".pi" / "agent") / "sessions"


class PiFolder:
    """A folder for each directory, called after it; a file's name ends with the id of its session."""

    def __init__(self, root: Path, directory: str) -> None:
        self._root, self._owner, self._heads = root, Owner(directory), Heads()

    def changed_since(self, moment: float) -> Iterator[Session]:
        for folder in folders(self._root):
            for file in files(folder.path, ".jsonl"):
                if changed_at(file) < moment:
                    continue
                path = Path(file.path)
                directory = self._heads.of(path).cwd
                if self._owner.owns(directory):
                    yield Session("pi", path, path.stem.rpartition("_")[2], directory, changed_at(file))


FILES = SessionFiles(format="pi-session", root=root, folder=PiFolder)
