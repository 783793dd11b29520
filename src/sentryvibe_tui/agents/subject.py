"""What a tool call is about, in one line: `Edit src/app.py +34 -2`, `Bash npm test`, `github · create_issue`.

Tolerates any shape of input and output, and gives safe text only (model.text).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from itertools import takewhile
from typing import Any, cast

from msgspec import Struct
from msgspec.structs import replace

from ..errors import BadJson
from ..model.state import ToolCall
from ..model.text import clean, clean_line
from ..wire.json import plain, raw
from .kinds import Kind, kind_of, script_calls, verb_of

TEXT_LIMIT = 300
"""Characters of a subject's text."""
DETAIL_LIMIT = 120


class Subject(Struct, frozen=True):
    """One line in three parts: what is done, to what, and what came of it (`+34 -2`, `exit 1`); safe, maybe empty."""

    verb: str
    text: str = ""
    detail: str = ""
    kind: Kind = "other"

    def __str__(self) -> str:
        phrase = " ".join(part for part in (self.verb, self.text) if part)
        if not self.detail:
            return phrase
        return f"{phrase}{' ' if re.match(_FIGURES, self.detail) else ' · '}{self.detail}"


_PATHS = (
    "file_path",
    "path",
    "notebook_path",
    "absolute_path",
    "filePath",
    "filename",
    "file",
    "dir_path",
    "directory",
)
_TELLING = (
    "description",
    "title",
    "subject",
    "name",
    "query",
    "command",
    "url",
    "prompt",
    "question",
    "message",
    "text",
)


def subject(tool: ToolCall, cwd: str = "") -> Subject:
    """The line of a call. Paths below `cwd` (the build's working directory) are shown relative to it."""
    values = input_of(tool)
    source = values.get("input")
    if isinstance(source, str) and (calls := script_calls(tool.name, source)):
        (name, argument), *more = calls
        first = subject(replace(tool, name=name, input=raw(argument)), cwd)
        return replace(first, text=f"{first.text} and {len(more)} more") if more else first
    kind, verb = kind_of(tool.name), verb_of(tool.name)
    text, detail = _TEXTS[kind](tool, values, cwd)
    if tool.state == "error":
        detail = failure_words(tool) or detail
    elif kind == "shell" and (code := _structured_exit(tool)):
        detail = f"exit {code}"
    return Subject(verb, clean_line(text, TEXT_LIMIT), clean_line(detail, DETAIL_LIMIT), kind)


def input_of(tool: ToolCall) -> dict[str, Any]:
    """The call's input as an object; what is none stands under `""`."""
    value = _value(tool.input)
    if isinstance(value, str) and value[:1] == "{":
        value = _value(value.encode("utf-8", "replace")) or value
    if isinstance(value, dict):
        return cast("dict[str, Any]", value)
    return {} if value is None else {"": value}


def output_text(tool: ToolCall) -> str:
    """What a call gave back, as text of several lines (safe)."""
    return clean(_phrase(_value(tool.output)))


def exit_code(tool: ToolCall) -> int | None:
    """Exit code of a shell command, where its agent says it, in a field or in words."""
    code = _structured_exit(tool)
    if code is not None:
        return code
    found = re.search(_EXIT, _phrase(_value(tool.output))[:2000])
    return int(found[1]) if found else None


def _structured_exit(tool: ToolCall) -> int | None:
    """The exit code in a field of the output. Codex' output is a text that holds such an object."""
    value, keys = _value(tool.output), ("exit_code", "exitCode", "exit")
    if isinstance(value, str):
        value, keys = _value(value.encode("utf-8", "replace")) if value[:1] == "{" else None, ()
    if not isinstance(value, dict):
        return None
    fields = cast("dict[str, Any]", value)
    inner = fields.get("metadata")
    codes = [fields.get(key) for key in keys]
    if isinstance(inner, dict):
        metadata = cast("dict[str, Any]", inner)
        codes += [metadata.get(key) for key in ("exit_code", "exitCode", "exit")]
    return next((code for code in codes if isinstance(code, int) and not isinstance(code, bool)), None)


