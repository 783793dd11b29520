"""Where Gemini CLI keeps its session files, and whose directory each belongs to (docs/agents.md#gemini-cli)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from ..common.folders import Heads, Owner, changed_at, files, folders, home
from ..common.reader import Reader, innermost
from ..common.session_files import Session, SessionFiles
from ..redact import Redactor
from .session import GeminiSession
from .subagents import GeminiSubagents


def root(environ: Mapping[str, str]) -> Path:
    """GEMINI_CLI_HOME is another home folder."""
    moved = environ.get("GEMINI_CLI_HOME")
    return (Path(moved) if moved else home(environ)) / ".gemini" / "tmp"


class GeminiFolder:
    """A folder for each directory, called after its hash or its name; its sessions lie in `chats`."""

    def __init__(self, root: Path, directory: str) -> None:
        self._root, self._owner, self._heads = root, Owner(directory), Heads()

    def changed_since(self, moment: float) -> Iterator[Session]:
        for folder in folders(self._root):
            for file in (*files(f"{folder.path}/chats", ".jsonl"), *files(f"{folder.path}/chats", ".json")):
                if not file.name.startswith("session-") or changed_at(file) < moment:
                    continue
                path = Path(file.path)
                head = self._heads.of(path)
                directory = self._directory(Path(folder.path), head.project_hash)
                if self._owner.owns(directory):
                    yield Session("gemini", path, head.session_id or path.stem, directory, changed_at(file))

    def _directory(self, folder: Path, project_hash: str) -> str:
        """Gemini names a directory by its hash; newer versions also write it down beside the chats."""
        try:
            written = (folder / ".project_root").read_text("utf-8", "replace").strip()
        except OSError:
            written = ""
        ours = self._owner.directory
        own = hashlib.sha256(ours.encode()).hexdigest()
        return written or (ours if ours and own in (project_hash, folder.name) else "")


def session_of(path: Path) -> str:
    """How the session's file name ends whose subagent a file is of; "" when it is a session's own."""
    is_subagent = path.suffix == ".jsonl" and path.parent.parent.name == "chats"
    return path.parent.name.partition("-")[0] if is_subagent else ""


def _subagents(session: Path, reader: Reader, redactor: Redactor | None) -> GeminiSubagents | None:
    own = innermost(reader)
    return GeminiSubagents(session, redactor) if isinstance(own, GeminiSession) and own.is_main else None


FILES = SessionFiles(
    format="gemini-session", root=root, folder=GeminiFolder, session_of=session_of, subagents=_subagents
)
