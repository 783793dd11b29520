"""Changing a JSON text in places, and leaving every other character as it was. Comments are taken for blanks."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from ..errors import BadSettings

_BLANK = re.compile(r"(?:[ \t\r\n\ufeff]|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_SCALAR = json.JSONDecoder()


@dataclass
class JsonNode:
    """A value from `start` to `end` of a text. Its parts are its members' values, or its elements."""

    start: int
    end: int = 0
    value: Any = None
    names: list[str] = field(default_factory=list[str])
    begins: list[int] = field(default_factory=list[int])
    """Where each part begins: a member at its name."""
    parts: list[JsonNode] = field(default_factory=list["JsonNode"])

    def member(self, name: str) -> JsonNode | None:
        return self.parts[self.place(name)] if isinstance(self.value, dict) and name in self.names else None

    def place(self, name: str) -> int:
        """Of several members of one name the last counts, as everywhere."""
        return len(self.names) - 1 - self.names[::-1].index(name)


def parse(text: str) -> JsonNode:
    """The object that the whole text is. Raises BadSettings."""
    node = _Parser(text).document()
    if not isinstance(node.value, dict):
        raise BadSettings("it holds no JSON object")
    return node


class _Parser:
    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0

    def document(self) -> JsonNode:
        try:
            node = self._node()
        except RecursionError:
            raise self._bad("nested too deep") from None
        if self._next():
            raise self._bad("more after the end of the object")
        return node

    def _next(self) -> str:
        """The next character that is no blank."""
        found = _BLANK.match(self._text, self._at)
        self._at = found.end() if found else self._at
        return self._text[self._at : self._at + 1]

    def _node(self) -> JsonNode:
        bracket = self._next()
        node = JsonNode(self._at)
        if bracket in ("{", "["):
            self._parts(node, bracket == "{")
        else:
            node.value = self._scalar()
        node.end = self._at
        return node

    def _parts(self, node: JsonNode, is_object: bool) -> None:
        node.value = {} if is_object else []
        closing = "}" if is_object else "]"
        self._at += 1
        while self._next() != closing:
            if node.parts:
                self._expect(",")
            self._next()
            node.begins.append(self._at)
            if is_object:
                if self._next() != '"':
                    raise self._bad("a name in quotes is expected")
                node.names.append(self._scalar())
                self._expect(":")
            part = self._node()
            node.parts.append(part)
            if is_object:
                node.value[node.names[-1]] = part.value
            else:
                node.value.append(part.value)
        self._at += 1

    def _scalar(self) -> Any:
        try:
            value, self._at = _SCALAR.raw_decode(self._text, self._at)
        except ValueError as error:
            raise self._bad(getattr(error, "msg", "no value").lower()) from None
        return value

    def _expect(self, sign: str) -> None:
        if self._next() != sign:
            raise self._bad(f"{sign!r} is expected")
        self._at += 1

    def _bad(self, reason: str) -> BadSettings:
        line = self._text.count("\n", 0, self._at) + 1
        column = self._at - self._text.rfind("\n", 0, self._at)
        return BadSettings(f"line {line}, column {column}: {reason}")


def added(text: str, node: JsonNode, value: object, name: str | None = None) -> str:
    """`text` with `value` as the last element of the array `node`, or as its last member `name`.

    What stands in brackets without parts (blanks, comments) stays there, so that `stood_empty` can tell.
    """
    step, outer = _step(text), _line_of(text, node)
    inner = f"{outer}{step}"
    lines = json.dumps(value, indent=step, ensure_ascii=False).replace("\n", inner)
    label = "" if name is None else f"{json.dumps(name, ensure_ascii=False)}: "
    if not node.parts:
        before, rest = text[: node.start + 1], text[node.start + 1 :]
        has_lines = "\n" in text[node.start : node.end]
        return f"{before}{'' if has_lines else inner}{label}{lines}{rest}"
    last = node.parts[-1].end
    is_flat = "\n" not in text[node.start : node.begins[0]]
    return f"{text[:last]}{', ' if is_flat else f',{inner}'}{label}{lines}{text[last:]}"


def removed(text: str, node: JsonNode, index: int) -> str:
    """`text` without a part of `node`, and without the comma and the line that it leaves."""
    if len(node.parts) == 1:
        return text[: node.start + 1] + text[node.parts[0].end :]
    if index:
        return text[: node.parts[index - 1].end] + text[node.parts[index].end :]
    return text[: node.begins[0]] + text[node.begins[1] :]


def stood_empty(text: str, node: JsonNode) -> bool:
    """Whether what `node` holds was `added` to brackets that stood there: one of these then shares a line with it.

    Those made with it have lines of their own, unless someone took all of them away.
    """
    first, tail = text[node.start : node.begins[0]], text[node.parts[-1].end : node.end]
    return "\n" in text[node.start : node.end] and not ("\n" in first and "\n" in tail)


def _line_of(text: str, node: JsonNode) -> str:
    """A line's end, and the indentation of the line that `node` begins in."""
    line = text[text.rfind("\n", 0, node.start) + 1 : node.start]
    return ("\r\n" if "\r\n" in text else "\n") + line[: len(line) - len(line.lstrip())]


def _step(text: str) -> str:
    """The indentation of the first line that has one."""
    found = re.search(r"\n([ \t]+)\S", text)
    return found[1] if found else "  "
