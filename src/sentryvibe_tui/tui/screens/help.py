"""All keys, those of the pane first in which the reader is; from the same definitions as footer and palette."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from ..actions import Action, keys_of, spelled
from ..context import RenderContext

LEAD = 16
TEXT_WIDTH = 48
"""Columns of the keys, and of what they do, in the box of help.tcss."""


class HelpScreen(ModalScreen[None]):
    CSS_PATH = "help.tcss"
    BINDINGS = [
        ("escape,q,question_mark", "dismiss", "Close"),
        ("j", "scroll(1)", "Down"),
        ("k", "scroll(-1)", "Up"),
        ("ctrl+d", "scroll(8)", "Half a page down"),
        ("ctrl+u", "scroll(-8)", "Half a page up"),
        ("g", "scroll(-1000)", "First"),
        ("G", "scroll(1000)", "Last"),
    ]

    def __init__(self, context: RenderContext, pane: str) -> None:
        super().__init__()
        self.context, self.actions, self.pane = context, context.actions, pane

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help"):
            yield Static(self._content(), markup=False)

    def on_mount(self) -> None:
        self.query_one("#help").border_title = "Keys"
        self.query_one("#help").border_subtitle = "esc closes"

    def action_scroll(self, lines: int) -> None:
        self.query_one("#help").scroll_relative(y=lines, animate=False)

    def _sections(self) -> Iterator[tuple[str, list[Action]]]:
        """Title and actions: this pane's, everywhere's, the other panes'."""
        named = {action.pane: "" for action in self.actions if action.pane not in ("", self.pane)}
        here = [action for action in self.actions if action.scope == "rows" or action.pane == self.pane != ""]
        yield f"In the {self.pane or 'list'}", sorted(here, key=lambda action: action.scope == "rows")
        yield "Everywhere", [action for action in self.actions if action.scope == "screen" and not action.pane]
        for pane in named:
            yield f"In the {pane}, from everywhere", [action for action in self.actions if action.pane == pane]

    def _signs(self) -> Iterator[tuple[str, str]]:
        glyphs = self.context.glyphs
        yield glyphs.running, "under way"
        yield glyphs.done, "done"
        yield glyphs.failed, "failed; with a number: so many calls did"
        yield glyphs.stopped, "left open, cancelled or interrupted"
        yield glyphs.pending, "to come"
        yield f"{glyphs.added} {glyphs.renamed}", "a todo that was added later, or renamed"
        yield glyphs.thought, "reasoning of the agent"

    def _content(self) -> Content:
        parts: list[Content | tuple[str, str]] = []
        for title, actions in self._sections():
            parts.append((f"{title}\n", "bold $primary"))
            for action in actions:
                said = f"\n{'':{LEAD}}".join(wrap(action.help, TEXT_WIDTH))
                keys = keys_of(action) if not self.context.glyphs.done.isascii() else spelled(keys_of(action))
                parts += [(f"  {keys:<{LEAD - 2}}", "bold"), (f"{said}\n", "")]
            parts.append(("\n", ""))
        parts.append(("Signs\n", "bold $primary"))
        for glyph, meaning in self._signs():
            parts += [(f"  {glyph:<{LEAD - 2}}", "bold"), (f"{meaning}\n", "")]
        return Content.assemble(*parts).rstrip()
