"""Folders of a user's own: nobody else may look into what the program makes."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import platformdirs

APP = "sentryvibe-tui"


def make_private(folder: Path) -> None:
    """Make `folder` and what is missing above it, for the user alone whatever the umask is. Raises OSError.

    `Path.mkdir(parents=True)` gives its mode to the last folder only.
    """
    for missing in reversed([part for part in (folder, *folder.parents) if not part.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


def runtime_folder() -> Path:
    """The user's runtime folder, which a restart of the machine may empty, or SENTRYVIBE_RUNTIME_DIR."""
    folder = os.environ.get("SENTRYVIBE_RUNTIME_DIR")
    if not folder:
        with warnings.catch_warnings():  # without XDG_RUNTIME_DIR it takes the temporary folder, and warns
            warnings.simplefilter("ignore")
            try:
                folder = platformdirs.user_runtime_dir(APP)
            except OSError:  # in the temporary folder another user was first
                return state_folder() / "run"
    return Path(folder)


def state_folder() -> Path:
    """What the program remembers beside the builds: the user's state folder, or SENTRYVIBE_STATE_DIR."""
    return Path(os.environ.get("SENTRYVIBE_STATE_DIR") or platformdirs.user_state_path(APP))
