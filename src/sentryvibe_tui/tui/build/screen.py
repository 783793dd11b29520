"""The watch screen: one build, live."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from msgspec.structs import replace
from textual.message import Message

from ...client.watching import CaughtUp, LinkChanged, Snapshot, Watching
from ...model.questions import APPROVAL_TOOLS
from ...model.state import BuildState, Item, ToolCall
from ...model.summary import BuildSummary
from ...report.words import clock, plural
from ...runtime import serves_here
from ..actions import bindings, keys_of
from ..context import RenderContext
from ..widgets.rows import Rows
from .carrying import CarryingScreen
from .page import PLAN

if TYPE_CHECKING:
    from ..widgets.prompt import Prompt

log = logging.getLogger("sentryvibe_tui.tui")

FLUSH_SECONDS = 0.1
"""How soon what happened is painted; what happens meanwhile is painted with it."""

TICK_SECONDS = 0.5
"""How often clocks are looked at: twice a second, so that each second is shown."""

PINNED_SECONDS = 3
"""How often an older build that still runs is read again while it is on screen."""

WHOLE_SECONDS = 5
"""How long a whole call may take to come."""

LISTED_SECONDS = 15
"""How often the list of builds is read again while another build of the project runs."""

LONG_ABSENCE = 60_000
"""Milliseconds without a link after which the return is announced, not only noted in the stream."""

NO_LINK = "no link to the server"

ASKED_SECONDS = 8
"""How long a question stands that the same key answers."""

CARD_WIDTH = 72
"""As in card.tcss."""


class WatchScreen(CarryingScreen):
    """Takes the events of a watch and repaints at most ten times a second what they touched, and nothing else."""

    BINDINGS = bindings("screen")

    class Left(Message):
        """The reader leaves."""

    class Happened(Message):
        """The newest build changed from `before` to `now`."""

        def __init__(self, before: BuildState, now: BuildState) -> None:
            super().__init__()
            self.before, self.now = before, now

    def __init__(self, watching: Watching, project: str, context: RenderContext) -> None:
        super().__init__(project, context)
        self.watching = watching
        self._second = 0
        self._search_from = 0
        self._shown_build = ""
        self._told = self.view.live
        self._unlisted = True
        self._is_due = False
        self._steps = 0
        self._at_loss: BuildState | None = None
        self._is_leaving = False

    def on_mount(self) -> None:
        self.set_interval(TICK_SECONDS, self.flush)
        self.run_worker(self._consume(), name="watch", exclusive=True, group="watch")
        self._lay_out()

    # ----------------------------------------------------------------- events in, paint out

    async def _consume(self) -> None:
        async for event in self.watching.events():
            self.view.take(event)
            if self.view.is_replaced:
                self.flush()
            else:
                self._flush_soon()
            if isinstance(event, LinkChanged) and event.status.lost_at is not None and self._at_loss is None:
                self._at_loss = self.view.live
            elif isinstance(event, CaughtUp):
                self._back(event)
            self._unlisted = self._unlisted or isinstance(event, Snapshot | CaughtUp)

    def _flush_soon(self) -> None:
        if not self._is_due:
            self._is_due = True
            self.set_timer(FLUSH_SECONDS, self.flush)

    def _back(self, gap: CaughtUp) -> None:
        """After a long absence a card says what was missed."""
        before, self._at_loss = self._at_loss, None
        if before is not None and gap.back_at - gap.lost_at >= LONG_ABSENCE:
            from ..screens.card import Card
            from .missed import missed

            if isinstance(self.app.screen, Card):  # pyright: ignore[reportUnknownMemberType]
                self.app.pop_screen()  # pyright: ignore[reportUnknownMemberType]
            lines = missed(before, self.view.live, gap, self.context, max(1, min(CARD_WIDTH, self.size.width) - 6))
            self.app.push_screen(Card("While you were away", lines))  # pyright: ignore[reportUnknownMemberType]

    def flush(self) -> None:
        """Repaints what was touched, and the clocks when a second went by."""
        self._is_due = False
        changes = self.view.take_changes()
        now = self.context.now()
        second = now // 1000
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
            if ticked and self.view.shown.is_active and self.view.known_at(now) == now:
                for pane in (self.todos, self.stream, self.inspector, self.timeline, self.tools):
                    if pane.display:
                        pane.tick()
        if (ticked or changes.whole) and (self.builds.display or self.view.pinned):
            self._tick_builds()
        if ticked and self.view.pinned and self.view.shown.is_active and second % PINNED_SECONDS == 0:
            self.run_worker(self._look_again, exclusive=True, group="look")
        if changes.head or changes.whole or ticked:
            self._paint_head()

        if self.view.live is not self._told:
            before, self._told = self._told, self.view.live
            self.post_message(self.Happened(before, self._told))
            if self.view.pinned and before.id != self._told.id:
                self._tell("a new build began: L goes to it", timeout=10)
            elif before.id == self._told.id and before.is_active and not self._told.is_active:
                self._summarise()

    def _tick_builds(self) -> None:
        """The list is read when something may have changed it, and now and then while another build runs."""
        listed, live = self.builds.listed, self.view.live
        others_run = any(build.status == "active" and build.build_id != live.id for build in listed)
        is_due = self._unlisted or (others_run and self._second % LISTED_SECONDS == 0)
        if is_due and live.id and self.view.link.phase == "live":
            self._read_list()
        self.builds.tick()

    def _summarise(self) -> None:
        """The page of the build that just ended, unless the reader is at something else."""
        if self.view.pinned or not self.stream.following or self.focused is not self.stream:
            return
        if self.is_narrow:
            self._tell("3 shows the summary", timeout=10)
            return
        self._source = self.stream
        self.inspector.inspect(None)
        if self.inspector not in self._standing():
            self._called = self.inspector
        self._lay_out()
        self._titles()

    def _start_over(self) -> None:
        other, self._shown_build = self.view.shown.id != self._shown_build, self.view.shown.id
        if other:
            self.todos.renew()
            self.stream.opened.clear()
            self.inspector.whole.clear()
            self.stream.following = self.timeline.following = True
            self.inspector.position = None
            self.inspector.renew()
        else:
            self.todos.rebuild()
            self.inspector.renew()
        self.stream.renew()
        for pane in (self.timeline, self.tools, self.builds):
            pane.renew()

    def _paint_head(self) -> None:
        for bar in (self.who, self.how_far, self.now):
            bar.repaint()
        if not len(self.stream.heights):
            self.stream.refresh()
        self._lay_out()
        if self.stream.following and self._source is self.stream:
            self._inspect_source()
        self._titles()

    # ----------------------------------------------------------------- the inspector

    def _inspected(self) -> None:
        item = self.inspector.item
        if isinstance(item, ToolCall) and item.clipped and not item.is_open:
            self.run_worker(self._fetch_later(item), exclusive=True, group="whole")

    async def _fetch_later(self, tool: ToolCall) -> None:
        """Once the reader stays with a call for a moment."""
        await asyncio.sleep(0.15)
        await self._fetch_whole(tool)

    async def _whole_item(self) -> Item | None:
        item = self._item()
        if not isinstance(item, ToolCall) or not item.clipped or item.is_open or item.id in self.inspector.whole:
            return item
        await self._fetch_whole(item)
        whole = self.inspector.whole.get(item.id)
        return item if whole is None else replace(whole, started_at=item.started_at, ended_at=item.ended_at)

    async def _fetch_whole(self, tool: ToolCall) -> None:
        """Unclipped values, for as long as the reader may be kept waiting; of the build that is still on screen."""
        build = self.view.shown.id
        try:
            async with asyncio.timeout(WHOLE_SECONDS):
                given, back = await self.watching.whole_tool(self.view.shown.session_id, tool.id)
        except Exception as error:  # whatever a transport raises: the clipped values stay, and the reader is told
            self._tell(f"the whole call could not be fetched: {error or 'no answer'}", "warning")
            return
        if build == self.view.shown.id and (given is not None or back is not None):
            self.inspector.took_whole(
                ToolCall(tool.id, tool.name, input=given or tool.input, output=back or tool.output)
            )

    def action_inspect(self) -> None:
        """Enter: a call or text in full; a todo or group unfolds; a build is shown; a lane leads to its todo."""
        pane = self.focused
        if pane is self.builds:
            self.run_worker(self._show_chosen, exclusive=True, group="switch")
        elif pane is self.inspector:
            self.action_pager()
        elif pane is self.timeline and isinstance(self.timeline.key, int):
            self.action_pane("todos")
            self.todos.go_to(self.timeline.key)
        elif isinstance(pane, Rows) and pane.position_at(pane.cursor) is not None:
            self._source = pane
            self.action_pane("inspector")
        elif isinstance(pane, Rows):
            pane.action_fold()

    def action_plan(self) -> None:
        """On the page of the build; a plan that was put to a person is the call that did so."""
        shown = self.view.shown
        asked = [
            at for at, item in enumerate(shown.items()) if isinstance(item, ToolCall) and item.name in APPROVAL_TOOLS
        ]
        if shown.plan:
            self._source = self.inspector
            self.action_pane("inspector")
            self.call_after_refresh(self.inspector.go_to, PLAN)
        elif asked:
            self.action_pane("stream")
            self.stream.show_only("all")
            self.stream.move(self.view.row_of[asked[-1]])
            self.action_inspect()
        elif shown.id:
            self._tell("no plan was told")

    def action_back(self) -> None:
        if self._zoomed:
            self.action_zoom()
        elif self.focused not in (self.todos, self.stream):
            self._leave_called()
        elif self.stream.needle:
            self._search("")
        elif self._called is not None:
            self._leave_called()
        elif self.stream.shows != "all":
            self.stream.verbose = False
            self.stream.show_only("all")
        else:
            self.action_follow_all()
        self._titles()

    def _leave_called(self) -> None:
        """From a pane that was called up back to where the reader came from."""
        self._called = None
        if self.focused not in (self.todos, self.stream):
            is_from_pane = self.focused is self.inspector and self._source is not self.inspector
            self.action_pane(str((self._source if is_from_pane else self.stream).id))
        self._lay_out()

    # ----------------------------------------------------------------- finding

    def action_search(self) -> None:
        from ..widgets.prompt import Prompt

        self.action_pane("stream")
        if not self.query("#prompt"):
            self._search_from = self.stream.cursor
            prompt = Prompt()
            self.mount(prompt, after=self.keys)
            self.keys.display = False
            self.set_focus(prompt)

    async def on_prompt_asked(self, event: Prompt.Asked) -> None:
        if not event.done or not event.text:
            self._search(event.text)
        if event.done:
            self.set_focus(self.stream)
            await self.query("#prompt").remove()
            self.keys.display = True

    def _search(self, text: str) -> None:
        """Marks `text` and goes to its first place after where the search began."""
        self.stream.search(text)
        self._found = ""
        if text:
            self.stream.move(self._search_from)
            self._jump(self.stream.hits(), 1, "hit")
        self._titles()

    def _jump(self, rows: list[int], step: int, what: str) -> None:
        number = self.stream.jump(rows, step)
        self._found = f"{what} {number} of {len(rows)}" if number is not None else f"no {what}"
        self._titles()

    def action_next_hit(self, step: int) -> None:
        """Without a search, n goes to the next build as p goes to the one before."""
        if self.stream.needle:
            self._jump(self.stream.hits(), step, "hit")
        elif step > 0:
            self.action_newer()

    def action_next_error(self, step: int) -> None:
        """Whatever hides the errors gives way."""
        self.action_pane("stream")
        if self.stream.filtered and not self.stream.errors():
            self.stream.show_only("all")
        self._jump(self.stream.errors(), step, "error")

    def action_hits_only(self) -> None:
        if self.stream.needle:
            self.stream.show_only(self.stream.filter, hits=not self.stream.hits_only)
            self._titles()

    def action_next_filter(self) -> None:
        self.action_pane("stream")
        self.stream.show_next()
        self._titles()

    # ----------------------------------------------------------------- other actions

    def action_quit(self) -> None:
        """At once, unless others watch what ends with it: then the key is asked for again."""
        watchers = self.view.life.watchers if self.view.life else None
        if watchers and watchers > 1 and not self._is_leaving and serves_here():
            self._is_leaving = True
            self.set_timer(ASKED_SECONDS, self._stay)
            who = plural(watchers - 1, "other")
            self._tell(f"served from here, and {who} watching: once more leaves", "warning", ASKED_SECONDS)
        else:
            self.post_message(self.Left())

    def _stay(self) -> None:
        self._is_leaving = False

    def action_help(self) -> None:
        from ..screens.help import HelpScreen

        pane = str(self.focused.id) if isinstance(self.focused, Rows) else ""
        self.app.push_screen(HelpScreen(self.context, pane))  # pyright: ignore[reportUnknownMemberType]

    def action_retry(self) -> None:
        self.watching.retry_now()

    def action_turn(self, what: Literal["verbose", "wraps", "stamped"]) -> None:
        self.action_pane("stream")
        self.stream.turn(what)
        self._titles()

    def action_mark(self) -> None:
        at = self.context.now()
        self.view.mark(f"mark {clock(at)}", at)
        self.stream.update(set())
        self._titles()

    def action_live(self) -> None:
        self.view.show(None)
        self.flush()
        self._placed()
        self.action_follow_all()

    def action_older(self) -> None:
        self._step(1)

    def action_newer(self) -> None:
        self._step(-1)

    def _step(self, places: int) -> None:
        """Presses that come while the list is being read count together."""
        self._steps += places
        self.run_worker(self._switch, exclusive=True, group="switch")

    def action_pane(self, name: str) -> None:
        if name == "todos" and self.view.shown.id and self.todos not in self._there():
            self._tell("this build has no todos")
        super().action_pane(name)
        if name == "builds" and self.view.live.id:
            if self._is_cut_off:
                self._tell(f"{NO_LINK}: the builds are as they were listed last", "warning")
            else:
                self._read_list()

    @property
    def _is_cut_off(self) -> bool:
        return self.view.link.phase not in ("live", "waiting")

    def _read_list(self) -> None:
        self._unlisted = False
        self.run_worker(self._list_builds, exclusive=True, group="builds")

    async def _show_chosen(self) -> None:
        """The build under the cursor of the list."""
        chosen = self.builds.chosen
        if chosen is None:
            return
        await self._show_build(self.builds.listed, self.builds.listed.index(chosen))
        if self.builds not in self._standing():
            self._called = None
            self.action_pane("stream")

    async def _list_builds(self) -> None:
        """What the server knows of the project's builds."""
        try:
            known = await self.watching.builds()
        except Exception as error:  # whatever a transport raises: the list stays as it was
            log.info("the builds could not be listed: %s", error)
            self._unlisted = True
            return
        self.builds.took(known)
        self._placed()
        self._titles()

    async def _switch(self) -> None:
        """As many places back in the project's list as were asked for, or as there are."""
        builds = await self._builds()
        here = next((at for at, build in enumerate(builds) if build.build_id == self.view.shown.id), 0)
        wanted = max(0, min(here + self._steps, len(builds) - 1))
        if builds and wanted != here:
            await self._show_build(builds, wanted)
        elif builds:
            self._tell("there is no older build" if self._steps > 0 else "this is the newest build")
        self._steps = 0

    async def _builds(self) -> tuple[BuildSummary, ...]:
        try:
            return await self.watching.builds()
        except Exception as error:  # whatever a transport raises: the build on screen stays
            self._tell(self._unread("the builds", error), "error")
            return ()

    async def _show_build(self, builds: tuple[BuildSummary, ...], place: int) -> None:
        wanted = builds[place]
        newest = wanted.build_id == self.view.live.id
        try:
            state = None if newest else await self.watching.build(wanted.session_id, wanted.build_id)
        except Exception as error:  # as above
            self._tell(self._unread("that build", error), "error")
            return
        if not newest and state is None:
            self._tell("that build is no longer there", "warning")
            return
        self.view.show(state)
        self.builds.took(builds)
        self._placed()
        self.flush()

    def _unread(self, what: str, error: Exception) -> str:
        return f"{NO_LINK}: {what} cannot be read" if self._is_cut_off else f"{what} could not be read: {error}"

    def _placed(self) -> None:
        """Says which build of how many is on screen when it is not the newest."""
        listed = self.builds.listed
        place = next((at for at, build in enumerate(listed) if build.build_id == self.view.shown.id), 0)
        self.who.place = f"build {len(listed) - place} of {len(listed)}, L newest" if self.view.pinned else ""

    async def _look_again(self) -> None:
        """An older build on screen that still runs goes on, too."""
        shown = self.view.shown
        try:
            state = await self.watching.build(shown.session_id, shown.id)
        except Exception as error:  # whatever a transport raises: the build on screen stays
            log.info("an older build could not be read again: %s", error)
            return
        if state is not None and self.view.pinned and self.view.shown is shown and state != shown:
            self.view.show(state)
            self.flush()

    def commands(self) -> Iterator[tuple[str, str, str]]:
        """Title with keys, help and action of what the palette offers."""
        for action in self.context.actions:
            if action.palette and action.scope == "screen":
                yield f"{action.title.capitalize()}  {keys_of(action)}", action.help, f"screen.{action.name}"
