"""All keys, those of the pane first in which the reader is; from the same definitions as footer and palette."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from ..actions import Action, keys_of

LEAD = 16
TEXT_WIDTH = 48
"""Columns of the keys, and of what they do, in the box of help.tcss."""


class HelpScreen(ModalScreen[None]):
    CSS_PATH = "help.tcss"
    BINDINGS = [("escape,q,question_mark", "dismiss", "Close")]

    def __init__(self, actions: tuple[Action, ...], pane: str) -> None:
        super().__init__()
        self.actions, self.pane = actions, pane

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help"):
            yield Static(self._content(), markup=False)

    def on_mount(self) -> None:
        self.query_one("#help").border_title = "Keys"
        self.query_one("#help").border_subtitle = "esc closes"

    def _sections(self) -> Iterator[tuple[str, list[Action]]]:
        """Title and actions: this pane's, everywhere's, the other panes'."""
        named = {action.pane: "" for action in self.actions if action.pane not in ("", self.pane)}
        here = [action for action in self.actions if action.scope == "rows" or action.pane == self.pane != ""]
        yield f"In the {self.pane or 'list'}", sorted(here, key=lambda action: action.scope == "rows")
        yield "Everywhere", [action for action in self.actions if action.scope == "screen" and not action.pane]
        for pane in named:
            yield f"In the {pane}, from everywhere", [action for action in self.actions if action.pane == pane]

    def _content(self) -> Content:
        parts: list[Content | tuple[str, str]] = []
        for title, actions in self._sections():
            parts.append((f"{title}\n", "bold $primary"))
            for action in actions:
                said = f"\n{'':{LEAD}}".join(wrap(action.help, TEXT_WIDTH))
                parts += [(f"  {keys_of(action):<{LEAD - 2}}", "bold"), (f"{said}\n", "")]
            parts.append(("\n", ""))
        return Content.assemble(*parts).rstrip()
