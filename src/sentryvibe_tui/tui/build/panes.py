"""The panes of the watch screen: which there are, which are shown at this size, where the reader is."""

from __future__ import annotations

from msgspec.structs import replace
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.screen import Screen

from ...model.progress import progress
from ..context import RenderContext
from ..lines import Line
from ..widgets.foot import Keys, Tabs
from ..widgets.rows import Rows
from .tree import codex_phases
from .view import View
from .widgets.builds import Builds
from .widgets.head import HowFar, Now, Who
from .widgets.inspector import Inspector
from .widgets.stream import Stream
from .widgets.timeline import Timeline
from .widgets.todos import Todos
from .widgets.tools import Tools

NARROW, WIDE = 100, 160
"""Columns below which there is one pane at a time, and from which the builds stand at the left."""

TALL = 36
"""Rows from which a wide screen shows all panes."""


class PanesScreen(Screen[None]):
    """Builds, todos and stream side by side over a band of timeline, tools and inspector, as far as there is room."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (NARROW, "-medium"), (WIDE, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (TALL, "-tall")]
    AUTO_FOCUS = ""
    ALLOW_SELECT = True

    def __init__(self, project: str, context: RenderContext) -> None:
        super().__init__()
        self.context = context
        self.view = View()
        self.who = Who(project, self.view, context, id="who", classes="bar")
        self.how_far = HowFar(self.view, context, id="how-far", classes="bar")
        self.now = Now(self.view, context, id="now", classes="bar")
        self.tabs = Tabs(id="tabs", classes="bar")
        known = replace(
            context, now=lambda: self.view.known_at(context.now())
        )  # without a link the panes' clock stands
        self.todos = Todos(self.view, known, id="todos", classes="pane")
        self.stream = Stream(self.view, known, id="stream", classes="pane")
        self.inspector = Inspector(self.view, known, id="inspector", classes="pane")
        self.timeline = Timeline(self.view, known, id="timeline", classes="pane")
        self.tools = Tools(self.view, known, id="tools", classes="pane")
        self.builds = Builds(self.view, known, id="builds", classes="pane")
        self.panes: tuple[Rows, ...] = (
            self.todos,
            self.stream,
            self.inspector,
            self.timeline,
            self.tools,
            self.builds,
        )
        """In the order of their numbers, from 1."""
        self.body = Horizontal(self.builds, self.todos, self.stream, id="body")
        self.band = Horizontal(self.timeline, self.tools, self.inspector, id="band")
        self.keys = Keys(context, id="keys", classes="bar")
        self._chosen: Rows | None = None
        self._called: Rows | None = None
        self._source: Rows = self.stream
        self._zoomed = False
        self._shape = (True, False, False)
        self._found = ""
        self._entitled: dict[Rows, tuple[str, str]] = {}

    def compose(self) -> ComposeResult:
        yield self.who
        yield self.how_far
        yield self.now
        yield self.tabs
        yield self.body
        yield self.band
        yield self.keys

    # ----------------------------------------------------------------- which panes there are

    @property
    def is_narrow(self) -> bool:
        return self.size.width < NARROW

    @property
    def is_wide(self) -> bool:
        return self.size.width >= WIDE

    def _there(self) -> list[Rows]:
        """The panes that this build has: without any todos there is none for them."""
        state = self.view.shown
        has_todos = state.todos or state.template_todos or state.dropped or codex_phases(state)
        return [pane for pane in self.panes if pane is not self.todos or has_todos]

    def _standing(self) -> list[Rows]:
        """The panes that are always on screen at this size."""
        there = self._there()
        if self.is_narrow:
            return []
        if self.is_wide:
            return there if self.size.height >= TALL else [pane for pane in there if pane in self.body.children]
        return [pane for pane in there if pane in (self.todos, self.stream)]

    def _shown(self) -> list[Rows]:
        """The panes on screen: those that stand, and one that was called; or only the reader's."""
        standing = self._standing()
        if self._zoomed or not standing:
            there = self._there()
            return [self._chosen if self._chosen in there else there[0]]
        if self._called is None or self._called in standing:
            return standing
        if self._called is self.builds:
            standing = [pane for pane in standing if pane is not self.todos]
        return [*standing, self._called]

    def _lay_out(self) -> None:
        self._keep_focused()
        shown = self._shown()
        for pane in shown:
            if not pane.display:
                pane.display = True
                pane.come_back()
        if not isinstance(self.focused, Rows) or self.focused not in shown:
            self._focus_one_of(shown)
        for pane in self.panes:
            if pane.display and pane not in shown:
                pane.display = False
        for room in (self.body, self.band):
            room.display = any(pane.display for pane in room.children)
        self.set_class(not self.body.display, "-band-alone")
        if self.tabs.display != self.is_narrow:
            self.tabs.display = self.is_narrow

    def _keep_focused(self) -> None:
        """At another size the reader's pane stays with the reader, called up if it does not stand there."""
        shape = (self.is_narrow, self.is_wide, self.size.height >= TALL)
        if shape == self._shape:
            return
        self._shape = shape
        if isinstance(self.focused, Rows) and self.focused.display:
            self._chosen = self.focused
            if self.focused not in (self.todos, self.stream):
                self._called = self.focused

    def _focus_one_of(self, shown: list[Rows]) -> None:
        """Before a pane is hidden, as the focus would go anywhere else by itself; a prompt keeps it."""
        if self.focused is None or isinstance(self.focused, Rows):
            wanted = (self._chosen, self.stream, shown[0])
            self.set_focus(next(pane for pane in wanted if pane in shown))

    # ----------------------------------------------------------------- what they are called

    def _labels(self) -> dict[Rows, str]:
        far = progress(self.view.shown)
        wanted = "" if self.stream.shows == "all" else f" {self.stream.shows}"
        return {
            self.todos: f"Todos {far.done}/{far.total}" if far.total else "Todos",
            self.stream: f"Stream{wanted}",
            self.inspector: "Summary" if self.inspector.position is None else "Inspector",
            self.timeline: "Timeline",
            self.tools: "Tools",
            self.builds: f"Builds {len(self.builds.listed)}" if self.builds.listed else "Builds",
        }

    def _titles(self) -> None:
        labels, there, news = self._labels(), self._there(), self._news()
        numbers = {pane: number for number, pane in enumerate(self.panes, 1)}
        self.tabs.names = tuple((numbers[pane], str(pane.id), labels[pane]) for pane in there)
        self.tabs.current = next((str(pane.id) for pane in there if pane.display), "")
        self.tabs.news = news
        self.tabs.repaint()
        said = "".join(text for text, _ in news)
        for pane in self.panes:
            if pane.display:
                title = "" if self.is_narrow else f"{numbers[pane]} {labels[pane]}"
                begin = 0 if self.is_narrow else 1  # where a frame's title begins, seen from the rows' first cell
                heads = pane.heads(pane.row_width)[len(title) + begin :]
                self._entitle(pane, (title + heads).rstrip(), said if pane is self.stream else pane.foot())
        self.stream.set_class(not self.stream.following, "-news")
        self.keys.first, self.keys.opens = self._useful(), self._opens()
        self.keys.repaint()

    def _useful(self) -> tuple[str, ...]:
        """Actions, by ident, that matter most where the reader is now."""
        if self.view.link.phase == "gave-up":
            return ("retry-link",)
        if self._zoomed:
            return ("zoom", "back")
        if self.focused in (self.builds, self.timeline, self.tools):
            return ("open", "back")
        if self.focused is self.inspector:
            return ("back", "full-text", "copy", "open-file") if self.inspector.position is not None else ("back",)
        if self.stream.needle:
            return ("next-hit", "previous-hit", "only-hits", "back")
        return ("live", "older-build", "newer-build") if self.view.pinned else ()

    def _opens(self) -> str:
        """What enter does where the reader is."""
        if self.focused is self.builds:
            return "show build"
        if self.focused is self.timeline:
            return "go to todo" if isinstance(self.timeline.key, int) else "slowest call"
        return "slowest call" if self.focused is self.tools else ""

    def _entitle(self, pane: Rows, title: str, foot: str) -> None:
        """What stands in the frame above and below a pane."""
        if self._entitled.get(pane) != (title, foot):
            self._entitled[pane] = title, foot
            pane.border_title, pane.border_subtitle = Content(title), Content(foot)  # type: ignore[assignment]

    def _news(self) -> Line:
        """Where the reader stands in the stream."""
        said: Line = [(self._found, "accent")] if self._found else []
        goes_on = bool(self.view.shown.id) and self.view.shown.is_active
        if self.stream.following:
            said += [("following", "faint")] if goes_on else []
        elif self.stream.unseen:
            said += [(f"{self.context.glyphs.down} {self.stream.unseen} new, F follows", "accent")]
        elif goes_on:
            said += [("F follows", "dim")]
        return [said[0], ("   ", ""), *said[1:]] if len(said) > 1 else said

    # ----------------------------------------------------------------- where the reader is

    def on_resize(self) -> None:
        self._lay_out()
        self._titles()

    def on_rows_fitted(self) -> None:
        self._titles()

    def on_rows_moved(self, event: Rows.Moved) -> None:
        if event.rows in (self.todos, self.stream, self.tools):
            self._source = event.rows
            self._inspect_source()
        self._titles()

    def on_tabs_chosen(self, event: Tabs.Chosen) -> None:
        self.action_pane(event.pane)

    def action_pane(self, name: str) -> None:
        """To a pane, which is called up where it does not stand, or takes its place back."""
        pane = next((pane for pane in self._there() if pane.id == name), None)
        if pane is None:
            return
        self._keep_focused()  # a key may come before the news of another size
        self._chosen = pane
        if pane not in self._standing() and pane not in (self.todos, self.stream):
            self._called = pane
        elif self.is_narrow or pane not in self._shown():
            self._called = None
        if pane is self.inspector:
            self._inspect_source()
        elif self._source is self.inspector:
            self._source = self.stream
        self._lay_out()
        self.set_focus(pane)
        self._titles()

    def action_zoom(self) -> None:
        """The focused pane alone, or all again; on a narrow screen it is alone anyway."""
        self._zoomed = not self._zoomed and not self.is_narrow
        self.set_class(self._zoomed, "-zoomed")
        if isinstance(self.focused, Rows):
            self._chosen = self.focused
        self._lay_out()
        self._titles()

    def action_next_pane(self, step: int = 1) -> None:
        panes = self._there() if self.is_narrow or self._zoomed else [p for p in self.panes if p.display]
        here = next((at for at, pane in enumerate(panes) if pane is self.focused), 0)
        self.action_pane(str(panes[(here + step) % len(panes)].id))

    def action_previous_pane(self) -> None:
        self.action_next_pane(-1)

    def action_follow_all(self) -> None:
        for pane in (self.todos, self.stream):
            pane.action_follow()
        self._titles()

    def _inspect_source(self) -> None:
        """The inspector shows what is under the cursor of the pane that the reader was last in; where that is itself,
        the page of the build."""
        if not (self.inspector.display or self._chosen is self.inspector):
            return
        position = self._source.position_at(self._source.cursor)
        if position != self.inspector.position:
            self.inspector.inspect(position)
            self._inspected()

    def _inspected(self) -> None:
        """Another item is inspected."""
