"""The ways out of the overview, of the agent under the cursor: its folder, its own terminal, what can be copied."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from ...model.summary import BuildSummary
from ...model.text import clean, clean_line
from ...report.words import request_words
from ..export.handover import Handover, Teller
from .arrangement import RosterEntry


async def open_folder(build: BuildSummary, handover: Handover, teller: Teller) -> None:
    """In the reader's editor; says where it is when that is not on this machine."""
    from ..export.external import open_editor

    folder = Path(build.cwd)
    if folder.is_absolute() and not build.host and await asyncio.to_thread(_is_folder, folder):
        await handover.lend(lambda: open_editor(folder, os.environ))
        return
    where = f"{clean_line(build.cwd, 120) or 'its folder'}{f' of {build.host}' if build.host else ''}"
    teller.tell(f"{where} is not on this machine", "warning")


def _is_folder(path: Path) -> bool:
    """Of a path that an agent names: it may be too long, or closed to the reader."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


async def bring_terminal(build: BuildSummary, teller: Teller) -> None:
    """The agent's own to the front, or says why not."""
    from ...sources.terminal import NoTerminal, go_to_terminal

    try:
        place = await asyncio.to_thread(go_to_terminal, build, os.environ)
        teller.tell(f"its terminal is in front: {place}")
    except NoTerminal as problem:
        teller.tell(str(problem), "warning", timeout=10)
    except (OSError, ValueError):  # a directory of an agent may be anything
        teller.tell("the folder that it names is none", "warning", timeout=10)


def copyable_texts(entry: RosterEntry) -> dict[str, str]:
    """What of an agent can be copied, by what it is; the first is what matters most."""
    build = entry.row.build
    first = build.requests[0] if build.requests else None
    question = request_words(first.title, first.tool) if first else ""
    says = question or (build.error if entry.need == "failed" else "") or build.now
    return {
        "what it asks" if question else "what it does": clean(says),
        "folder": clean(build.cwd),
        "session": clean(build.session_id),
        "project": clean(build.project_name or build.project_id),
    }
