"""All keys, from the same definitions as the footer and the palette."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from ..actions import ACTIONS, keys_of

SECTIONS = (("screen", "Everywhere"), ("rows", "In a list"))


class HelpScreen(ModalScreen[None]):
    CSS_PATH = "help.tcss"
    BINDINGS = [("escape,q,question_mark", "dismiss", "Close")]

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help"):
            yield Static(self._content(), markup=False)

    def on_mount(self) -> None:
        self.query_one("#help").border_title = "Keys"
        self.query_one("#help").border_subtitle = "esc closes"

    def _content(self) -> Content:
        parts: list[Content | tuple[str, str]] = []
        for scope, title in SECTIONS:
            parts.append((f"{title}\n", "bold $primary"))
            for action in ACTIONS:
                if action.scope == scope:
                    parts += [(f"  {keys_of(action):<14}", "bold"), (f"{action.help}\n", "")]
            parts.append(("\n", ""))
        return Content.assemble(*parts).rstrip()