def failure_words(tool: ToolCall) -> str:
    """Why a call failed, in a few words: the exit code of a command, else the most telling line of its output."""
    code = exit_code(tool) if kind_of(tool.name) == "shell" else None
    return error_line(tool) if code is None else f"exit {code}"


def error_line(tool: ToolCall) -> str:
    """The line of a failed call's output that tells most: the last that speaks of an error, else the last."""
    return next(iter(_from_telling(tool)), "")


def error_tail(tool: ToolCall, lines: int = 3, *, below_detail: bool = True) -> tuple[str, ...]:
    """What to show below a failed call: its most telling line and what follows, safe, without blank lines.

    A line that the subject's detail says already, and whole, is left out, where that is shown (`below_detail`).
    """
    tail = _from_telling(tool)
    if below_detail and tail and tail[0] == failure_words(tool) and len(tail[0]) <= DETAIL_LIMIT:
        tail = tail[1:]
    return tuple(tail[:lines])


def _from_telling(tool: ToolCall) -> list[str]:
    text = re.sub(_TAGS, "", output_text(tool)[-8000:])
    lines = [line.rstrip() for line in text.split("\n") if line.strip() and not re.match(_EXIT_LINE, line)]
    speaking = [at for at in range(len(lines) - 1, -1, -1) if _speaks_of_error(lines[at])]
    naming = (at for at in speaking if re.search(_NAMED, lines[at]) and not re.search(_ECHO, lines[at]))
    return [clean_line(line, TEXT_LIMIT) for line in lines[next(naming, next(iter(speaking), -1)) :]]


def _speaks_of_error(line: str) -> bool:
    return not re.match(_FRAME, line) and re.search(_ERROR, line) is not None


def first_line(text: str) -> str:
    """The first line of an agent's text that says something; safe."""
    return next((clean_line(line, TEXT_LIMIT) for line in text[:4000].split("\n") if line.strip()), "")


# Patterns as text: compiled when first used, as most programs that import this room show no call at once.
_FIGURES = r"(?:[+:-]\d[\d:+ -]*|exit -?\d+)$"
_EXIT = r"(?i)(?:\bexit(?:ed with)? code:?|\bexit status:?) (-?\d+)"
_EXIT_LINE = r"(?i)\s*(?:error:\s*)?(?:process )?exit(?:ed with)? (?:code|status):? -?\d+\s*$"
_ERROR = r"(?i)(?<!\b0 )\b\w*(?:error|exception|failed|failure|fatal|denied|not found|no such|does not exist|cannot)\b"
_NAMED = (
    r"(?i)(?:\b\w*(?:error|exception|fatal|panic)(?:\[\w+\])?!?|\berror \w+|\bnot found|\bno such \w+[^:]*|\bdenied)"
    r": *\S"
)
"""A line that says what is wrong: `TypeError: …`, `error TS2345: …`, `error[E0308]: …`."""
_ECHO = (
    r"(?i)^\s*(?:make(?:\[\d+\])?: |npm (?:err!|error)|\S*lifecycle|error command failed|found \d+ error|[=_-]{3,}"
    r"|error: (?:script|command|could not compile|process|recipe|task)\b|\d+ (?:failed|errors?)\b)"
)
"""What only repeats that something went wrong: a runner's line, a summary's."""
_FRAME = r"\s*(?:at |File \")"
_TAGS = r"</?(?:tool_use_error|error|stdout|stderr|bash-stdout|bash-stderr)>"


# --------------------------------------------------------------------------- one kind each: (text, detail)

_Parts = tuple[str, str]


def _shell(tool: ToolCall, values: dict[str, Any], cwd: str) -> _Parts:
    command = command_of(values)
    for prefix in (f"cd {cwd} && ", f'cd "{cwd}" && ') if cwd else ():
        command = command.removeprefix(prefix)
    if not command:
        command = _first(values, "shell_id", "bash_id", "session_id", "chars") or _telling(values)
    return command, ""


