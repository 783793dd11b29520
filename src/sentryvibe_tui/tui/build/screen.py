"""The build screen: one build, live. It lays out; presenter, history, search and export do the rest."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace
from textual.app import ComposeResult
from textual.message import Message

from ...client.watching import Watching
from ...model.state import BuildState
from ...model.summary import BuildKey
from ...model.text import clean_line
from ...report.words import plural
from ...runtime import serves_here
from ..actions import bindings, keys_of, offered
from ..context import RenderContext
from ..export.export import Export
from ..export.handover import EXPORT, is_lent
from ..lines import Line
from ..link_subject import LinkSubject
from ..widgets.footer import Keys, Severity
from ..widgets.rows import Rows
from ..widgets.rows_screen import RowsScreen
from ..widgets.tabs import Tabs
from .call_fetcher import CallFetcher
from .chrome import Chrome
from .history import History
from .panes import NARROW, TALL, WIDE, Panes
from .presenter import Presenter
from .search import Search
from .view import BuildView
from .widgets.head import Head
from .widgets.inspector import Inspector

if TYPE_CHECKING:
    from ..widgets.prompt import Prompt

TICK_SECONDS = 0.5
"""How often clocks are looked at: twice a second, so that each second is shown."""

CONFIRM_SECONDS = 8
"""How long a question stands that the same key answers."""


class BuildScreen(RowsScreen):
    """What `watching` tells, for as long as the screen is there: alone, or on top of another to which escape leads."""

    CSS_PATH = "screen.tcss"
    BINDINGS = bindings("screen")
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (NARROW, "-medium"), (WIDE, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (TALL, "-tall")]
    AUTO_FOCUS = ""
    ALLOW_SELECT = True

    class Leave(Message):
        """The reader wants to leave: the screen, or (`program`) all of them."""

        def __init__(self, screen: BuildScreen, *, program: bool) -> None:
            super().__init__()
            self.screen, self.program = screen, program

    class Change(Message):
        """The newest build was `before` and is `now`."""

        def __init__(self, before: BuildState, now: BuildState) -> None:
            super().__init__()
            self.before, self.now = before, now

    def __init__(self, watching: Watching, project: str, context: RenderContext) -> None:
        super().__init__()
        context = replace(context, actions=offered(context.actions, "screen"))
        self._watching = watching
        self.context, self.view = context, BuildView()
        self.head = Head(project, self.view, context)
        self.panes = Panes(self, self.view, context, self)
        self.search = Search(self.panes)
        self.history = History(watching, self.view, self.panes, self)
        self.presenter = Presenter(
            watching, self.view, self.panes, self.head, self.history, context, self, announce=self._announce
        )
        self.fetcher = CallFetcher(watching, self.view, self.panes.inspector, self)
        self.export = Export(self, self.view, self.panes, self.fetcher, context)
        self.chrome = Chrome(self.panes, self.search, self.view, context)
        self._parts = {
            "panes": self.panes,
            "search": self.search,
            "history": self.history,
            "presenter": self.presenter,
            "export": self.export,
        }
        self._is_leaving = False

    def compose(self) -> ComposeResult:
        yield from self.head.bars
        yield self.chrome.tabs
        yield self.panes.body
        yield self.panes.band
        yield self.chrome.keys

    def on_mount(self) -> None:
        self.chrome.leads_back = self.app.screen_stack.index(self) > 0  # pyright: ignore[reportUnknownMemberType]
        self.set_interval(TICK_SECONDS, self.presenter.flush)
        self.run_worker(self.presenter.run, name="watch", exclusive=True, group="watch")
        self.panes.lay_out()

    # ----------------------------------------------------------------- for the parts (host.Host)

    def tell(self, message: str, severity: Severity = "information", timeout: float = 4) -> None:
        self.chrome.keys.say(clean_line(message), severity, timeout)

    def card(self, title: str, lines: list[Line]) -> None:
        from ..screens.card import Card

        app = self.app  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        if isinstance(app.screen, Card):
            app.pop_screen()
        app.push_screen(Card(title, lines))

    def start(self, work: Callable[[], Awaitable[None]], group: str) -> None:
        if group == EXPORT and is_lent(self):
            return
        self.run_worker(work, exclusive=True, group=group)  # pyright: ignore[reportUnknownMemberType, reportArgumentType]

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        self.set_timer(seconds, act)

    def flush(self) -> None:
        self.presenter.flush()

    def settle(self) -> None:
        self.panes.settle()
        self.chrome.paint()

    def _announce(self, before: BuildState, now: BuildState) -> None:
        self.post_message(self.Change(before, now))

    # ----------------------------------------------------------------- what the widgets tell

    def on_resize(self) -> None:
        self.settle()

    def on_rows_fitted(self) -> None:
        self.chrome.paint()

    def on_rows_moved(self, event: Rows.Moved) -> None:
        if event.rows in (self.panes.todos, self.panes.stream, self.panes.tools, self.panes.files):
            self.panes.source = event.rows
            self.panes.inspect_source()
        self.chrome.paint()

    def on_inspector_another(self, _: Inspector.Another) -> None:
        self.fetcher.fetch_soon()

    def on_tabs_chosen(self, event: Tabs.Chosen) -> None:
        self.action_pane(event.pane)

    async def on_keys_pressed(self, event: Keys.Pressed) -> None:
        here = self.focused if event.action.scope == "rows" and self.focused is not None else self
        await self.app.run_action(event.action.call, here)  # pyright: ignore[reportUnknownMemberType]

    async def on_prompt_entry(self, event: Prompt.Entry) -> None:
        if not event.done or not event.text:
            self.search.find(event.text)
        if event.done:
            self.set_focus(self.panes.stream)
            await self.query("#prompt").remove()
            self.chrome.keys.display = True
        self.chrome.paint()

    # ----------------------------------------------------------------- keys

    def action_do(self, part: str, name: str, *values: Any) -> None:
        """What a part of the screen does for a key (`actions.Action.call`), then everything agrees with it again."""
        getattr(self._parts[part], name)(*values)
        self.settle()

    def action_pane(self, name: str) -> None:
        """Of the builds an up-to-date list is shown."""
        if name == "builds":
            self.history.visit()
        else:
            self.panes.pane(name)
        self.settle()

    def action_inspect(self) -> None:
        """Enter: a call or text in full; a todo or group unfolds; a build is shown; a lane leads to its todo."""
        if self.focused is self.panes.builds:
            self.history.choose()
        elif self.focused is self.panes.inspector:
            self.export.pager()
        else:
            self.panes.open()
        self.settle()

    def action_search(self) -> None:
        from ..widgets.prompt import Prompt

        self.search.begin()
        if not self.query("#prompt"):
            prompt = Prompt()
            self.mount(prompt, after=self.chrome.keys)
            self.chrome.keys.display = False
            self.set_focus(prompt)
        self.chrome.paint()

    def action_next_hit(self) -> None:
        """Without a search, n goes to the next build as p goes to the one before."""
        if not self.search.next_hit(1):
            self.history.newer()
        self.chrome.paint()

    def action_back(self) -> None:
        """Out of what the reader went into last; where there is nothing, to the screen below, else to the newest."""
        if self.panes.leave() or self.search.leave() or self.panes.leave_guest() or self.search.leave_filter():
            pass
        elif self.app.screen_stack.index(self) > 0:  # pyright: ignore[reportUnknownMemberType]
            self.post_message(self.Leave(self, program=False))
        else:
            self.panes.follow_all()
        self.settle()

    def action_quit(self) -> None:
        """At once, unless others watch what ends with it: then the key is asked for again."""
        watchers = self.view.life.watchers if self.view.life else None
        if watchers and watchers > 1 and not self._is_leaving and serves_here():
            self._is_leaving = True
            self.set_timer(CONFIRM_SECONDS, self._stay)
            who = plural(watchers - 1, "other")
            self.tell(f"served from here, and {who} watching: once more leaves", "warning", CONFIRM_SECONDS)
        else:
            self.post_message(self.Leave(self, program=True))

    def _stay(self) -> None:
        self._is_leaving = False

    def action_help(self) -> None:
        from ..screens.help import HelpScreen

        pane = str(self.focused.id) if isinstance(self.focused, Rows) else ""
        self.app.push_screen(HelpScreen(self.context, pane))  # pyright: ignore[reportUnknownMemberType]

    def action_watchers(self) -> None:
        from ..screens.watchers import WatchersScreen

        self.app.push_screen(WatchersScreen(self._watching.watchers, self.context))  # pyright: ignore[reportUnknownMemberType]

    @property
    def subject(self) -> LinkSubject | None:
        """The build on screen; that there is none yet is told."""
        state = self.view.state
        if not state.id:
            self.tell("there is no build yet", "warning")
            return None
        key = BuildKey(state.project_id, state.session_id, state.id)
        return LinkSubject(
            self._watching.server, key, state.agent.project_name or self.head.who.project, state.agent.title
        )

    def commands(self) -> Iterator[tuple[str, str, str]]:
        """Title with keys, help and action of what the palette offers."""
        for action in self.context.actions:
            if action.palette and action.scope != "rows":
                yield f"{action.title.capitalize()}  {keys_of(action)}", action.help, action.aim
