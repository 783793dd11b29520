"""What a person writes as a path instead of a project's name."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ..errors import reason
from ..folders import user_path
from ..model.text import clean_line
from .options import UsageProblem


def directory_named(text: str) -> Path | None:
    """The directory that `text` is, when it is written as a path; a bare name is a project's."""
    path = user_path(text)
    return path.resolve() if ("/" in text or text in (".", "..", "~")) and os.path.isdir(path) else None


def file_named(text: str) -> Path | None:
    """The session file that `text` is, when it is written as a path."""
    path = user_path(text)
    is_path = "/" in text or path.suffix in (".jsonl", ".json", ".zst")
    return path.resolve() if is_path and os.path.isfile(path) else None


def check_path(text: str) -> None:
    """Raises UsageProblem where `text` can only be a path, and leads to nothing that could be read."""
    path = user_path(text)
    if not text.startswith(("/", "./", "../", "~")) and path.suffix not in (".jsonl", ".zst"):
        return
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise UsageProblem(clean_line(f"there is no file or directory {text}")) from None
    except (OSError, ValueError) as error:
        raise UsageProblem(clean_line(f"{text}: {reason(error)}")) from None
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise UsageProblem(clean_line(f"{text} is no file that a session could be in"))
