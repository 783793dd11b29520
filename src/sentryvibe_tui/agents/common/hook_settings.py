"""Where an agent looks for its hooks, and in what shape they stand there: what the installer has to know of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

Version = tuple[int, int, int]

NEWEST: Version = (9999, 0, 0)
"""For a version that is not known."""


class HookTarget(Struct, frozen=True, kw_only=True):
    """What an agent is to call: a URL, or a command (where the file is all ours: the spool's folder).

    `variable`: in the agent's environment, the token that a URL is called with; "" for none. `version`: the agent's.
    """

    url: str = ""
    command: str = ""
    variable: str = ""
    version: Version = NEWEST


class Entries(Struct, frozen=True):
    """Our entries among those of others, in JSON: `{"hooks": {EVENT: [{"hooks": [ENTRY]}]}}`.

    `by_version`: the events depend on the agent's version. `url_since`: the one from which on an entry can be a URL,
    None where it never can.
    """

    events: Callable[[HookTarget], tuple[str, ...]]
    entry: Callable[[str, HookTarget], dict[str, Any]]
    by_version: bool = False
    url_since: Version | None = None


class OwnFile(Struct, frozen=True):
    """A file that is all ours, and begins with `mark`. `content`: for the spool in a folder."""

    mark: str
    content: Callable[[str], str]


class HookSettings(Struct, frozen=True):
    """`file`: by the home folder, a project's directory (None: the user's file), and the environment."""

    file: Callable[[Path, Path | None, Mapping[str, str]], Path]
    shape: Entries | OwnFile


def moved_by(variable: str, folder: str, name: str) -> Callable[[Path, Path | None, Mapping[str, str]], Path]:
    """`~/FOLDER/NAME`, where `variable` may stand for the folder, or that of a project."""

    def file(home: Path, project: Path | None, environ: Mapping[str, str]) -> Path:
        return (project / folder if project else Path(environ.get(variable) or home / folder)) / name

    return file
