"""Programs that get the terminal for a while: the reader's pager and editor. Values reach them cleaned, in files."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from ..model.text import clean


def page(text: str, environment: Mapping[str, str]) -> str:
    """Shows `text` in $PAGER, else `less`; what went wrong, or nothing. `less` gets no raw controls to interpret."""
    command = shlex.split(environment.get("PAGER") or "less")
    with tempfile.TemporaryDirectory(prefix="sentryvibe-") as folder:
        path = Path(folder) / "output.txt"
        path.write_text(clean(text) + "\n", encoding="utf-8", errors="replace")
        return _run([*command, str(path)], {**environment, "LESSSECURE": "1"})


def edit(path: Path, environment: Mapping[str, str]) -> str:
    """Opens a file in $VISUAL or $EDITOR, else `vi`; what went wrong, or nothing."""
    command = shlex.split(environment.get("VISUAL") or environment.get("EDITOR") or "vi")
    return _run([*command, str(path)], environment)


def _run(command: list[str], environment: Mapping[str, str]) -> str:
    try:
        status = subprocess.run(command, env=dict(environment), check=False).returncode
    except (OSError, ValueError) as error:
        return f"{command[0] if command else 'the program'} could not be started: {error}"
    return f"{command[0]} ended with {status}" if status else ""


def save(text: str, folder: Path, name: str) -> Path:
    """`text` in a new file of `folder`, which is made, named after the build and the time. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    safe = "".join(char if char.isalnum() or char in "-_" else "-" for char in name).strip("-")[:60]
    path = folder / f"{safe or 'build'}-{time.strftime('%Y%m%d-%H%M%S')}.log"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
        file.write(text)
    return path
