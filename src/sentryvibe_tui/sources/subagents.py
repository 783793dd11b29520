"""A session's subagents have files of their own: which they are, and which call each works for.

AGENT_FORMATS 3 and 6. A subagent of Claude Code begins with the words that its call asks of it; one of Codex is named
by the answer to its call, or by an event, and names the thread that spawned it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from ..agents.claude.session import ClaudeSession, first_prompt, subagent_prompt
from ..agents.codex.session import CodexRollout
from ..agents.common.reader import Reader, innermost
from ..agents.redact import Redactor
from ..model.events import BuildEvent, ToolStarted
from .sessions import HEAD, SpawnedRollouts, SubagentFiles

_WARMUP = "Warmup"
"""What Claude Code says to agents that it only gets ready."""


class Subagents(ABC):
    """Of one session, whose main file is `session`."""

    def __init__(self, session: Path, redactor: Redactor | None) -> None:
        self._session, self._redactor = session, None if redactor is None else redactor.anew()
        self._taken: dict[Path, str] = {}

    @abstractmethod
    def heard(self, reader: Reader, events: Iterable[BuildEvent]) -> None:
        """Takes note of the calls that run subagents, in any of the session's files."""

    @abstractmethod
    def new(self) -> list[tuple[Path, str]]:
        """Files that were not taken yet, each with its call; "" when that is not known (yet)."""

    def take(self, path: Path, call_id: str) -> Callable[[], Reader]:
        """What makes a reader for the file of the subagent that this call runs; without a call its name stands in."""
        self._taken[path] = call_id
        return partial(self._reader, call_id or path.stem)

    @abstractmethod
    def _reader(self, call_id: str) -> Reader: ...


class ClaudeSubagents(Subagents):
    """Of equal prompts each file takes its own."""

    def __init__(self, session: Path, redactor: Redactor | None) -> None:
        super().__init__(session, redactor)
        self._calls: dict[str, list[str]] = {}
        self._files, self._prompts = SubagentFiles(session), dict[Path, str]()

    def heard(self, reader: Reader, events: Iterable[BuildEvent]) -> None:
        for event in events:
            prompt = subagent_prompt(event)
            if prompt and isinstance(event, ToolStarted):
                calls = self._calls.setdefault(prompt, [])
                if event.id not in calls:
                    calls.append(event.id)

    def new(self) -> list[tuple[Path, str]]:
        taken, found = set(self._taken.values()), list[tuple[Path, str]]()
        for path in self._files.found():
            prompt = "" if path in self._taken else self._prompt_of(path)
            if path not in self._taken and prompt != _WARMUP:
                calls = self._calls.get(prompt, [])
                call_id = next((call for call in calls if call not in taken), calls[0] if calls else "")
                taken.add(call_id)
                found.append((path, call_id))
        return found

    def _prompt_of(self, path: Path) -> str:
        """As the call has it: masked. Looked for until the file says it."""
        if path not in self._prompts:
            try:
                with path.open("rb") as file:
                    prompt = first_prompt(file.read(HEAD))
            except OSError:
                prompt = ""
            if not prompt:
                return ""
            self._prompts[path] = prompt if self._redactor is None else self._redactor.text(prompt)
        return self._prompts[path]

    def _reader(self, call_id: str) -> Reader:
        return ClaudeSession(call_id)


class CodexSubagents(Subagents):
    """Subagents may have subagents."""

    def __init__(self, session: Path, redactor: Redactor | None) -> None:
        super().__init__(session, redactor)
        self._calls: dict[str, str] = {}
        self._threads: set[str] = set()
        self._rollouts = SpawnedRollouts(session)

    def heard(self, reader: Reader, events: Iterable[BuildEvent]) -> None:
        rollout = innermost(reader)
        if isinstance(rollout, CodexRollout):
            self._calls.update(rollout.spawned)
            self._threads.add(rollout.thread)

    def new(self) -> list[tuple[Path, str]]:
        return [
            (one.path, self._calls.get(one.thread) or self._calls.get(one.agent_path, ""))
            for one in self._rollouts.found()
            if one.parent in self._threads and one.path not in self._taken
        ]

    def _reader(self, call_id: str) -> Reader:
        return CodexRollout(call_id)


def subagents_of(session: Path, reader: Reader, redactor: Redactor | None) -> Subagents | None:
    """Those of the session that `reader` reads; None for a format that keeps them nowhere else."""
    own = innermost(reader)
    if isinstance(own, CodexRollout):
        return CodexSubagents(session, redactor)
    return ClaudeSubagents(session, redactor) if isinstance(own, ClaudeSession) else None
