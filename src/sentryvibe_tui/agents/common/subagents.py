"""A session's subagents have files of their own: which they are, and which call each works for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from ...model.events import BuildEvent
from ..redact import Redactor
from .reader import Reader


class Subagents(ABC):
    """Of one session, whose main file is `session`."""

    def __init__(self, session: Path, redactor: Redactor | None) -> None:
        self._session, self._redactor = session, None if redactor is None else redactor.copy()
        self._ids: dict[Path, str] = {}

    @abstractmethod
    def heard(self, reader: Reader, events: Iterable[BuildEvent]) -> None:
        """Takes note of the calls that run subagents, in any of the session's files."""

    @abstractmethod
    def new(self) -> list[tuple[Path, str]]:
        """Files that were not taken yet, each with its call; "" when that is not known (yet)."""

    def take(self, path: Path, call_id: str) -> Callable[[], Reader]:
        """What makes a reader for the file of the subagent that this call runs; without a call its name stands in."""
        self._ids[path] = call_id
        return partial(self._reader, call_id or path.stem)

    @abstractmethod
    def _reader(self, call_id: str) -> Reader: ...