def command_of(values: dict[str, Any]) -> str:
    """The command line of a shell call, without the shell that wraps it."""
    value = next((values[key] for key in ("command", "cmd", "script", "") if values.get(key)), "")
    if isinstance(value, list):
        words = [str(word) for word in cast("list[Any]", value)]
        wrapped = len(words) == 3 and words[0].rpartition("/")[2] in _SHELLS and words[1] in ("-c", "-lc")
        return words[2] if wrapped else " ".join(words)
    command = str(value)
    return _unwrapped(command) if re.match(_WRAPPED, command) else command


def _unwrapped(command: str) -> str:
    """What a quoted `bash -lc '…'` runs; the command as it is when its quotes do not add up."""
    try:
        words = shlex.split(command)
    except ValueError:
        return command.partition("c ")[2].strip("'\"")
    return words[2] if len(words) == 3 else " ".join(words[2:])


_SHELLS = ("bash", "sh", "zsh")
_WRAPPED = r"(?:\S*/)?(?:bash|sh|zsh) -l?c \S"


def _path_only(tool: ToolCall, values: dict[str, Any], cwd: str) -> _Parts:
    path = _path(values, cwd)
    paths = values.get("paths")
    if not path and isinstance(paths, list):
        path = ", ".join(_relative(str(item), cwd) for item in cast("list[Any]", paths)[:3])
    first, amount = values.get("offset"), values.get("limit")
    if isinstance(first, int) and isinstance(amount, int):
        return path, f":{first}-{first + amount - 1}"
    if path and isinstance(first, int):
        return path, f":{first}-"
    return path or _telling(values), ""


def _write(tool: ToolCall, values: dict[str, Any], cwd: str) -> _Parts:
    content = values.get("content")
    exact = isinstance(content, str) and not tool.input_bytes
    return _path(values, cwd) or _telling(values), f"+{len(str(content).splitlines())}" if exact else ""


def _edit(tool: ToolCall, values: dict[str, Any], cwd: str) -> _Parts:
    patch = _first(values, "input", "patch", "patchText", "command", "")
    changes = values.get("changes")
    if patch:
        paths = [_relative(path.strip(), cwd) for path in re.findall(_PATCHED, patch)]
    elif isinstance(changes, list | dict):
        paths = [_relative(path, cwd) for path in _changed_paths(cast("list[Any] | dict[str, Any]", changes))]
    else:
        paths = [_path(values, cwd)]
    text = ", ".join(paths[:2]) + (f" and {len(paths) - 2} more" if len(paths) > 2 else "")
    added, removed = _edited_lines(values, patch)
    detail = f"+{added} -{removed}" if (added or removed) and not tool.input_bytes else ""
    return text or _telling(values), detail


_PATCHED = r"(?m)^\*\*\* (?:Add|Update|Delete) File: (.+)$"


def _changed_paths(changes: list[Any] | dict[str, Any]) -> list[str]:
    if isinstance(changes, dict):
        return [str(path) for path in changes]
    return [str(cast("dict[str, Any]", item).get("path", "")) for item in changes if isinstance(item, dict)]


def _edited_lines(values: dict[str, Any], patch: str) -> tuple[int, int]:
    """Lines added and removed."""
    if patch:
        lines = patch.split("\n")
        plus = sum(line[:1] == "+" and line[:3] != "+++" for line in lines)
        return plus, sum(line[:1] == "-" and line[:3] != "---" for line in lines)
    edits = values.get("edits")
    pairs = cast("list[Any]", edits) if isinstance(edits, list) else [values]
    added = removed = 0
    for pair in pairs:
        if isinstance(pair, dict):
            old, new = _first(pair, "old_string", "oldString"), _first(pair, "new_string", "newString", "new_source")
            plus, minus = line_changes(old, new)
            added, removed = added + plus, removed + minus
    return added, removed


