"""Which files a call changed, by how many lines, and what stands there now: of edits, writes and patches of any agent.

Tolerates any shape of input. Texts are as the agent gave them: whoever shows them cleans them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, cast

from msgspec import Struct

from ..model.state import ToolCall
from .kinds import kind_of
from .subject import input_of, line_changes

PATHS = ("file_path", "filePath", "path", "notebook_path", "absolute_path", "filename")


class FileChange(Struct, frozen=True):
    """One file in one call. `patch` is what a patch says of it; without one `old` became `new`."""

    path: str
    added: int = 0
    removed: int = 0
    old: str = ""
    new: str = ""
    patch: str = ""


def changes_files(tool: ToolCall) -> bool:
    """Whether a call wrote something, and that came to pass."""
    return tool.state == "output-available" and _writes(tool.name)


@lru_cache(512)
def _writes(name: str) -> bool:
    return kind_of(name) in ("edit", "write")


def file_changes(tool: ToolCall) -> list[FileChange]:
    """In the order of the call's input; none of a call whose files cannot be read from it."""
    values = input_of(tool)
    texts = (values.get(key) for key in ("input", "patch", "patchText", "command", ""))
    patch = next((text for text in texts if _is_patch(text)), "")
    if patch:
        return list(_of_patch(patch))
    if isinstance(values.get("changes"), list | dict):
        return list(_of_list(values["changes"]))
    path = next((text for key in PATHS if isinstance(text := values.get(key), str) and text), "")
    if not path:
        return []
    if kind_of(tool.name) == "write":
        content = _text(values, "content", "file_text", "contents")
        return [FileChange(path, len(content.splitlines()), new=content)]
    edits = values.get("edits")
    pairs = cast("list[Any]", edits) if isinstance(edits, list) else [values]
    return [_of_pair(path, cast("dict[str, Any]", pair)) for pair in pairs if isinstance(pair, dict)]


def _is_patch(text: Any) -> bool:
    return isinstance(text, str) and re.search(_SECTION, text) is not None


_SECTION = r"(?m)^\*\*\* (?:Add|Update|Delete) File: (.+)$"


def _of_patch(patch: str) -> Iterator[FileChange]:
    """Sections of `*** Update File: path`."""
    parts = re.split(_SECTION, patch)
    for path, body in zip(parts[1::2], parts[2::2], strict=True):
        lines = [line for line in body.strip("\n").split("\n") if not line.startswith("*** End Patch")]
        yield _patched(path.strip(), "\n".join(lines))


def _patched(path: str, body: str) -> FileChange:
    lines = body.split("\n")
    added = sum(line[:1] == "+" and line[:3] != "+++" for line in lines)
    removed = sum(line[:1] == "-" and line[:3] != "---" for line in lines)
    return FileChange(path, added, removed, patch=body)


def _of_list(changes: Any) -> Iterator[FileChange]:
    """Codex' `changes`: a list of `{path, diff}`, or an object of paths, each with its kind of change."""
    if isinstance(changes, dict):
        for path, change in cast("dict[str, Any]", changes).items():
            kinds = cast("dict[str, Any]", change) if isinstance(change, dict) else {}
            inner: Any = next(iter(kinds.values()), None)
            fields = cast("dict[str, Any]", inner) if isinstance(inner, dict) else kinds
            diff, content = _text(fields, "unified_diff", "diff"), _text(fields, "content")
            yield _patched(path, diff) if diff else FileChange(path, len(content.splitlines()), new=content)
        return
    for item in cast("list[Any]", changes):
        fields = cast("dict[str, Any]", item) if isinstance(item, dict) else {}
        if path := _text(fields, "path"):
            yield _patched(path, _text(fields, "diff", "unified_diff"))


def _of_pair(path: str, pair: dict[str, Any]) -> FileChange:
    old = _text(pair, "old_string", "oldString", "old_str")
    new = _text(pair, "new_string", "newString", "new_str", "new_source")
    return FileChange(path, *line_changes(old, new), old, new)


def _text(fields: dict[str, Any], *keys: str) -> str:
    return next((value for key in keys if isinstance(value := fields.get(key), str) and value), "")
