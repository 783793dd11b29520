"""Subagents of Gemini CLI, in `chats/<session>/<id>.jsonl`: the call of each gave the first prompt in its file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ...model.events import BuildEvent, ToolStarted
from ...wire.json import plain
from ..common.folders import Listing, beginning
from ..common.json_lines import JsonLines
from ..common.reader import Counts, Reader, innermost
from ..common.subagents import Subagents
from ..common.values import as_object, text
from ..redact import Redactor
from .session import GeminiSession, content_text


class GeminiSubagents(Subagents):
    """Of equal prompts each file takes a call of its own. Subagents call no others."""

    def __init__(self, session: Path, redactor: Redactor | None) -> None:
        super().__init__(session, redactor)
        self._folder: Listing | None = None
        self._calls: dict[str, list[str]] = {}
        self._prompts: dict[Path, str] = {}

    def heard(self, reader: Reader, events: Iterable[BuildEvent]) -> None:
        own = innermost(reader)
        if self._folder is None and isinstance(own, GeminiSession) and own.session:
            self._folder = Listing(str(self._session.parent / own.session))
        for event in events:
            if isinstance(event, ToolStarted) and event.input is not None and not event.parent_id:
                for said in as_object(plain(event.input)).values():
                    if isinstance(said, str) and event.id not in (calls := self._calls.setdefault(said.strip(), [])):
                        calls.append(event.id)

    def new(self) -> list[tuple[Path, str]]:
        used_paths, fresh = set(self._ids.values()), list[tuple[Path, str]]()
        names = [] if self._folder is None else sorted(entry.path for entry in self._folder.entries())
        for path in map(Path, names):
            if path.suffix == ".jsonl" and path not in self._ids:
                call_id = next(
                    (call for call in self._calls.get(self._prompt_of(path), []) if call not in used_paths), ""
                )
                used_paths.add(call_id)
                fresh.append((path, call_id))
        return fresh

    def _prompt_of(self, path: Path) -> str:
        """As the call has it: masked. Looked for until the file says it."""
        if path not in self._prompts:
            prompt = _first_prompt(path)
            if not prompt:
                return ""
            self._prompts[path] = prompt if self._redactor is None else self._redactor.text(prompt)
        return self._prompts[path]

    def _reader(self, call_id: str) -> Reader:
        return GeminiSession(call_id)


def _first_prompt(path: Path) -> str:
    records = JsonLines(Counts()).feed(beginning(path))
    return next(
        (content_text(record.get("content")).strip() for record in records if text(record, "type") == "user"), ""
    )
