"""What a person writes as a path instead of a project's name."""

from __future__ import annotations

from pathlib import Path


def directory_named(text: str) -> Path | None:
    """The directory that `text` is, when it is written as a path; a bare name is a project's."""
    path = Path(text).expanduser()
    return path.resolve() if ("/" in text or text in (".", "..", "~")) and path.is_dir() else None


def file_named(text: str) -> Path | None:
    """The session file that `text` is, when it is written as a path."""
    path = Path(text).expanduser()
    is_path = "/" in text or path.suffix in (".jsonl", ".json", ".zst")
    return path.resolve() if is_path and path.is_file() else None
