"""Codex' code mode: a call of `exec` is JavaScript that calls the tools, `await tools.exec_command({cmd: "ls"})`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

_LONGEST = 200_000
_CALL = re.compile(r"\btools\.(\w+)\s*\(")
_TOKEN = re.compile(
    r"""(?s)(?:\s|//[^\n]*|/\*.*?\*/)*(?:
    (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`)
    |(?P<word>[A-Za-z_$][\w$]*)|(?P<number>-?\d+(?:\.\d+)?)|(?P<mark>[{}\[\],:]))""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"(?s)\\(.)|\"")


def nested_calls(source: str) -> Iterator[tuple[str, object]]:
    """Name and argument of each call, in the order they are written. An argument that is no literal is None."""
    for found in _CALL.finditer(source, 0, _LONGEST):
        yield found[1], _literal(source, found.end())


def shown_calls(source: str) -> list[tuple[str, object]]:
    """What a script is shown as: its calls, one that does the work before those that set the plan, or itself."""
    calls = list(nested_calls(source))
    at = next((at for at, (name, _) in enumerate(calls) if name != "update_plan"), None)
    if at is None:
        return [("Plan", None)] if calls else [("Script", source)]
    name, argument = calls.pop(at)
    if argument is None and "*** Begin Patch" in source:
        argument = source.replace("\\n", "\n")
    return [(name, argument), *calls]


def _literal(source: str, at: int) -> object:
    """The value of the literal that begins at `at`; None for an expression."""
    parts: list[str] = []
    depth = 0
    while (token := _TOKEN.match(source, at, at + _LONGEST)) is not None:
        at = token.end()
        word = token["text"] or token["word"] or token["number"] or token["mark"]
        if word in ("}", "]") and parts and parts[-1] == ",":
            parts.pop()
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(word, 0)
        parts.append(_json(token, source.startswith(":", at) and depth > 0))
        if depth <= 0:
            return _decoded("".join(parts))
    return None


def _json(token: re.Match[str], is_key: bool) -> str:
    if token["text"]:
        return '"' + _ESCAPE.sub(_escape, token["text"][1:-1]).replace("\n", "\\n") + '"'
    if token["word"] and token["word"] not in ("true", "false", "null"):
        return json.dumps(token["word"]) if is_key else "null"
    return token["number"] or token["word"] or token["mark"]


def _escape(match: re.Match[str]) -> str:
    """JSON knows fewer escapes, and only one kind of quote."""
    if match[1] is None:
        return '\\"'
    return match[0] if match[1] in '"\\/bfnrtu' else "" if match[1] == "\n" else match[1]


def _decoded(literal: str) -> object:
    try:
        return json.loads(literal, strict=False)
    except (ValueError, RecursionError):
        return None
