"""What a link can be lent to: what stands on a screen, and where it is."""

from __future__ import annotations

from msgspec import Struct

from ..model.summary import BuildKey
from ..wire.address import Address


class LinkSubject(Struct, frozen=True):
    """A build. `server` None: none has it. `project` and `title`: what a person calls its project and itself."""

    server: Address | None
    build: BuildKey
    project: str
    title: str
