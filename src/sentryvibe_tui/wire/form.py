"""How a struct of the model is said in JSON: one row of the tables in `facts`, `events`, `updates` and `dialects`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Raw, Struct

from ..errors import BadJson
from .base import Wire
from .ids import RULE, is_name
from .json import encode


class Form(Struct, frozen=True):
    """`model` is read from any of `types`, as `shape`; `write` gives what is encoded of it, None: it is only read."""

    model: type
    types: tuple[str, ...]
    shape: Any
    read: Callable[[Any], Any]
    write: Callable[[Any], object] | None = None


def by_type(forms: Iterable[Form]) -> dict[str, Form]:
    """How each type is read."""
    return {kind: form for form in forms for kind in form.types}


def by_model(forms: Iterable[Form]) -> dict[type, Form]:
    """How each struct is written."""
    return {form.model: form for form in forms if form.write is not None}


def tagged(kind: str, fields: Wire) -> Raw:
    """An event of that type with these fields."""
    text = encode(fields)[1:]
    return Raw(b'{"type":"%s"%s%s' % (kind.encode(), b"," if len(text) > 1 else b"", text))


def checked_id(text: str, name: str = "toolCallId") -> str:
    """Raises BadJson where it is none."""
    if not is_name(text):
        raise BadJson(f"{RULE} - at `$.{name}`")
    return text


def checked_id_or_none(text: str | None, name: str) -> str:
    """The same, and "" where there is none."""
    return checked_id(text, name) if text else ""
