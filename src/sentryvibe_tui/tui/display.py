"""How a screen looks, and what it tells the terminal: what a reader sets, or says on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from .notices import NO_NOTICES, Notices

if TYPE_CHECKING:
    from ..notify import Claims


class DisplayOptions(Struct, frozen=True):
    """`theme`: "" is the program's own; one that is not there is left out. `encoding`: the terminal's where that is not
    UTF-8; then it gets ASCII only.

    `keys` binds actions (`actions.Action.ident`) to other keys; `notices` is what else the terminal is told, of each
    event once on one machine where there are `claims`.
    """

    theme: str = ""
    ascii_only: bool = False
    animation: bool = True
    keys: Mapping[str, str] = {}
    notices: Notices = NO_NOTICES
    claims: Claims | None = None
    encoding: str = ""


DEFAULT_OPTIONS = DisplayOptions()
