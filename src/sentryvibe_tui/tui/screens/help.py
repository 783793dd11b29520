"""All keys: what works everywhere, then in the reader's pane; from the same definitions as footer and palette."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap

from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from ...report.words import Glyphs
from ..actions import Action, keys_of, spelled
from ..context import RenderContext
from ..widgets.painted import ASCII_MARKS
from ..widgets.scroll_bar import use_ascii_bar

LEAD = 15
TEXT_WIDTH = 38
"""Columns of the keys, and of what they do, where they stand twice side by side."""
TWO_COLUMNS = 118
"""Columns of a screen from which they do, and of the frame then."""
LEAST_WIDTH, MOST_WIDTH = 10, 60
"""Columns of what the keys do in one column."""
FRAME_WIDTH = 8
"""Columns of the frame, what is free in it, and the scroll bar."""


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

    def __init__(self, context: RenderContext, pane: str, signs: Sequence[tuple[str, str]] = ()) -> None:
        """`signs`: what stands for what on the screen, that of a build by default."""
        super().__init__()
        self.signs = signs or tuple(self._signs(context.glyphs))
        self.context, self.actions, self.pane = context, context.actions, pane

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help"), Horizontal():
            yield Static(markup=False)
            yield Static(markup=False)

    def on_mount(self) -> None:
        if self.context.glyphs.done.isascii():
            use_ascii_bar(self.query_one("#help"))
        self.query_one("#help").border_title = "Keys"
        self.query_one("#help").border_subtitle = "esc closes"
        self.on_resize()

    def on_resize(self) -> None:
        """Columns for the room that there is now."""
        self.query_one("#help").styles.width = TWO_COLUMNS if self._is_wide else LEAD + self._text_width + FRAME_WIDTH
        columns = self._columns()
        for at, column in enumerate(self.query(Static)):
            column.display = at < len(columns)
            column.update(columns[at] if column.display else "")

    @property
    def _is_wide(self) -> bool:
        return self.app.size.width >= TWO_COLUMNS  # pyright: ignore[reportUnknownMemberType]

    @property
    def _text_width(self) -> int:
        room = self.app.size.width - LEAD - FRAME_WIDTH  # pyright: ignore[reportUnknownMemberType]
        return TEXT_WIDTH if self._is_wide else max(LEAST_WIDTH, min(MOST_WIDTH, room))

    def action_scroll(self, lines: int) -> None:
        self.query_one("#help").scroll_relative(y=lines, animate=False)

    def _sections(self) -> Iterator[tuple[str, list[Action]]]:
        """Title and actions: everywhere's, this pane's, the other panes'."""
        yield "Everywhere", [action for action in self.actions if action.scope != "rows" and not action.pane]
        here = [action for action in self.actions if action.scope == "rows" or action.pane == self.pane != ""]
        yield f"In the {self.pane or 'list'}", sorted(here, key=lambda action: action.scope == "rows")
        for pane in {action.pane: "" for action in self.actions if action.pane not in ("", self.pane)}:
            yield f"In the {pane}, from everywhere", [action for action in self.actions if action.pane == pane]

    def _signs(self, glyphs: Glyphs) -> Iterator[tuple[str, str]]:
        yield glyphs.running, "under way"
        yield glyphs.done, "done"
        yield glyphs.failed, "failed; with a number: so many calls did"
        yield glyphs.stopped, "left open, cancelled or interrupted"
        yield glyphs.pending, "to come"
        yield f"{glyphs.added} {glyphs.renamed}", "a todo that was added later, or renamed"
        yield glyphs.thought, "reasoning of the agent"

    def _columns(self) -> list[Content]:
        """One column, or two of about the same height."""
        blocks = [*(self._block(title, self._keys(actions)) for title, actions in self._sections())]
        blocks.append(self._block("Signs", self.signs))
        if not self._is_wide:
            return [Content("\n\n").join(blocks)]
        heights = [str(block).count("\n") + 2 for block in blocks]
        split = min(range(1, len(blocks)), key=lambda at: max(sum(heights[:at]), sum(heights[at:])))
        return [Content("\n\n").join(part) for part in (blocks[:split], blocks[split:])]

    def _keys(self, actions: list[Action]) -> Iterator[tuple[str, str]]:
        for action in actions:
            keys = keys_of(action)
            yield spelled(keys) if self.context.glyphs.done.isascii() else keys, action.help

    def _block(self, title: str, rows: Iterable[tuple[str, str]]) -> Content:
        parts: list[Content | tuple[str, str]] = [(title, "bold $primary")]
        for lead, text in rows:
            words = text.translate(ASCII_MARKS) if self.context.glyphs.done.isascii() else text
            description = f"\n{'':{LEAD}}".join(wrap(words, self._text_width))
            parts += [(f"\n  {lead:<{LEAD - 2}}", "bold"), (description, "")]
        return Content.assemble(*parts)
