"""A card over the screen, for something that must not be missed; any key closes it."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.screen import ModalScreen
from textual.strip import Strip

from ..lines import Line
from ..widgets.painted import Painted


class Lines(Painted):
    """Lines as they are."""

    def __init__(self, lines: list[Line]) -> None:
        super().__init__(id="card")
        self.lines = lines
        self.styles.height = len(lines) + 2

    def render_line(self, y: int) -> Strip:
        return self.strip(self.lines[y] if y < len(self.lines) else [], self.content_size.width)


class Card(ModalScreen[None]):
    CSS_PATH = "card.tcss"

    def __init__(self, title: str, lines: list[Line]) -> None:
        super().__init__()
        self.card = Lines(lines)
        self.card.border_title = title
        self.card.border_subtitle = "any key closes"

    def compose(self) -> ComposeResult:
        yield self.card

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        self.dismiss()

    def on_click(self) -> None:
        self.dismiss()
