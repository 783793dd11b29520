"""The timeline: one lane per todo over the build's time."""

from __future__ import annotations

from ....agents.kinds import verb_of
from ....model.state import Todo
from ...context import RenderContext, role
from ...lines import Line, cut, length, pad
from ...widgets.rows import Rows
from ..gantt import LaneRow, Scale, bar, foot_text, lanes, open_since, scale_of
from ..view import BuildView

DRAWN_SECONDS = 5
"""How often a running build's lanes are drawn anew while its todos stay: they read every stretch of work."""

LEAST_BAR = 8


class Timeline(Rows):
    """One line per lane. It follows the last one where lanes stand in order of time."""

    def __init__(self, view: BuildView, context: RenderContext, **options: str) -> None:
        super().__init__(**options)
        self.view, self.context = view, context
        self.lanes: list[LaneRow] = []
        self._drawn_at = 0
        self._todos: tuple[Todo, ...] = ()

    def renew(self) -> None:
        """Another build, or another state of it."""
        if not self._viewport:
            return
        here = self.key
        self._drawn_at, self._todos = self.context.now(), self.view.state.todos
        self.lanes = lanes(self.view.state, self.view.tally, self.context.glyphs)
        self.reset(len(self.lanes), next((at for at, lane in enumerate(self.lanes) if lane.key == here), None))

    def tick(self) -> None:
        """A second went by."""
        if self._todos is not self.view.state.todos or self.context.now() // 1000 % DRAWN_SECONDS == 0:
            self.renew()
            self.post_message(self.Fitted())

    def refit(self) -> None:
        self.renew()
        super().refit()

    def follow_end(self) -> None:
        if not isinstance(self.key, str):
            super().follow_end()

    @property
    def key(self) -> int | str | None:
        """What the lane under the cursor is of: a todo's key or a verb."""
        return self.lanes[self.cursor].key if self.cursor < len(self.lanes) else None

    def position_at(self, row: int) -> int | None:
        """The slowest call of a verb's lane."""
        key = self.lanes[row].key if 0 <= row < len(self.lanes) else None
        stats = self.view.tally.verbs.get(key) if isinstance(key, str) else None
        return None if stats is None or stats.slowest < 0 else stats.slowest

    # ----------------------------------------------------------------- rows

    def _name_width(self, width: int) -> int:
        return max(0, min(26, width // 3, width - LEAST_BAR))

    def _scale(self, width: int) -> Scale:
        return scale_of(self.view.state, self._drawn_at, width - self._name_width(width))

    def heads(self, width: int) -> str:
        if not self.lanes:
            return ""
        return " " * self._name_width(width) + self._scale(width).ticks()

    def foot(self) -> str:
        return foot_text(self.view.state, self.view.tally, self.lanes, self._drawn_at)

    def lines_of(self, row: int, width: int) -> list[Line]:
        shown, state, room = self.lanes[row], self.view.state, self._name_width(width)
        mark: Line = [(shown.mark.glyph + " ", role(shown.mark.tone))] if shown.mark else []
        name = cut([*mark, (shown.name, "strong" if shown.ended is None else "dim")], room - 1)
        gap: Line = [(pad("", room - length(name)), "")]
        since = open_since(state, lambda todo, tool: shown.key in (todo, verb_of(tool)))
        lane = self.view.tally.lane(shown.key, state)
        return [[*name, *gap, *bar(shown, lane, self._scale(width), self.context.glyphs, self._drawn_at, since)]]

    def instead(self) -> list[Line]:
        return [[("No call with known times.", "dim")]] if self.view.state.id else []
