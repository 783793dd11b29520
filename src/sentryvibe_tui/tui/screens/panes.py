"""The panes of the watch screen: which there are, which are shown at this size, where the reader is."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.screen import Screen

from ...model.progress import progress
from ..lines import Line
from ..look import Look
from ..tree import codex_phases
from ..view import View
from ..widgets.foot import Keys, Tabs
from ..widgets.head import HowFar, Now, Who
from ..widgets.inspector import Inspector
from ..widgets.rows import Rows
from ..widgets.stream import Stream
from ..widgets.todos import Todos

NARROW, WIDE = 100, 160
"""Columns below which there is one pane at a time, and from which the inspector always stands at the side."""


class PanesScreen(Screen[None]):
    """Todos, stream and inspector beside, above or instead of one another, between head rows and keys."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (NARROW, "-medium"), (WIDE, "-wide")]
    AUTO_FOCUS = None
    ALLOW_SELECT = True

    def __init__(self, project: str, look: Look) -> None:
        super().__init__()
        self.look = look
        self.view = View()
        self.who = Who(project, self.view, look, id="who", classes="bar")
        self.how_far = HowFar(self.view, look, id="how-far", classes="bar")
        self.now = Now(self.view, look, id="now", classes="bar")
        self.tabs = Tabs(id="tabs", classes="bar")
        self.todos = Todos(self.view, look, id="todos", classes="pane")
        self.stream = Stream(self.view, look, id="stream", classes="pane")
        self.inspector = Inspector(self.view, look, id="inspector", classes="pane")
        self.keys = Keys(look, id="keys", classes="bar")
        self._chosen = ""
        self._source: Rows = self.stream
        self._inspecting = False
        self._zoomed = False
        self._found = ""

    def compose(self) -> ComposeResult:
        yield self.who
        yield self.how_far
        yield self.now
        yield self.tabs
        with Horizontal(id="body"):
            yield self.todos
            yield self.stream
            yield self.inspector
        yield self.keys

    @property
    def is_narrow(self) -> bool:
        return self.size.width < NARROW

    @property
    def is_wide(self) -> bool:
        return self.size.width >= WIDE

    def _panes(self) -> list[Rows]:
        """The panes that the reader can go to now."""
        state = self.view.shown
        panes: list[Rows] = [self.stream]
        if state.todos or state.template_todos or state.dropped or codex_phases(state):
            panes.insert(0, self.todos)
        if self.is_narrow or self.is_wide or self._inspecting:
            panes.append(self.inspector)
        return panes

    def _lay_out(self) -> None:
        """Which panes are on screen: all of them, or the chosen one: on a narrow screen, or zoomed."""
        panes = self._panes()
        chosen = next((pane for pane in panes if pane.id == self._chosen), panes[0])
        for pane in (self.todos, self.stream, self.inspector):
            shown = pane in panes and (pane is chosen or not (self.is_narrow or self._zoomed))
            if pane.display != shown:
                pane.display = shown
        if self.tabs.display != self.is_narrow:
            self.tabs.display = self.is_narrow
        if self.focused is None or not self.focused.display:
            self.set_focus(chosen if self.is_narrow or self._chosen else self.stream)

    def _titles(self) -> None:
        far = progress(self.view.shown)
        wanted = "" if self.stream.filter == "all" else f" {self.stream.filter}"
        labels = {"todos": f"Todos {far.done}/{far.total}", "stream": f"Stream{wanted}", "inspector": "Inspector"}
        numbers = {"todos": 1, "stream": 2, "inspector": 3}
        self.tabs.names = tuple((numbers[str(p.id)], str(p.id), labels[str(p.id)]) for p in self._panes())
        self.tabs.current = next((str(pane.id) for pane in self._panes() if pane.display), "")
        self.tabs.news = news = self._news()
        self.tabs.repaint()
        for pane in (self.todos, self.stream, self.inspector):
            title = "" if self.is_narrow else f"{numbers[str(pane.id)]} {labels[str(pane.id)]}"
            if str(pane.border_title or "") != title:
                pane.border_title = title
        said = "".join(text for text, _ in news)
        if str(self.stream.border_subtitle or "") != said:
            self.stream.border_subtitle = said
            self.stream.set_class(not self.stream.following, "-news")

    def _news(self) -> Line:
        """Where the reader stands in the stream."""
        said: Line = [(self._found, "accent")] if self._found else []
        if self.stream.following:
            said += [("following", "faint")] if self.view.shown.is_active else []
        elif self.stream.unseen:
            said += [(f"{self.look.glyphs.down} {self.stream.unseen} new, F follows", "accent")]
        elif self.view.shown.is_active:
            said += [("F follows", "dim")]
        return [said[0], ("   ", ""), *said[1:]] if len(said) > 1 else said

    def on_resize(self) -> None:
        self._lay_out()
        self._titles()

    def on_rows_moved(self, event: Rows.Moved) -> None:
        if event.rows is not self.inspector:
            self._source = event.rows
            self._inspect_source()
        self._titles()

    def on_tabs_chosen(self, event: Tabs.Chosen) -> None:
        self.action_pane(event.pane)

    def action_pane(self, name: str) -> None:
        if name == "inspector":
            self._inspecting = True
            self._inspect_source()
        pane = next((pane for pane in self._panes() if pane.id == name), None)
        if pane is not None:
            self._chosen = name
            self._lay_out()
            self.set_focus(pane)
            self._titles()

    def action_zoom(self) -> None:
        """The focused pane alone, or all again."""
        self._zoomed = not self._zoomed
        self.set_class(self._zoomed, "-zoomed")
        if self.focused is not None and self.focused.id:
            self._chosen = self.focused.id
        self._lay_out()
        self._titles()

    def action_next_pane(self, step: int = 1) -> None:
        panes = self._panes()
        here = next((at for at, pane in enumerate(panes) if pane is self.focused), 0)
        self.action_pane(str(panes[(here + step) % len(panes)].id))

    def action_previous_pane(self) -> None:
        self.action_next_pane(-1)

    def action_follow_all(self) -> None:
        for pane in (self.todos, self.stream):
            pane.action_follow()
        self._titles()

    def _inspect_source(self) -> None:
        """The inspector shows what is under the cursor of the pane that the reader was last in."""
        if not (self.inspector.display or self._inspecting):
            return
        position = self._source.position_at(self._source.cursor)
        if position != self.inspector.position:
            self.inspector.inspect(position)
            self._inspected()

    def _inspected(self) -> None:
        """Another item is inspected."""
