"""What the parts of the build screen ask of the screen around them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from ..lines import Line
from ..widgets.footer import Severity


class Host(Protocol):
    """The screen as its parts see it (`screen.BuildScreen`; a list of calls in tests)."""

    def tell(self, message: str, severity: Severity = "information", timeout: float = 4) -> None:
        """A message of one line for `timeout` seconds, in place of the one before."""
        ...

    def card(self, title: str, lines: list[Line]) -> None:
        """A card over the screen that any key closes, in place of the one before."""
        ...

    def start(self, work: Callable[[], Awaitable[None]], group: str) -> None:
        """`work` beside everything else; what still runs of its group is cancelled."""
        ...

    def later(self, seconds: float, act: Callable[[], None]) -> None: ...

    def flush(self) -> None:
        """What was touched is painted now."""
        ...

    def settle(self) -> None:
        """Panes, titles and the inspected item are made to agree with where the reader is now."""
        ...
