"""Where Qwen Code keeps its session files, and whose directory each belongs to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from ..common.folders import Heads, Owner, changed_at, files, folders, home
from ..common.session_files import Session, SessionFiles


def root(environ: Mapping[str, str]) -> Path:
    """QWEN_RUNTIME_DIR moves it, or QWEN_HOME with everything else."""
    moved = environ.get("QWEN_RUNTIME_DIR") or environ.get("QWEN_HOME")
    return (Path(moved) if moved else home(environ) / ".qwen") / "projects"


class QwenFolder:
    """A folder for each directory, called after it; its sessions lie in `chats`."""

    def __init__(self, root: Path, directory: str) -> None:
        self._root, self._owner, self._heads = root, Owner(directory), Heads()

    def changed_since(self, moment: float) -> Iterator[Session]:
        for folder in folders(self._root):
            for file in files(f"{folder.path}/chats", ".jsonl"):
                if changed_at(file) < moment:
                    continue
                path = Path(file.path)
                directory = self._heads.of(path).cwd
                if self._owner.owns(directory):
                    yield Session("qwen", path, path.stem, directory, changed_at(file))


FILES = SessionFiles(format="qwen-session", root=root, folder=QwenFolder)
