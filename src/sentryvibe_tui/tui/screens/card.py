"""A card over the screen, for something that must not be missed; any key closes it."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.screen import ModalScreen
from textual.strip import Strip

from ...report.words import plural
from ..lines import Line
from ..widgets.painted import Painted


class CardLines(Painted):
    """Lines as they are, as many as fit."""

    def __init__(self, lines: list[Line]) -> None:
        super().__init__(id="card")
        self.lines = lines
        self.styles.height = len(lines) + 2

    def render_line(self, y: int) -> Strip:
        width, height = self.content_size
        lines = squeezed(self.lines, height)
        return self.strip(lines[y] if y < len(lines) else [], width)


def squeezed(lines: list[Line], room: int) -> list[Line]:
    """`lines` in at most `room` ones: the blank ones go first, then the last ones are counted."""
    if len(lines) > room:
        lines = [line for line in lines if line]
    if len(lines) > room:
        lines = [*lines[: max(0, room - 1)], [(f"and {plural(len(lines) - max(0, room - 1), 'more line')}", "faint")]]
    return lines


class Card(ModalScreen[None]):
    CSS_PATH = "card.tcss"

    def __init__(self, title: str, lines: list[Line]) -> None:
        super().__init__()
        self.card = CardLines(lines)
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
