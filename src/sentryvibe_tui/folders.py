"""Folders of a user's own: nobody else may look into what the program makes."""

from __future__ import annotations

import os
import stat
import sys
import warnings
from pathlib import Path

APP = "sentryvibe-tui"


def make_private(folder: Path) -> None:
    """Make `folder` and what is missing above it, for the user alone whatever the umask is. Raises OSError.

    `Path.mkdir(parents=True)` gives its mode to the last folder only.
    """
    for missing in reversed([part for part in (folder, *folder.parents) if not part.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


def new_private_file(path: Path, flags: int) -> int:
    """A file that was not there yet, readable by its user alone, whatever the umask is. Raises OSError.

    What root makes in a folder of another user is that user's, whose server has to read it.
    """
    file = os.open(path, flags | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(file, 0o600)
        if os.geteuid() == 0:
            owner = path.parent.stat()
            os.fchown(file, owner.st_uid, owner.st_gid)
    except BaseException:
        os.close(file)
        raise
    return file


def runtime_folder(logins: str = "/run/user") -> Path:
    """The user's runtime folder, which a restart of the machine may empty, or SENTRYVIBE_RUNTIME_DIR."""
    folder = os.environ.get("SENTRYVIBE_RUNTIME_DIR")
    if folder:
        return Path(folder)
    usual = f"{logins}/{os.getuid()}"
    if os.environ.get("XDG_RUNTIME_DIR") == usual and _is_private(usual):
        return Path(usual, APP)
    import platformdirs

    with warnings.catch_warnings():  # without XDG_RUNTIME_DIR it takes the temporary folder, and warns
        warnings.simplefilter("ignore")
        try:
            return Path(platformdirs.user_runtime_dir(APP))
        except OSError:  # in the temporary folder another user was first
            return state_folder() / "run"


def state_folder() -> Path:
    """What the program remembers beside the builds: the user's state folder, or SENTRYVIBE_STATE_DIR."""
    return Path(os.environ.get("SENTRYVIBE_STATE_DIR") or _user_folder("state", "XDG_STATE_HOME", ".local/state"))


def config_folder() -> Path:
    """Where the user's config file is."""
    return _user_folder("config", "XDG_CONFIG_HOME", ".config")


def data_folder() -> Path:
    """Where builds are kept, unless the settings name another folder."""
    return _user_folder("data", "XDG_DATA_HOME", ".local/share")


def _user_folder(kind: str, variable: str, usual: str) -> Path:
    """Where platformdirs has it. On Linux it is not asked: a status line has no time to import it."""
    home, named = os.environ.get("HOME", ""), os.environ.get(variable, "")
    if sys.platform == "linux" and os.path.isabs(home):
        return Path(named if os.path.isabs(named) else f"{home}/{usual}", APP)
    import platformdirs

    return Path(getattr(platformdirs, f"user_{kind}_dir")(APP))


def _is_private(folder: str) -> bool:
    """Whether it is a directory of the user's, closed to all others."""
    try:
        info = os.lstat(folder)
    except OSError:
        return False
    return info.st_mode == stat.S_IFDIR | 0o700 and info.st_uid == os.geteuid()


def user_path(text: str) -> Path:
    """What a person wrote: `~` is a home; where nobody knows that one it stays as it is, as in a shell."""
    return Path(os.path.expanduser(text))


def below_home(path: str) -> str:
    """`path` as a person writes it: `~/work`."""
    home = os.path.expanduser("~")
    return f"~{path[len(home) :]}" if path == home or path.startswith(home + "/") else path
