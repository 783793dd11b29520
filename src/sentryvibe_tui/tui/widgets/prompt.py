"""The line in which the reader types what to search for, or what something is to be called."""

from __future__ import annotations

from textual.message import Message
from textual.widgets import Input


class Prompt(Input):
    """Tells every change at once; enter keeps the search, escape drops it."""

    BINDINGS = [("escape", "drop", "Drop the search")]

    class Entry(Message):
        """The text as it stands. `done`: the reader pressed enter, or (`is_dropped`) escape, which leaves no text."""

        def __init__(self, text: str, *, done: bool, is_dropped: bool = False) -> None:
            super().__init__()
            self.text, self.done, self.is_dropped = text, done, is_dropped

    def __init__(self, hint: str = "search texts, inputs and outputs", text: str = "") -> None:
        super().__init__(text, placeholder=hint, id="prompt", compact=True, select_on_focus=False)
        self.cursor_blink = False

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Entry(event.value, done=False))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Entry(event.value, done=True))

    def action_drop(self) -> None:
        self.post_message(self.Entry("", done=True, is_dropped=True))
