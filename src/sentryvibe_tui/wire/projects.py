"""What a project is called, and the id that follows from it."""

from __future__ import annotations

import re
from pathlib import PurePath
from zlib import crc32

from msgspec import Struct

from ..model.text import clean_line


class ProjectName(Struct, frozen=True):
    """`id` as in a URL, `name` as a person reads it."""

    id: str
    name: str


def project_id(name: str) -> str:
    """The id of a project that a person calls `name`: letters and digits of any script, and hyphens."""
    plain = re.sub(r"[\W_]+", "-", name.casefold()).strip("-")[:80]
    return plain or f"project-{crc32(name.encode('utf-8', 'replace')):08x}"


def project_named(name: str) -> ProjectName:
    return ProjectName(project_id(name), clean_line(name))


def project_of(directory: str, otherwise: str = "unknown") -> ProjectName:
    """The project of a directory is called after it; `otherwise` where there is no name (the root, or not told)."""
    return project_named(PurePath(directory).name or otherwise)


def mangled(directory: str) -> str:
    """A directory's name in Claude Code's `projects` folder. What takes two UTF-16 units is two signs in JavaScript."""
    return re.sub(r"[^a-zA-Z0-9]", lambda sign: "-" if sign[0] < "\U00010000" else "--", directory)


def directory_of(cwd: str, transcript: str) -> str:
    """Where a session began, when its agent is in `cwd` now: the folder of its transcript is called after it."""
    folder = PurePath(transcript).parent.name
    place = PurePath(cwd)
    return next((str(path) for path in (place, *place.parents) if mangled(str(path)) == folder), cwd)
