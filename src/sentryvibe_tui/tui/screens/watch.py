"""The watch screen: one build, live."""

from __future__ import annotations

from collections.abc import Iterator

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer

from ...client.watching import BuildSummary, Watching
from ...model.progress import progress
from ..actions import bindings
from ..lines import Line
from ..look import Look
from ..view import View
from ..widgets.foot import Keys, Tabs
from ..widgets.head import HowFar, Now, Who
from ..widgets.painted import COMPONENT, ROLES
from ..widgets.rows import Rows
from ..widgets.stream import Stream
from ..widgets.todos import Todos

FLUSH_SECONDS = 0.1

Rows.BINDINGS = bindings("rows")  # type: ignore[misc]


class WatchScreen(Screen[None]):
    """Takes the events of a watch and repaints ten times a second what they touched, and nothing else."""

    BINDINGS = bindings("screen")
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-medium"), (160, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (16, "-tall")]
    COMPONENT_CLASSES = {COMPONENT + role for role in ROLES}
    AUTO_FOCUS = None
    ALLOW_SELECT = True

    class Left(Message):
        """The reader leaves."""

    def __init__(self, watching: Watching, project: str, look: Look) -> None:
        super().__init__()
        self.watching = watching
        self.look = look
        self.view = View()
        self.who = Who(project, self.view, look, id="who", classes="bar")
        self.how_far = HowFar(self.view, look, id="how-far", classes="bar")
        self.now = Now(self.view, look, id="now", classes="bar")
        self.tabs = Tabs(id="tabs", classes="bar")
        self.todos = Todos(self.view, look, id="todos", classes="pane")
        self.stream = Stream(self.view, look, id="stream", classes="pane")
        self.keys = Keys(id="keys", classes="bar")
        self._second = 0
        self._builds: tuple[BuildSummary, ...] = ()
        self._chosen = ""

    def compose(self) -> ComposeResult:
        yield self.who
        yield self.how_far
        yield self.now
        yield self.tabs
        with Horizontal(id="body"):
            yield self.todos
            yield self.stream
        yield self.keys

    def on_mount(self) -> None:
        self.todos.border_title = "1 Todos"
        self.stream.border_title = "2 Stream"
        self.flush_timer: Timer = self.set_interval(FLUSH_SECONDS, self.flush)
        self.run_worker(self._consume(), name="watch", exclusive=True, group="watch")
        self._lay_out()
        self.set_focus(self.stream)

    # ----------------------------------------------------------------- events in, paint out

    async def _consume(self) -> None:
        async for event in self.watching.events():
            self.view.take(event)

    def flush(self) -> None:
        """Repaints what was touched, and the clocks when a second went by."""
        changes = self.view.take_changes()
        second = self.look.now() // 1000
        ticked, self._second = second != self._second, second
        if changes.whole:
            self.todos.renew() if self._is_other() else self.todos.rebuild()
            self.stream.renew()
        else:
            if changes.todos:
                self.todos.rebuild()
            elif changes.positions:
                self.todos.update(changes.positions)
            self.stream.update(changes.positions)
        if ticked and not changes.whole and self.view.shown.is_active:
            self.todos.tick()
            self.stream.tick()
        if changes.head or changes.whole or ticked:
            self._paint_head()

    def _is_other(self) -> bool:
        """Whether another build than before is shown."""
        before, self._shown_id = getattr(self, "_shown_id", ""), self.view.shown.id
        return before != self._shown_id

    def _paint_head(self) -> None:
        for bar in (self.who, self.how_far, self.now):
            bar.repaint()
        self._lay_out()
        self._titles()

    # ----------------------------------------------------------------- panes

    @property
    def has_todos(self) -> bool:
        state = self.view.shown
        return bool(state.todos or state.template_todos or state.dropped)

    @property
    def is_narrow(self) -> bool:
        return self.size.width < 100

    def _panes(self) -> list[Rows]:
        return [self.todos, self.stream] if self.has_todos else [self.stream]

    def _lay_out(self) -> None:
        """Which panes are on screen: all of them, or on a narrow screen the chosen one."""
        panes = self._panes()
        chosen = next((pane for pane in panes if pane.id == self._chosen), panes[0])
        for pane in (self.todos, self.stream):
            shown = pane in panes and (not self.is_narrow or pane is chosen)
            if pane.display != shown:
                pane.display = shown
        self.tabs.display = self.is_narrow and len(panes) > 1
        if self.focused is None or not self.focused.display:
            self.set_focus(chosen)

    def _titles(self) -> None:
        far = progress(self.view.shown)
        news = self._news()
        labels = {"todos": f"Todos {far.done}/{far.total}", "stream": "Stream"}
        self.tabs.names = tuple((str(pane.id), labels[str(pane.id)]) for pane in self._panes())
        self.tabs.current = next((str(pane.id) for pane in self._panes() if pane.display), "")
        self.tabs.news = news
        self.tabs.repaint()
        todos, stream = ("", "") if self.is_narrow else (f"1 Todos {far.done}/{far.total}", "2 Stream")
        for pane, title in ((self.todos, todos), (self.stream, stream)):
            if str(pane.border_title or "") != title:
                pane.border_title = title
        said = "".join(text for text, _ in news)
        if str(self.stream.border_subtitle or "") != said:
            self.stream.border_subtitle = said
            self.stream.set_class(not self.stream.following, "-news")

    def _news(self) -> Line:
        if self.stream.following:
            return [("following", "faint")] if self.view.shown.is_active else []
        if self.stream.unseen:
            return [(f"{self.look.glyphs.down} {self.stream.unseen} new, F follows", "accent")]
        return [("F follows", "dim")] if self.view.shown.is_active else []

    def on_resize(self) -> None:
        self._lay_out()
        self._titles()

    def on_rows_moved(self, _: Rows.Moved) -> None:
        self._titles()

    def on_tabs_chosen(self, event: Tabs.Chosen) -> None:
        self.action_pane(event.pane)

    # ----------------------------------------------------------------- actions

    def action_quit(self) -> None:
        self.post_message(self.Left())

    def action_help(self) -> None:
        from .help import HelpScreen

        self.app.push_screen(HelpScreen())  # pyright: ignore[reportUnknownMemberType]

    def action_pane(self, name: str) -> None:
        pane = next((pane for pane in self._panes() if pane.id == name), None)
        if pane is not None:
            self._chosen = name
            self._lay_out()
            self.set_focus(pane)
            self._titles()

    def action_next_pane(self, step: int = 1) -> None:
        panes = self._panes()
        here = next((at for at, pane in enumerate(panes) if pane is self.focused), 0)
        self.action_pane(str(panes[(here + step) % len(panes)].id))

    def action_previous_pane(self) -> None:
        self.action_next_pane(-1)

    def action_follow_all(self) -> None:
        for pane in self._panes():
            pane.action_follow()

    def action_retry(self) -> None:
        self.watching.retry_now()

    def action_older(self) -> None:
        self.run_worker(self._switch(1), exclusive=True, group="switch")

    def action_newer(self) -> None:
        self.run_worker(self._switch(-1), exclusive=True, group="switch")

    async def _switch(self, step: int) -> None:
        """To the build `step` places further back in the project's list."""
        try:
            builds = await self.watching.builds()
            shown = self.view.shown
            places = [at for at, build in enumerate(builds) if build.build_id == shown.id]
            place = (places[0] if places else 0) + step
            if not 0 <= place < len(builds):
                self.notify("no older build" if step > 0 else "this is the newest build", markup=False)
                return
            wanted = builds[place]
            newest = wanted.build_id == self.view.live.id
            state = None if newest else await self.watching.build(wanted.session_id, wanted.build_id)
        except OSError as error:
            self.notify(f"cannot read the builds: {error}", markup=False, severity="error")
            return
        if not newest and state is None:
            self.notify("that build is no longer there", markup=False, severity="warning")
            return
        self.view.show(state)
        self.who.place = "" if newest else f"build {len(builds) - place} of {len(builds)}"
        self.flush()

    def commands(self) -> Iterator[tuple[str, str, str]]:
        """Title, help and action of what the palette offers."""
        from ..actions import ACTIONS

        for action in ACTIONS:
            if action.palette and action.scope == "screen":
                yield action.title.capitalize(), action.help, f"screen.{action.name}"
