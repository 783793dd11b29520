"""Large values travel clipped; the store keeps them whole (docs/protocol.md#large-values)."""

from __future__ import annotations

from typing import Any, TypeVar, cast

from msgspec import Raw, Struct
from msgspec.structs import replace

from ..model.carried import carried, measured
from ..model.events import BuildEvent
from ..model.facts import RequestOpened
from ..model.text import clip_middle
from .json import encode, has_more_values, plain

S = TypeVar("S", bound=Struct)

MOST_VALUES = 5_000
"""Values inside of one above which it is clipped as a text: to look at each would keep others waiting."""
VALUE_LIMIT = 4096
"""Bytes of JSON above which a tool's input or output is clipped."""
PLAN_LIMIT = 64 * 1024
"""The same for the input of a call that shows a plan: it is read whole."""


def clip(value: Raw | None, limit: int = VALUE_LIMIT) -> tuple[Raw | None, int]:
    """A form of `value` of about `limit` bytes, and the whole size in bytes; (value, 0) when it is small enough.

    Objects keep their keys: only long strings inside lose their middle, so that what a call is about stays readable.
    """
    if value is None or (size := len(bytes(value))) <= limit:
        return value, 0
    if has_more_values(bytes(value), MOST_VALUES):
        return Raw(encode(_middle_out(bytes(value), limit // 4))), size
    whole = plain(value)
    for share in (limit // 2, limit // 4, limit // 8, limit // 32):
        text = encode(_shortened(whole, share))
        if len(text) <= limit:
            return Raw(text), size
    return Raw(encode(_middle_out(bytes(value), limit // 4))), size


def _middle_out(text: bytes, limit: int) -> str:
    return clip_middle(text.decode("utf-8", "replace"), limit)


def _shortened(value: Any, limit: int) -> Any:
    if isinstance(value, str):
        return clip_middle(value, limit)
    if isinstance(value, dict):
        return {key: _shortened(item, limit) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_shortened(item, limit) for item in cast("list[Any]", value)[:limit]]
    return value


def clipped(event: BuildEvent, limit: int = VALUE_LIMIT) -> BuildEvent:
    """`event` with a large value in the form that travels, its whole size beside it; `event` itself without one."""
    if isinstance(event, RequestOpened):
        request = _clipped(event.request, limit)
        return event if request is event.request else RequestOpened(request)
    return _clipped(event, limit)


def _clipped(thing: S, limit: int) -> S:
    for name in measured(type(thing)):
        value, size = clip(getattr(thing, name), limit)
        if size:
            before = getattr(thing, f"{name}_bytes")
            thing = replace(thing, **{name: value, f"{name}_bytes": max(size, before)})
    return thing


def fitted(event: BuildEvent, limit: int) -> BuildEvent:
    """`event` without the middle of a value or text above `limit`: what does not fit into a body would be refused."""
    return carried(clipped(event, limit), text=lambda words: clip_middle(words, limit))
