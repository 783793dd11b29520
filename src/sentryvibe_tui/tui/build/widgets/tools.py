"""The tools table: the build's calls by kind, with what they took."""

from __future__ import annotations

from ...context import RenderContext
from ...lines import Line, cut, fill
from ...widgets.rows import Rows
from ..summary_page import VERB_WIDTH, stats_cells, stats_heads, stats_width
from ..tally import VerbStats, sparks
from ..view import BuildView

NAME_WIDTH = 14
LEAST_SPARKS = 8


class Tools(Rows):
    """One line per verb, the most used first. A row stands for the slowest call of its verb."""

    def __init__(self, view: BuildView, context: RenderContext, **options: str) -> None:
        super().__init__(**options)
        self.view, self.context = view, context
        self.following = False
        self.verbs: list[VerbStats] = []
        self._drawn: object = None

    def renew(self) -> None:
        """Another build, or another state of it."""
        if self.display:
            here = self.verbs[self.cursor].verb if self.cursor < len(self.verbs) else ""
            self._drawn = self.view.state
            self.verbs = self.view.tally.most_used()
            self.reset(len(self.verbs), next((at for at, stats in enumerate(self.verbs) if stats.verb == here), 0))

    def tick(self) -> None:
        """A second went by."""
        if self._drawn is not self.view.state:
            self.renew()
            self.post_message(self.Fitted())

    def refit(self) -> None:
        self.renew()
        super().refit()

    @property
    def at_end(self) -> bool:
        return False

    def position_at(self, row: int) -> int | None:
        slowest = self.verbs[row].slowest if 0 <= row < len(self.verbs) else -1
        return None if slowest < 0 else slowest

    def _name_width(self, width: int) -> int:
        return max(VERB_WIDTH, min(NAME_WIDTH, width - stats_width(width)))

    def heads(self, width: int) -> str:
        room = width - self._name_width(width) - stats_width(width) - 2
        last = "  latest" if room >= LEAST_SPARKS else ""
        return (" " * self._name_width(width) + stats_heads(width) + last) if self.verbs else ""

    def lines_of(self, row: int, width: int) -> list[Line]:
        stats, name_width = self.verbs[row], self._name_width(width)
        room = width - name_width - stats_width(width) - 2
        latest = list(stats.latest)[-room:] if room >= LEAST_SPARKS and stats.number > 1 else []
        name = fill(cut([(stats.verb, "verb")], name_width), [], name_width)
        marks: Line = [("  ", ""), (sparks(latest, self.context.glyphs.sparks), "faint")] if latest else []
        return [cut([*name, *stats_cells(stats, width), *marks], width)]

    def instead(self) -> list[Line]:
        state = self.view.state
        return [[("No tool was used yet." if state.is_active else "No tool was used.", "dim")]] if state.id else []
