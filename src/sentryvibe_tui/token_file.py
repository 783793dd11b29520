"""The shared secret of a server, in a file that only its owner may read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from .errors import BadTokenFile
from .folders import make_private

_LONGEST = 4096


def server_token(path: Path) -> str:
    """The token in `path`; a file that is not there yet is made, mode 0600, with a new one. Raises BadTokenFile."""
    try:
        if not os.path.lexists(path):
            return _create(path)
    except FileExistsError:
        pass
    except OSError as error:
        raise BadTokenFile(f"the token file {path} cannot be made: {error.strerror}") from None
    return read_token(path)


def read_token(path: Path) -> str:
    """The token in `path`: its text without white space around it. Raises BadTokenFile."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise BadTokenFile(f"the token file {path} is no file")
            if status.st_mode & 0o077:
                raise BadTokenFile(f"others may read the token file {path}; `chmod 600` it")
            text = file.read(_LONGEST + 1)
    except OSError as error:
        raise BadTokenFile(f"the token file {path} cannot be read: {error.strerror}") from None
    token = text.strip().decode("ascii", "replace")
    if not token or len(text) > _LONGEST or not token.isascii() or not token.isprintable() or " " in token:
        raise BadTokenFile(f"the token file {path} must hold one word of ASCII")
    return token


def _create(path: Path) -> str:
    """Whole or not at all: of several that start at once one makes it, and the others read it."""
    make_private(path.parent)
    import secrets  # once in the life of a file

    token = secrets.token_urlsafe(32)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "w") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(f"{token}\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            raise
        except OSError:  # a file system without links
            draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return token
