"""What to copy: a number for each."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

from textual.app import ComposeResult
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from ...model.text import clean_line
from ...report.words import size

PREVIEW_LENGTH = 36
"""Characters of a text that are shown."""


class CopyMenu(ModalScreen[str | None]):
    """Gives the name of the chosen text, or None. Numbers follow the order of `texts`; empty ones cannot be chosen."""

    CSS_PATH = "copy_menu.tcss"
    BINDINGS = [
        ("escape,q,c", "dismiss", "Close"),
        *((str(number), f"choose({number})", f"Copy {number}") for number in range(1, 6)),
    ]

    def __init__(self, texts: Mapping[str, str]) -> None:
        super().__init__()
        self.texts = texts

    def compose(self) -> ComposeResult:
        yield Static(self._content(), id="copy", markup=False)

    def on_mount(self) -> None:
        self.query_one("#copy").border_title = "Copy"
        self.query_one("#copy").border_subtitle = f"1-{len(self.texts)}, esc closes"

    def _content(self) -> Content:
        parts: list[Content | tuple[str, str]] = []
        for number, (name, text) in enumerate(self.texts.items(), 1):
            tone = "$text" if text else "$text-disabled"
            amount = size(len(text.encode("utf-8", "replace"))) if text else "none"
            parts += [
                (f" {number} ", "bold $primary" if text else "$text-disabled"),
                (f"{name:<12}", tone),
                (f"{amount:>9}  ", "$text-muted"),
                (clean_line(text[: 4 * PREVIEW_LENGTH], PREVIEW_LENGTH), "$text-muted"),
                ("\n", ""),
            ]
        return Content.assemble(*parts).rstrip()

    def action_choose(self, number: int) -> None:
        name = next(islice(self.texts, number - 1, None), "")
        if self.texts.get(name):
            self.dismiss(name)
