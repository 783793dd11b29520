"""What all shapes on the wire have in common."""

from __future__ import annotations

from msgspec import Struct


class Wire(Struct, frozen=True, rename="camel", omit_defaults=True):
    """Base of everything on the wire: camelCase, nothing said that is empty."""
