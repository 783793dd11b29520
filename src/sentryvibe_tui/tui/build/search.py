"""Finding things in the stream: a text, the errors, calls or texts only."""

from __future__ import annotations

from .panes import Panes


class Search:
    """What the reader looks for; `result` says where among the places found they are."""

    def __init__(self, panes: Panes) -> None:
        self.panes, self.stream = panes, panes.stream
        self.result = ""
        self._begin = 0

    @property
    def is_on(self) -> bool:
        return bool(self.stream.needle)

    def begin(self) -> None:
        """The reader is about to type: places are looked for from the cursor on."""
        self.panes.go(self.stream)
        self._begin = self.stream.cursor

    def find(self, text: str) -> None:
        """Marks `text` and goes to its first place after where the search began; an empty one ends the search."""
        self.stream.search(text)
        self.result = ""
        if text:
            self.stream.move(self._begin)
            self._jump(self.stream.hits(), 1, "hit")

    def _jump(self, rows: list[int], step: int, what: str) -> None:
        number = self.stream.jump(rows, step)
        self.result = f"{what} {number} of {len(rows)}" if number is not None else f"no {what}"

    def next_hit(self, step: int) -> bool:
        """False when nothing is searched for."""
        if self.is_on:
            self._jump(self.stream.hits(), step, "hit")
        return self.is_on

    def next_error(self, step: int) -> None:
        """Who follows goes to the newest one first, whatever the direction; what hides the errors gives way."""
        self.panes.go(self.stream)
        if self.stream.filtered and not self.stream.errors():
            self.stream.show_only("all")
        errors = self.stream.errors()
        if self.stream.following and errors:
            self.stream.move(len(self.stream.heights) - 1)
            step = 0 if self.stream.cursor in errors else -1
        self._jump(errors, step, "error")

    def hits_only(self) -> None:
        if self.is_on:
            self.stream.show_only(self.stream.filter, hits=not self.stream.hits_only)

    def next_filter(self) -> None:
        self.panes.go(self.stream)
        self.stream.show_next()

    def leave(self) -> bool:
        """Ends the search; False where there is none."""
        was_on = self.is_on
        if was_on:
            self.find("")
        return was_on

    def leave_filter(self) -> bool:
        """Shows everything, folded; False where it does already."""
        is_other = self.stream.shows != "all"
        if is_other:
            self.stream.verbose = False
            self.stream.show_only("all")
        return is_other
