"""What all shapes on the wire have in common."""

from __future__ import annotations

from msgspec import Struct


class Wire(Struct, frozen=True, rename="camel", omit_defaults=True):
    """Base of everything on the wire: camelCase, nothing said that is empty.

    msgspec leaves out what *is* the default, not what equals it, so a default is None, a number, a truth value or the
    one empty string: of a text like "info" there may be two, and the same state would be written in two ways.
    """
