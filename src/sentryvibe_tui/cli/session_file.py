"""A session file that a person named."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ..errors import UnknownFormat
from ..model.state import BuildState
from ..model.text import clean_line
from ..sources.ingest.fold import SessionFold
from ..sources.sessions import roots
from ..wire.projects import project_of
from .options import UsageProblem, redactor, settings


def session_fold(path: Path) -> SessionFold:
    """Its build, of the project that its folder is. Raises UsageProblem."""
    masks = redactor(settings().settings)
    return SessionFold(path, project_of(str(path.parent), path.stem), masks, roots())


async def state_of(path: Path) -> BuildState:
    """Its state as it is now. Raises UsageProblem."""
    fold = session_fold(path)
    try:
        while await asyncio.to_thread(fold.read):
            pass
    except (OSError, UnknownFormat) as error:
        raise UsageProblem(clean_line(f"{path}: {error}")) from None
    if not fold.state.id:
        raise UsageProblem(clean_line(f"{path}: no build begins in it"))
    return fold.state