def line_changes(old: str, new: str) -> tuple[int, int]:
    """How many lines were added and removed between two texts."""
    before, after = old.splitlines(), new.splitlines()
    start = _common(before, after)
    before, after = before[start:], after[start:]
    end = _common(reversed(before), reversed(after))
    before, after = before[: len(before) - end], after[: len(after) - end]
    if not before or not after or len(before) * len(after) > 40_000:
        return len(after), len(before)
    from difflib import SequenceMatcher

    same = sum(block.size for block in SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks())
    return len(after) - same, len(before) - same


def _common(before: Iterable[str], after: Iterable[str]) -> int:
    """How many lines both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, after, strict=False)))


def _search(tool: ToolCall, values: dict[str, Any], cwd: str) -> _Parts:
    pattern = _first(values, "pattern", "query", "regex", "include")
    where = _path(values, cwd) or _first(values, "glob")
    if not pattern:
        return where or _telling(values), ""
    quoted = f'"{pattern}"' if verb_of(tool.name) == "Grep" else pattern
    return (f"{quoted} in {where}" if where and where != "." else quoted), ""


def _web(tool: ToolCall, values: dict[str, Any], cwd: str) -> _Parts:
    query = _first(values, "query")
    return f'"{query}"' if query else _first(values, "url") or _telling(values), ""


def _agent(tool: ToolCall, values: dict[str, Any], cwd: str) -> _Parts:
    said = _first(values, "description", "title", "prompt", "message", "agent_name") or _telling(values)
    return said, _first(values, "subagent_type", "agent_type", "agent_name")


def _other(tool: ToolCall, values: dict[str, Any], cwd: str) -> _Parts:
    return _path(values, cwd) or _telling(values), ""


_TEXTS = {
    "shell": _shell,
    "read": _path_only,
    "write": _write,
    "edit": _edit,
    "search": _search,
    "web": _web,
    "agent": _agent,
    "mcp": _other,
    "other": _other,
}


# --------------------------------------------------------------------------- parts


def _value(encoded: Any) -> Any:
    try:
        return plain(encoded)
    except (BadJson, ValueError):
        return None


def _first(values: Any, *keys: str) -> str:
    for key in keys:
        value = values.get(key)
        if isinstance(value, str) and value.strip():
            return value
    return ""


def _telling(values: dict[str, Any]) -> str:
    """The first short string of an input that says something, and of its inner objects."""
    return _first(values, *_TELLING) or next(_strings(values, 3), "")


def _strings(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        if value.strip():
            yield value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)
    elif depth and isinstance(value, dict | list):
        held = cast("dict[str, Any] | list[Any]", value)
        items = list(held.values()) if isinstance(held, dict) else held
        for item in items[:20]:
            yield from _strings(item, depth - 1)


def _path(values: dict[str, Any], cwd: str) -> str:
    return _relative(_first(values, *_PATHS), cwd)


def _relative(path: str, cwd: str) -> str:
    root = cwd.rstrip("/\\")
    if root and path.startswith(root) and path[len(root) : len(root) + 1] in ("/", "\\", ""):
        return path[len(root) + 1 :] or "."
    return path


def _phrase(value: Any, depth: int = 6) -> str:
    """The text inside an output of any shape."""
    if isinstance(value, str):
        return value
    if value is None or not depth:
        return ""
    if isinstance(value, list):
        return "\n".join(filter(None, (_phrase(item, depth - 1) for item in cast("list[Any]", value))))
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        keys = (
            "stdout",
            "stderr",
            "aggregated_output",
            "output",
            "content",
            "text",
            "result",
            "error",
            "message",
            "file",
        )
        parts = [_phrase(fields[key], depth - 1) for key in keys if fields.get(key)]
        if any(parts):
            return "\n".join(filter(None, parts))
        return "" if not fields else _json(fields)
    return str(value)


def _json(value: Any) -> str:
    from ..wire.json import encode

    return encode(value).decode("utf-8", "replace")
