"""What an agent's session files can be asked: where they are, whose they are, and what belongs to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from ...model.events import BuildEvent
from .reader import Reader, Reported

if TYPE_CHECKING:
    from ..redact import Redactor
    from .subagents import Subagents


class Session(Struct, frozen=True):
    """One session file. `agent`: its kind's name. `directory` is where it works, "" when the file does not say.

    `changed`: when the file or one of its subagents' was last written, epoch seconds.
    """

    agent: str
    path: Path
    id: str
    directory: str
    changed: float


class SessionFolder(Protocol):
    """The sessions of one directory and those below it; of all directories when there is none named."""

    def changed_since(self, moment: float) -> Iterable[Session]:
        """Those written to at or after `moment` (epoch seconds)."""
        ...


class Companion(Protocol):
    """Looks up beside a stream what the stream itself never says."""

    def heard(self, reports: Iterable[Reported]) -> None: ...

    def look(self) -> Sequence[BuildEvent]:
        """What was found, each once."""
        ...


class SessionFiles(Struct, frozen=True, kw_only=True):
    """`format`: of the files. `root`: the folder of all of them, by the environment. `folder`: those of a directory
    ("" for all) below such a root. `session_of`: the session whose subagent's file this is, "" for any other file.
    `subagents`: those of the session that this reader reads, None when it reads none of the agent's sessions.
    `companion`: what is looked up for streams, below a root. `file_of`: the file of the session of that id below a
    root, however old it is, where a register may tell of one.
    """

    format: str
    root: Callable[[Mapping[str, str]], Path]
    folder: Callable[[Path, str], SessionFolder]
    session_of: Callable[[Path], str] | None = None
    subagents: Callable[[Path, Reader, Redactor | None], Subagents | None] | None = None
    companion: Callable[[Path], Companion] | None = None
    file_of: Callable[[Path, str], Path | None] | None = None
