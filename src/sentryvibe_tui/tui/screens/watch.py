"""The watch screen: one build, live."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.screen import Screen

from ...client.watching import CaughtUp, Watching
from ...model.progress import progress
from ...model.state import BuildState, Note, ToolCall
from ...model.text import clean_line
from ...report.subject import command_of, input_of, kind_of, output_text, subject
from ...report.words import caught_up, plural, size
from ..actions import ACTIONS, bindings
from ..finding import FILTERS
from ..lines import Line
from ..look import Look
from ..view import View
from ..widgets.foot import Keys, Tabs
from ..widgets.head import HowFar, Now, Who
from ..widgets.inspector import Inspector
from ..widgets.painted import COMPONENT, ROLES
from ..widgets.rows import Rows
from ..widgets.stream import Stream
from ..widgets.todos import Todos

if TYPE_CHECKING:
    from ..widgets.prompt import Prompt

FLUSH_SECONDS = 0.1

LONG_ABSENCE = 60_000
"""Milliseconds without a link after which the return is announced, not only noted in the stream."""

NARROW, WIDE = 100, 160
"""Columns below which there is one pane at a time, and from which the inspector always stands at the side."""


class WatchScreen(Screen[None]):
    """Takes the events of a watch and repaints ten times a second what they touched, and nothing else."""

    BINDINGS = bindings("screen")
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (NARROW, "-medium"), (WIDE, "-wide")]
    COMPONENT_CLASSES = {COMPONENT + role for role in ROLES}
    AUTO_FOCUS = None
    ALLOW_SELECT = True

    class Left(Message):
        """The reader leaves."""

    class Happened(Message):
        """The newest build changed from `before` to `now`."""

        def __init__(self, before: BuildState, now: BuildState) -> None:
            super().__init__()
            self.before, self.now = before, now

    class Copied(Message):
        """The reader wants `text` on the clipboard."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

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
        self.inspector = Inspector(self.view, look, id="inspector", classes="pane")
        self.keys = Keys(id="keys", classes="bar")
        self._second = 0
        self._shown_build = ""
        self._told = self.view.live
        self._chosen = ""
        self._source: Rows = self.stream
        self._inspecting = False
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

    def on_mount(self) -> None:
        self.set_interval(FLUSH_SECONDS, self.flush)
        self.run_worker(self._consume(), name="watch", exclusive=True, group="watch")
        self._lay_out()

    # ----------------------------------------------------------------- events in, paint out

    async def _consume(self) -> None:
        async for event in self.watching.events():
            self.view.take(event)
            if isinstance(event, CaughtUp) and event.back_at - event.lost_at >= LONG_ABSENCE:
                self._tell(caught_up(event, self.look.glyphs), timeout=20)

    def flush(self) -> None:
        """Repaints what was touched, and the clocks when a second went by."""
        changes = self.view.take_changes()
        second = self.look.now() // 1000
        ticked, self._second = second != self._second, second
        if changes.whole:
            self._start_over()
        else:
            if changes.todos:
                self.todos.rebuild()
            elif changes.positions:
                self.todos.update(changes.positions)
            self.stream.update(changes.positions)
            self.inspector.update(changes.positions)
            if ticked and self.view.shown.is_active:
                self.todos.tick()
                self.stream.tick()
                self.inspector.tick()
        if changes.head or changes.whole or ticked:
            self._paint_head()

        if self.view.live is not self._told:
            before, self._told = self._told, self.view.live
            self.post_message(self.Happened(before, self._told))

    def _start_over(self) -> None:
        other, self._shown_build = self.view.shown.id != self._shown_build, self.view.shown.id
        if other:
            self.todos.renew()
            self.stream.opened.clear()
            self.stream.following = True
            self.inspector.position = None
            self.inspector.renew()
        else:
            self.todos.rebuild()
            self.inspector.renew()
        self.stream.renew()

    def _paint_head(self) -> None:
        for bar in (self.who, self.how_far, self.now):
            bar.repaint()
        self._lay_out()
        self._titles()
        if self.stream.following and self._source is self.stream:
            self._inspect_source()

    # ----------------------------------------------------------------- panes

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
        if state.todos or state.template_todos or state.dropped:
            panes.insert(0, self.todos)
        if self.is_narrow or self.is_wide or self._inspecting:
            panes.append(self.inspector)
        return panes

    def _lay_out(self) -> None:
        """Which panes are on screen: all of them, or on a narrow screen the chosen one."""
        panes = self._panes()
        chosen = next((pane for pane in panes if pane.id == self._chosen), panes[0])
        for pane in (self.todos, self.stream, self.inspector):
            shown = pane in panes and (not self.is_narrow or pane is chosen)
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
        found: Line = [(f"{self._found}   ", "accent")] if self._found else []
        if self.stream.following:
            return [*found, ("following", "faint")] if self.view.shown.is_active else found
        if self.stream.unseen:
            return [*found, (f"{self.look.glyphs.down} {self.stream.unseen} new, F follows", "accent")]
        return [*found, ("F follows", "dim")] if self.view.shown.is_active else found

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

    # ----------------------------------------------------------------- the inspector

    def _inspect_source(self) -> None:
        if not (self.inspector.display or self._inspecting):
            return
        position = self._source.position_at(self._source.cursor)
        if position != self.inspector.position:
            self.inspector.inspect(position)
            item = self.inspector.item
            if isinstance(item, ToolCall) and item.clipped and not item.is_open:
                self.run_worker(self._fetch_whole(item), exclusive=True, group="whole")

    async def _fetch_whole(self, tool: ToolCall) -> None:
        """Unclipped values, once the reader stays with a call for a moment."""
        await asyncio.sleep(0.15)
        try:
            given, back = await self.watching.whole_tool(self.view.shown.session_id, tool.id)
        except Exception as error:  # whatever a transport raises: the clipped values stay, and the reader is told
            self._tell(f"the whole call could not be fetched: {error}", "warning")
            return
        if given is not None or back is not None:
            self.inspector.took_whole(
                ToolCall(tool.id, tool.name, input=given or tool.input, output=back or tool.output)
            )

    def action_inspect(self) -> None:
        """Enter: a call or text in full; a todo or group unfolds."""
        pane = self.focused
        if not isinstance(pane, Rows) or pane is self.inspector:
            return
        if pane.position_at(pane.cursor) is None:
            pane.action_fold()
            return
        self._source = pane
        self.action_pane("inspector")

    def action_back(self) -> None:
        if self.focused is self.inspector or (self._inspecting and not self.is_wide):
            self._inspecting = False
            self.action_pane(str(self._source.id))
        elif self.stream.needle:
            self._search("")
        elif self.stream.filter != "all":
            self.stream.show_only("all")
        else:
            self.action_follow_all()
        self._titles()

    # ----------------------------------------------------------------- finding

    def action_search(self) -> None:
        from ..widgets.prompt import Prompt

        self.action_pane("stream")
        if not self.query("#prompt"):
            prompt = Prompt()
            self.mount(prompt, after=self.keys)
            self.keys.display = False
            self.set_focus(prompt)

    async def on_prompt_asked(self, event: Prompt.Asked) -> None:
        self._search(event.text)
        if event.done:
            self.set_focus(self.stream)
            await self.query("#prompt").remove()
            self.keys.display = True

    def _search(self, text: str) -> None:
        self.stream.search(text)
        self._found = ""
        if text:
            self._jump(self.stream.hits(), 1, "hit")
        self._titles()

    def _jump(self, rows: list[int], step: int, what: str) -> None:
        number = self.stream.jump(rows, step)
        self._found = f"{what} {number} of {len(rows)}" if number is not None else f"no {what}"
        self._titles()

    def action_next_hit(self, step: int) -> None:
        if self.stream.needle:
            self._jump(self.stream.hits(), step, "hit")

    def action_next_error(self, step: int) -> None:
        self.action_pane("stream")
        self._jump(self.stream.errors(), step, "error")

    def action_hits_only(self) -> None:
        if self.stream.needle:
            self.stream.show_only(self.stream.filter, hits=not self.stream.hits_only)
            self._titles()

    def action_next_filter(self) -> None:
        following = FILTERS[(FILTERS.index(self.stream.filter) + 1) % len(FILTERS)]
        self.action_pane("stream")
        self.stream.show_only(following, hits=self.stream.hits_only)
        self._titles()

    # ----------------------------------------------------------------- other actions

    def action_quit(self) -> None:
        self.post_message(self.Left())

    def action_help(self) -> None:
        from .help import HelpScreen

        self.app.push_screen(HelpScreen())  # pyright: ignore[reportUnknownMemberType]

    def action_retry(self) -> None:
        self.watching.retry_now()

    def action_copy(self) -> None:
        pane = self.focused if isinstance(self.focused, Rows) else self.stream
        position = self.inspector.position if pane is self.inspector else pane.position_at(pane.cursor)
        if position is None:
            self._tell("nothing to copy here", "warning")
            return
        item = self.inspector.item if position == self.inspector.position else self.view.shown.timeline[position]
        if isinstance(item, Note):
            self.post_message(self.Copied(item.text))
        elif isinstance(item, ToolCall):
            command = command_of(input_of(item)) if kind_of(item.name) == "shell" else ""
            text = output_text(item) if pane is self.inspector else command or str(subject(item))
            self.post_message(self.Copied(text))

    def action_older(self) -> None:
        self.run_worker(self._switch(1), exclusive=True, group="switch")

    def action_newer(self) -> None:
        self.run_worker(self._switch(-1), exclusive=True, group="switch")

    async def _switch(self, step: int) -> None:
        """To the build `step` places further back in the project's list."""
        try:
            builds = await self.watching.builds()
            here = next((at for at, build in enumerate(builds) if build.build_id == self.view.shown.id), 0)
            place = here + step
            if not 0 <= place < len(builds):
                self._tell("there is no older build" if step > 0 else "this is the newest build")
                return
            wanted = builds[place]
            newest = wanted.build_id == self.view.live.id
            state = None if newest else await self.watching.build(wanted.session_id, wanted.build_id)
        except Exception as error:  # whatever a transport raises: the build on screen stays
            self._tell(f"the builds could not be read: {error}", "error")
            return
        if not newest and state is None:
            self._tell("that build is no longer there", "warning")
            return
        self.view.show(state)
        self.who.place = "" if newest else f"build {len(builds) - place} of {plural(len(builds), 'build')}, ] newer"
        self.flush()

    def _tell(self, message: str, severity: str = "information", timeout: float = 4) -> None:
        self.notify(clean_line(message), markup=False, severity=severity, timeout=timeout)  # type: ignore[arg-type]

    def copied(self, text: str, path: str = "") -> None:
        """Says what became of a copy."""
        self._tell(f"written to {path}" if path else f"copied {size(len(text.encode('utf-8', 'replace')))}")

    def commands(self) -> Iterator[tuple[str, str, str]]:
        """Title, help and action of what the palette offers."""
        for action in ACTIONS:
            if action.palette and action.scope == "screen":
                yield action.title.capitalize(), action.help, f"screen.{action.name}"
