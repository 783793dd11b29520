"""A session file that a person named."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from ..agents.common.folders import head_at
from ..agents.detect import AutoReader
from ..errors import UnknownFormat, reason
from ..model.state import BuildState
from ..model.text import clean_line
from ..sources.ingest.fold import SETTLED, SessionFold
from ..sources.sessions import roots
from ..wire.projects import project_of
from .options import UsageProblem, redactor, settings

BEGINNING = 64 * 1024
"""Bytes of a file by which it is told at once that it is no session."""


def session_fold(path: Path) -> SessionFold:
    """Its build, of the project that its agent's directory is, else its own folder. Raises UsageProblem."""
    masks = redactor(settings().settings)
    reader = AutoReader("")
    try:
        with path.open("rb") as file:
            reader.feed(file.read(BEGINNING))
        if reader.inner is None and time.time() - path.stat().st_mtime > SETTLED:
            reader.finish()
        directory = head_at(path).cwd or str(path.parent)
    except (OSError, UnknownFormat) as error:
        raise UsageProblem(clean_line(f"{path}: {reason(error)}")) from None
    return SessionFold(path, project_of(directory, path.stem), masks, roots())


async def state_of(path: Path) -> BuildState:
    """Its state as it is now. Raises UsageProblem."""
    fold = session_fold(path)
    try:
        while await asyncio.to_thread(fold.read):
            pass
    except (OSError, UnknownFormat) as error:
        raise UsageProblem(clean_line(f"{path}: {reason(error)}")) from None
    if not fold.state.id:
        raise UsageProblem(clean_line(f"{path}: no build begins in it"))
    return fold.state
