"""Subagents of Claude Code: which call each of their files is of (docs/agents.md#claude-code-session-files)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from ...model.events import BuildEvent, ToolStarted
from ..common.reader import Reader, innermost
from ..common.subagents import Subagents
from ..redact import Redactor
from .session import ClaudeSession, first_prompt, subagent_prompt
from .tasks import TaskLists

_WARMUP = "Warmup"
"""What Claude Code says to agents that it only gets ready."""


class SubagentFolder(Protocol):
    """The files of a session's subagents."""

    def paths(self) -> list[Path]: ...

    def head(self, path: Path) -> bytes: ...

    def call_of(self, path: Path) -> str:
        """The call that a file is of, "" when that is told nowhere."""
        ...


class ClaudeSubagents(Subagents):
    """Newer versions tell the call beside the file. Else it is by the prompt; of equal ones each file takes its own."""

    def __init__(self, session: Path, redactor: Redactor | None, files: SubagentFolder) -> None:
        super().__init__(session, redactor)
        self._calls: dict[str, list[str]] = {}
        self._files, self._prompts = files, dict[Path, str]()
        self._lists: TaskLists | None = None

    def heard(self, reader: Reader, events: Iterable[BuildEvent]) -> None:
        own = innermost(reader)
        if isinstance(own, ClaudeSession) and own.is_main:
            self._lists = own.lists
        for event in events:
            prompt = subagent_prompt(event)
            if prompt and isinstance(event, ToolStarted):
                calls = self._calls.setdefault(prompt, [])
                if event.id not in calls:
                    calls.append(event.id)

    def new(self) -> list[tuple[Path, str]]:
        used_paths, fresh = set(self._ids.values()), list[tuple[Path, str]]()
        for path in self._files.paths():
            prompt = "" if path in self._ids else self._prompt_of(path)
            if path not in self._ids and prompt != _WARMUP:
                calls = self._calls.get(prompt, [])
                first = next((call for call in calls if call not in used_paths), calls[0] if calls else "")
                call_id = self._files.call_of(path) or first
                used_paths.add(call_id)
                fresh.append((path, call_id))
        return fresh

    def _prompt_of(self, path: Path) -> str:
        """As the call has it: masked. Looked for until the file says it."""
        if path not in self._prompts:
            prompt = first_prompt(self._files.head(path))
            if not prompt:
                return ""
            self._prompts[path] = prompt if self._redactor is None else self._redactor.text(prompt)
        return self._prompts[path]

    def _reader(self, call_id: str) -> Reader:
        return ClaudeSession(call_id, self._lists)
