"""The panes of the build screen: which there are, which are shown at this size, where the reader is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from msgspec.structs import replace
from textual.containers import Horizontal
from textual.screen import Screen

from ...model.questions import APPROVAL_TOOLS
from ...model.state import Item, ToolCall
from ..context import RenderContext
from ..widgets.rows import Rows
from .host import Host
from .summary_page import PLAN
from .view import BuildView
from .widgets.builds import Builds
from .widgets.files import Files
from .widgets.inspector import Inspector
from .widgets.stream import Stream
from .widgets.timeline import Timeline
from .widgets.todos import Todos
from .widgets.tools import Tools

NARROW, WIDE = 100, 160
"""Columns below which there is one pane at a time, and from which the builds stand at the left."""

TALL = 36
"""Rows from which a wide screen shows all panes."""


class Panes:
    """Builds, todos and stream side by side over a band of timeline, tools and inspector, as far as there is room."""

    def __init__(self, screen: Screen[Any], view: BuildView, context: RenderContext, host: Host) -> None:
        self.screen, self.view, self.host = screen, view, host
        clocked = replace(context, now=lambda: view.as_of(context.now()))  # without a link the panes' clock stands
        self.todos = Todos(view, clocked, id="todos", classes="pane")
        self.stream = Stream(view, clocked, id="stream", classes="pane")
        self.inspector = Inspector(view, clocked, id="inspector", classes="pane")
        self.timeline = Timeline(view, clocked, id="timeline", classes="pane")
        self.tools = Tools(view, clocked, id="tools", classes="pane")
        self.builds = Builds(view, clocked, id="builds", classes="pane")
        self.files = Files(view, clocked, id="files", classes="pane")
        self.all: tuple[Rows, ...] = (
            self.todos,
            self.stream,
            self.inspector,
            self.timeline,
            self.tools,
            self.builds,
            self.files,
        )
        """In the order of their numbers, from 1."""
        self.body = Horizontal(self.builds, self.files, self.todos, self.stream, id="body")
        self.band = Horizontal(self.timeline, self.tools, self.inspector, id="band")
        self.source: Rows = self.stream
        """The pane whose row the inspector shows."""
        self.is_zoomed = False
        self._chosen: Rows | None = None
        self._guest: Rows | None = None
        self._shape = (True, False, False)

    def __iter__(self) -> Iterator[Rows]:
        return iter(self.all)

    # ----------------------------------------------------------------- which panes there are

    @property
    def focused(self) -> Rows | None:
        """The pane that the reader is in; None while a text field has the keys."""
        return self.screen.focused if isinstance(self.screen.focused, Rows) else None

    @property
    def is_narrow(self) -> bool:
        return self.screen.size.width < NARROW

    @property
    def is_wide(self) -> bool:
        return self.screen.size.width >= WIDE

    @property
    def is_tall(self) -> bool:
        return self.screen.size.height >= TALL

    def present(self) -> list[Rows]:
        """The panes that this build has: before the first todo, word or change there is none for them."""
        absent = list[Rows]()
        if not (self.view.has_todos or self.view.steps.all):
            absent.append(self.todos)
        if not self.view.edits:
            absent.append(self.files)
        return [pane for pane in self.all if pane not in absent]

    def standing(self) -> list[Rows]:
        """The panes that are always on screen at this size."""
        present = [pane for pane in self.present() if pane is not self.files]
        if self.is_narrow:
            return []
        if self.is_wide:
            return present if self.is_tall else [pane for pane in present if pane in self.body.children]
        return [pane for pane in present if pane in (self.todos, self.stream)]

    def visible(self) -> list[Rows]:
        """The panes on screen: those that stand, and one guest; or only the reader's."""
        standing = self.standing()
        if self.is_zoomed or not standing:
            present = self.present()
            return [self._chosen if self._chosen in present else present[0]]
        if self._guest is None or self._guest in standing:
            return standing
        if self._guest in (self.builds, self.files):
            place = self.builds if self.builds in standing else self.todos
            standing = [pane for pane in standing if pane is not place]
        return [*standing, self._guest]

    # ----------------------------------------------------------------- laying out

    def lay_out(self) -> None:
        self._keep_focused()
        visible = self.visible()
        for pane in visible:
            if not pane.display:
                pane.display = True
                pane.come_back()
        if self.focused not in visible:
            self._focus_one_of(visible)
        for pane in self.all:
            if pane.display and pane not in visible:
                pane.display = False
        for room in (self.body, self.band):
            room.display = any(pane.display for pane in room.children)
        self.screen.set_class(not self.body.display, "-band-alone")
        self.screen.set_class(self.is_zoomed, "-zoomed")

    def _keep_focused(self) -> None:
        """At another size the reader's pane stays with the reader, as a guest if it does not stand there."""
        shape = (self.is_narrow, self.is_wide, self.is_tall)
        if shape == self._shape:
            return
        self._shape = shape
        if self.focused is not None and self.focused.display:
            self._chosen = self.focused
            if self.focused not in (self.todos, self.stream):
                self._guest = self.focused

    def _focus_one_of(self, visible: list[Rows]) -> None:
        """Before a pane is hidden, as the focus would go anywhere else by itself; a prompt keeps it."""
        if self.screen.focused is None or self.focused is not None:
            candidates = (self._chosen, self.stream, visible[0])
            self.screen.set_focus(next(pane for pane in candidates if pane in visible))

    def paint(self, positions: set[int], *, todos: bool) -> None:
        """Items at `positions` changed, or the rows of the todo tree."""
        if todos:
            self.todos.rebuild(positions)
        elif positions:
            self.todos.update(positions)
        self.stream.update(positions)
        self.inspector.update(positions)
        if not len(self.stream.heights):
            self.stream.refresh()

    def start_over(self, *, other: bool) -> None:
        """Everything anew; `other`: it is another build, of which nothing is folded, expanded or fetched yet."""
        if other:
            self.todos.renew()
            self.stream.expanded.clear()
            self.inspector.unclipped.clear()
            self.stream.following = self.timeline.following = True
            self.inspector.position = None
        else:
            self.todos.rebuild()
        for pane in (self.inspector, self.stream, self.timeline, self.tools, self.builds, self.files):
            pane.renew()

    def tick(self) -> None:
        """A second went by."""
        for pane in (self.todos, self.stream, self.inspector, self.timeline, self.tools, self.files):
            if pane.display:
                pane.tick()

    # ----------------------------------------------------------------- where the reader is

    def pane(self, name: str) -> None:
        """To a pane, which is a guest where it does not stand, or takes its place back."""
        pane = next((pane for pane in self.present() if pane.id == name), None)
        if pane is not None:
            self.go(pane)
        elif name == "todos" and self.view.state.id:
            self.host.tell("nothing was said or done yet")
        elif name == "files" and self.view.state.id:
            self.host.tell("no file was changed yet")

    def go(self, pane: Rows) -> None:
        """To a pane that this build has."""
        self._keep_focused()  # a key may come before the news of another size
        self._chosen = pane
        if pane not in self.standing() and pane not in (self.todos, self.stream):
            self._guest = pane
        elif self.is_narrow or pane not in self.visible():
            self._guest = None
        if pane is self.inspector:
            self.inspect_source()
        elif self.source is self.inspector:
            self.source = self.stream
        self.lay_out()
        self.screen.set_focus(pane)

    def zoom(self) -> None:
        """The focused pane alone, or all again; on a narrow screen it is alone anyway."""
        self.is_zoomed = not self.is_zoomed and not self.is_narrow
        self._chosen = self.focused or self._chosen

    def next_pane(self, step: int = 1) -> None:
        panes = self.present() if self.is_narrow or self.is_zoomed else [pane for pane in self.all if pane.display]
        here = next((at for at, pane in enumerate(panes) if pane is self.focused), 0)
        self.go(panes[(here + step) % len(panes)])

    def follow_all(self) -> None:
        for pane in (self.todos, self.stream):
            pane.action_follow()

    def turn(self, what: Literal["verbose", "wraps", "stamped"]) -> None:
        """Another way to show the stream."""
        self.go(self.stream)
        self.stream.turn(what)

    def leave(self) -> bool:
        """Out of the zoom, or from a pane that the reader went to back to where they came from; else False."""
        if self.is_zoomed:
            self.zoom()
        elif self.focused in (self.todos, self.stream):
            return False
        else:
            is_from_row = self.focused is self.inspector and self.source is not self.inspector
            self._guest = None
            self.go(self.source if is_from_row else self.stream)
        return True

    def leave_guest(self) -> bool:
        """The guest goes; False where there is none."""
        guest, self._guest = self._guest, None
        return guest is not None

    # ----------------------------------------------------------------- the inspector

    def item(self) -> Item | None:
        """What is under the cursor, with its unclipped values where the inspector has them."""
        pane = self.focused or self.stream
        position = self.inspector.position if pane is self.inspector else pane.position_at(pane.cursor)
        if position is None:
            return None
        return self.inspector.item if position == self.inspector.position else self.view.state.timeline[position]

    def inspect_source(self) -> None:
        """Makes the inspector show what is under the cursor of the pane that the reader was last in; where that is
        itself, the page of the build."""
        if not (self.inspector.display or self._chosen is self.inspector):
            return
        if self.source is self.files:
            self.inspector.inspect_file(self.files.chosen)
        else:
            self.inspector.inspect(self.source.position_at(self.source.cursor))

    def settle(self) -> None:
        """Lays out, and keeps the inspector at the newest row while the stream is followed."""
        self.lay_out()
        if self.stream.following and self.source is self.stream:
            self.inspect_source()

    def open(self) -> None:
        """A call or text in full; a todo or group unfolds; a lane leads to its todo."""
        pane = self.focused
        if pane is self.timeline and isinstance(self.timeline.key, int):
            self.go(self.todos)
            self.todos.go_to(self.timeline.key)
        elif pane is not None and self._leads_to_inspector(pane):
            self.source = pane
            self.go(self.inspector)
        elif pane is not None:
            pane.action_fold()

    def _leads_to_inspector(self, pane: Rows) -> bool:
        if pane is self.files:
            return self.files.chosen is not None
        return not pane.unfolds(pane.cursor) and pane.position_at(pane.cursor) is not None

    def plan(self) -> None:
        """On the page of the build; a plan that was put to a person is the call that did so."""
        state = self.view.state
        approvals = [
            at for at, item in enumerate(state.items()) if isinstance(item, ToolCall) and item.name in APPROVAL_TOOLS
        ]
        if state.plan:
            self.source = self.inspector
            self.go(self.inspector)
            self.screen.call_after_refresh(self.inspector.go_to, PLAN)
        elif approvals:
            self.go(self.stream)
            self.stream.show_only("all")
            self.stream.move(self.view.row_of[approvals[-1]])
            self.open()
        elif state.id:
            self.host.tell("no plan was told")

    def summarise(self) -> None:
        """The page of the build that just ended, unless the reader is at something else."""
        if self.view.pinned or not self.stream.following or self.focused is not self.stream:
            return
        if self.is_narrow:
            self.host.tell("3 shows the summary", timeout=10)
            return
        self.source = self.stream
        self.inspector.inspect(None)
        if self.inspector not in self.standing():
            self._guest = self.inspector
