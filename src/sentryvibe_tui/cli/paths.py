"""What a person writes as a path instead of a project's name."""

from __future__ import annotations

from pathlib import Path

from ..model.text import clean_line
from .options import UsageProblem


def directory_named(text: str) -> Path | None:
    """The directory that `text` is, when it is written as a path; a bare name is a project's."""
    path = Path(text).expanduser()
    return path.resolve() if ("/" in text or text in (".", "..", "~")) and path.is_dir() else None


def file_named(text: str) -> Path | None:
    """The session file that `text` is, when it is written as a path."""
    path = Path(text).expanduser()
    is_path = "/" in text or path.suffix in (".jsonl", ".json", ".zst")
    return path.resolve() if is_path and path.is_file() else None


def missing_path(text: str) -> bool:
    """Whether `text` can only be a path, and nothing is there."""
    is_path = text.startswith(("/", "./", "../", "~")) or Path(text).suffix in (".jsonl", ".zst")
    return is_path and not Path(text).expanduser().exists()


def no_path(text: str) -> UsageProblem:
    return UsageProblem(clean_line(f"there is no file or directory {text}"))
