"""Which fields carry what an agent says, declared at the field: by this it is masked, clipped, measured and named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

from msgspec import Raw, Struct
from msgspec.structs import replace

Text = Annotated[str, "text"]
"""Words of an agent or a person, of any length."""
Label = Annotated[str, "label"]
"""Words that repeat what stands elsewhere, perhaps cut: a title, a directory, a model."""
Ident = Annotated[str, "ident"]
"""A name of a call, text, todo or request, by which others point at it."""
Value = Annotated[Raw, "value"]
"""JSON that an agent chose freely."""

ITEM_BYTES = 256
"""What an element of a list counts as: to compare it takes as long as keeping so many bytes."""

S = TypeVar("S", bound=Struct)


class _Field(Struct, frozen=True):
    """`carries` is what an alias above says, "" where it holds a struct, or a tuple of them (`is_list`)."""

    name: str
    carries: str = ""
    is_list: bool = False


@cache
def _fields(kind: type[Struct]) -> tuple[_Field, ...]:
    return tuple(field for name, hint in get_type_hints(kind, include_extras=True).items() for field in _of(name, hint))


def _of(name: str, hint: Any) -> Iterator[_Field]:
    if get_origin(hint) is Annotated:
        yield _Field(name, get_args(hint)[1])
    elif isinstance(hint, type) and issubclass(hint, Struct):
        yield from [_Field(name)] if _fields(hint) else []
    elif get_origin(hint) is tuple:
        yield from (replace(field, is_list=True) for field in _of(name, get_args(hint)[0]))
    else:
        yield from (field for part in get_args(hint) for field in _of(name, part))


def carried(
    thing: S,
    *,
    text: Callable[[str], str] = str,
    label: Callable[[str], str] = str,
    ident: Callable[[str], str] = str,
    value: Callable[[Raw], Raw] = lambda raw: raw,
) -> S:
    """`thing` with what these make of all that it carries; `thing` itself where they change nothing."""
    changes: dict[str, Any] = {}
    for field in _fields(type(thing)):
        before = getattr(thing, field.name)
        if not before:
            continue
        match field.carries:
            case "text":
                after = text(before)
            case "label":
                after = label(before)
            case "ident":
                after = ident(before)
            case "value":
                after = value(before)
            case _ if field.is_list:
                parts = [carried(part, text=text, label=label, ident=ident, value=value) for part in before]
                after = before if all(new is old for new, old in zip(parts, before, strict=True)) else tuple(parts)
            case _:
                after = carried(before, text=text, label=label, ident=ident, value=value)
        if after is not before and after != before:
            changes[field.name] = after
    return replace(thing, **changes) if changes else thing


def carried_bytes(thing: Struct) -> int:
    """Bytes of what it carries, about."""
    total = 0
    for field in _fields(type(thing)):
        before = getattr(thing, field.name)
        if not before:
            continue
        if field.is_list:
            total += ITEM_BYTES * len(before)
        elif field.carries:
            total += len(before) if isinstance(before, str) else memoryview(before).nbytes
        else:
            total += carried_bytes(before)
    return total


@cache
def measured(kind: type[Struct]) -> tuple[str, ...]:
    """The values that have their whole size beside them (`input` and `input_bytes`): they may be a clipped form."""
    return tuple(field.name for field in _fields(kind) if f"{field.name}_bytes" in kind.__struct_fields__)
