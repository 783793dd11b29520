"""The overview screen: every agent of the machine, and of other machines, sorted by who needs the reader."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace
from textual.app import ComposeResult
from textual.message import Message

from ...client.fleet import BuildChanges, Fleet, FleetEvent, ServerBuilds, ServerLink
from ...model.attention import Attention, AttentionEvent
from ...model.state import Millis
from ...model.summary import BuildSummary
from ...model.text import clean_line
from ..actions import bindings, keys_of, offered
from ..build.host import Severity
from ..context import RenderContext
from ..export.handover import EXPORT, Handover, is_lent
from ..link_subject import LinkSubject
from ..widgets.footer import Keys
from ..widgets.rows import Rows
from ..widgets.rows_screen import RowsScreen
from .agents import Agents
from .arrangement import Fold, ListOptions, RosterEntry
from .bars import ColumnHeads, ListStatus, Summary, is_within_reach
from .details_pane import DetailsPane
from .preferences import PreferenceChanges, Preferences, PreferencesFile, build_name
from .roster import Roster, RosterChanges
from .triage import AgentRow, RowKey, build_stamp
from .ways_out import bring_terminal, copyable_texts, open_folder
from .words import signs

if TYPE_CHECKING:
    from ..widgets.prompt import Prompt

FLUSH_SECONDS = 0.2
"""How soon what happened is painted; what happens meanwhile is painted with it."""
TICK_SECONDS = 0.5
"""How often clocks are looked at."""
SEEN_AFTER = 1_000
"""Milliseconds after which the reader has seen the row on which the cursor rests."""
LOOKING = ("Looking for agents …",)
"""Instead of rows, until a server was heard."""
HEADINGS_FROM, HEADS_FROM, DETAILS_FROM = 16, 14, 20
"""Rows of the screen from which there are headings, names of columns, and the agent under the cursor in full."""


class OverviewScreen(RowsScreen):
    """What `fleet` tells, for as long as the screen is there."""

    CSS_PATH = "screen.tcss"
    BINDINGS = bindings("overview")
    AUTO_FOCUS = "#agents"
    ALLOW_SELECT = True

    class Open(Message):
        """The reader wants to see a build."""

        def __init__(self, row: AgentRow) -> None:
            super().__init__()
            self.row = row

    class Leave(Message):
        """The reader wants to leave."""

    class Stand(Message):
        """How all agents stand, or a row of them, changed."""

    class Call(Message):
        """What calls for the reader."""

        def __init__(self, events: list[AttentionEvent]) -> None:
            super().__init__()
            self.events = events

    def __init__(self, fleet: Fleet, preferences_file: PreferencesFile, context: RenderContext) -> None:
        super().__init__()
        self.context = replace(context, actions=offered(context.actions, "overview"))
        self.fleet, self.changes = fleet, PreferenceChanges(preferences_file)
        now = context.now()
        self.roster = Roster(preferences_file.read(), ListOptions(), now, midnight(now))
        self.agents = Agents(self.roster, self.context, self._unfold, id="agents")
        self.summary = Summary(self.roster, self.context, id="summary", classes="bar")
        self.column_heads = ColumnHeads(self.agents, id="column-heads", classes="bar")
        self.list_status = ListStatus(self.agents, self.roster, self.context, id="list-status", classes="bar")
        self.details = DetailsPane(fleet, self.context, id="details")
        self.keys = Keys(self.context, id="keys", classes="bar")
        self.handover = Handover(self)
        self._second = 0
        self._is_due = False
        self._has_details = True
        self._looked_at: tuple[RowKey | None, Millis] = (None, 0)
        self._attention: dict[str, Attention] = {}
        self._asks: Callable[[str, bool], None] = self._find

    def compose(self) -> ComposeResult:
        yield self.summary
        yield self.column_heads
        yield self.agents
        yield self.list_status
        yield self.details
        yield self.keys

    def on_mount(self) -> None:
        self.set_interval(TICK_SECONDS, self.tick)
        self.run_worker(self._run, name="fleet", exclusive=True, group="fleet")
        self._lay_out()

    # ----------------------------------------------------------------- events in

    async def _run(self) -> None:
        async for event in self.fleet.events():
            self.take(event)

    def take(self, event: FleetEvent) -> None:
        match event:
            case ServerLink(server, label, status):
                self.summary.links[server] = label, status
                self.agents.set_reach(server, is_within=is_within_reach(status))
            case ServerBuilds(server, builds):
                self._attend(self._attention.setdefault(server, Attention()).listed(builds, self.context.now()))
                self.roster.replace_server(server, [self._row(server, build) for build in builds])
            case BuildChanges(server, changed, removed):
                self._attend(self._attention.setdefault(server, Attention()).changed(changed, self.context.now()))
                for build in changed:
                    self.roster.put(self._row(server, build))
                for key in removed:
                    self.roster.remove(RowKey(server, key))
        if not self._is_due:
            self._is_due = True
            self.set_timer(FLUSH_SECONDS if self.roster.slots else 0.02, self.flush)

    def _attend(self, events: list[AttentionEvent]) -> None:
        """What is hidden calls nobody."""
        hidden = frozenset(self.roster.preferences.hidden)
        calling = [event for event in events if build_name(event.build.key) not in hidden]
        if calling:
            self.post_message(self.Call(calling))

    def _row(self, server: str, build: BuildSummary) -> AgentRow:
        label = self.summary.links[server][0] if server in self.summary.links else ""
        return AgentRow(server, build, build.host or label)

    # ----------------------------------------------------------------- paint out

    def flush(self) -> None:
        """Paints what changed; behind another screen only the order is kept up."""
        self._is_due = False
        changes = self.roster.settle(self.context.now())
        if changes.slots or changes.rows:
            self.summary.counts = self.roster.counts()
            self.post_message(self.Stand())
        self._paint(changes)

    def _paint(self, changes: RosterChanges) -> None:
        if not self.is_current:
            return
        has_rows = bool(self.roster.rows)
        self.column_heads.display = has_rows and self.size.height >= HEADS_FROM
        if not self.roster.slots:
            self.agents.nothing = tuple([(text, "dim")] for text in self._no_agents())
            self.agents.refresh()
        self.agents.update(changes)
        self._paint_bars()
        self._show_details()

    def _no_agents(self) -> tuple[str, ...]:
        """Why there is no row."""
        if not self.roster.rows:
            return LOOKING if self.summary.is_connecting else self.fleet.outlook()
        needle = clean_line(self.roster.options.needle)
        return (f"No agent has “{needle}” in its row.",) if needle else ("All agents are hidden.",)

    def _ways_back(self) -> tuple[str, ...]:
        """Actions that bring rows back where none is left."""
        if self.roster.slots or not self.roster.rows:
            return ()
        return ("back",) if self.roster.options.needle else ("hidden-ones",)

    def _idle(self) -> Iterator[str]:
        """Actions that would do nothing where the reader is now."""
        if self.agents.chosen is None:
            yield from ("terminal", "hide", "rename", "copy", "open-folder")
        if self.agents.slot is None:
            yield from ("open", "pin", "group-by")
        if not self.roster.rows:
            yield "find"
        if not self.summary.counts.waits:
            yield "next-that-waits"

    def _offer_keys(self) -> None:
        slot = self.agents.slot
        is_fold = isinstance(slot, Fold)
        self.keys.first = (*self._ways_back(), "open", "next-that-waits", "terminal")
        self.keys.opens = ("fold" if slot.is_open else "unfold") if isinstance(slot, Fold) else ""
        self.keys.idle = frozenset((*self._idle(), *(("pin",) if is_fold else ())))
        self.keys.repaint()

    def _paint_bars(self) -> None:
        self._offer_keys()
        for bar in (self.summary, self.column_heads, self.list_status, self.keys):
            bar.repaint()

    def tick(self) -> None:
        now = self.context.now()
        if now // 1000 == self._second:
            return
        self._second = now // 1000
        for attention in self._attention.values():
            self._attend(attention.late(now))
        self.roster.tick(now, midnight(now))
        self._note_look()
        self.flush()
        if self.is_current:
            self.agents.tick()
            self._show_details()

    def on_screen_resume(self) -> None:
        """Back from a build: on the same row, everything as it stands now."""
        self.agents.update(RosterChanges(slots=True, rows=frozenset(self.roster.visible)))
        self.flush()

    def _lay_out(self) -> None:
        height = self.size.height
        self.column_heads.display = bool(self.roster.rows) and height >= HEADS_FROM
        self.details.display = self._has_details and height >= DETAILS_FROM
        self.details.styles.height = 6 if height < 30 else 9 if height < 45 else 14
        if self.roster.options.has_headings != (height >= HEADINGS_FROM):
            self.roster.set_options(replace(self.roster.options, has_headings=height >= HEADINGS_FROM))
            self.flush()

    def on_resize(self) -> None:
        self._lay_out()
        self._paint_bars()
        self._show_details()

    def on_rows_fitted(self) -> None:
        self._paint_bars()

    def on_rows_moved(self, _: Rows.Moved) -> None:
        self.roster.touch(self.context.now())
        self._note_look()
        self.list_status.repaint()
        self._offer_keys()
        self._show_details()

    def _show_details(self) -> None:
        if self.details.display:
            self.details.show(self.agents.chosen)

    # ----------------------------------------------------------------- what the reader has seen

    def _note_look(self) -> None:
        """Where the cursor came to rest, the reader has seen how the agent stands."""
        chosen = self.agents.chosen if self.agents.is_touched and self.is_current else None
        key, since = self._looked_at
        now = self.context.now()
        if chosen is None or chosen.row.key != key:
            self._looked_at = None if chosen is None else chosen.row.key, now
        elif chosen.is_unread and now - since >= SEEN_AFTER:
            self._see(chosen)

    def _see(self, entry: RosterEntry) -> None:
        name, now_stamp = build_name(entry.row.build.key), build_stamp(entry.row.build)
        self._change(lambda preferences: preferences.with_stamp(name, now_stamp))

    def _change(self, change: Callable[[Preferences], Preferences]) -> None:
        """At once on screen, and then in the file, with what other overviews changed there."""
        self.roster.set_preferences(change(self.roster.preferences))
        self.changes.add(change)
        self.flush()
        self.run_worker(self.changes.save, group="preferences")

    def on_unmount(self) -> None:
        self.changes.write()

    # ----------------------------------------------------------------- for the parts (host.Host)

    def tell(self, message: str, severity: Severity = "information", timeout: float = 4) -> None:
        """A message in the place of the keys."""
        self.keys.say(clean_line(message), severity, timeout)

    def start(self, work: Callable[[], Awaitable[None]], group: str) -> None:
        if group == EXPORT and is_lent(self):
            return
        self.run_worker(work, exclusive=True, group=group)  # pyright: ignore[reportUnknownMemberType, reportArgumentType]

    # ----------------------------------------------------------------- keys

    @property
    def _chosen(self) -> RosterEntry | None:
        """The agent under the cursor; none is told."""
        chosen = self.agents.chosen
        if chosen is None:
            self.tell("there is no agent under the cursor", "warning")
        return chosen

    def action_inspect(self) -> None:
        """Enter: the build; the fold opens."""
        if isinstance(self.agents.slot, Fold):
            self._unfold()
        elif (chosen := self._chosen) is not None:
            self._see(chosen)
            self.post_message(self.Open(chosen.row))

    def on_agents_row_selected(self) -> None:
        self.action_inspect()

    def _unfold(self) -> None:
        self._look(replace(self.roster.options, is_unfolded=not self.roster.options.is_unfolded))

    def _look(self, options: ListOptions) -> None:
        self.roster.set_options(options)
        self.flush()

    def next_waiting(self) -> AgentRow | None:
        """The cursor to the next row that waits for the reader; that row, None where nobody waits."""
        place = self.roster.landmarks.next_waiting(self.agents.cursor)
        if place is None:
            return None
        self.agents.move(place)
        chosen = self.agents.chosen
        return None if chosen is None else chosen.row

    def action_pin(self) -> None:
        if isinstance(self.agents.slot, Fold):
            self._unfold()
        elif (chosen := self._chosen) is not None:
            name = build_name(chosen.row.build.key)
            self._change(lambda preferences: preferences.toggle_pin(name))

    def action_hide(self) -> None:
        if (chosen := self._chosen) is not None:
            name = build_name(chosen.row.build.key)
            self._change(lambda preferences: preferences.toggle_hidden(name))
            if name in self.roster.preferences.hidden and not self.roster.options.shows_hidden:
                self.tell("hidden; H shows hidden ones")

    def action_show_hidden(self) -> None:
        self._look(replace(self.roster.options, shows_hidden=not self.roster.options.shows_hidden))

    def action_group(self) -> None:
        self._change(Preferences.with_next_grouping)

    def action_toggle_details(self) -> None:
        self._has_details = not self._has_details
        self._lay_out()
        self._show_details()

    def action_back(self) -> None:
        """Out of the filter, then of the fold, then of the hidden ones."""
        self._look(ListOptions(has_headings=self.roster.options.has_headings))

    def action_retry(self) -> None:
        self.fleet.retry_now()

    def action_quit(self) -> None:
        self.post_message(self.Leave())

    def action_help(self) -> None:
        from ..screens.help import HelpScreen

        self.app.push_screen(HelpScreen(self.context, "", signs(self.context.glyphs)))  # pyright: ignore[reportUnknownMemberType]

    def action_watchers(self) -> None:
        from ..screens.watchers import WatchersScreen

        self.app.push_screen(WatchersScreen(self.fleet.watchers, self.context))  # pyright: ignore[reportUnknownMemberType]

    @property
    def subject(self) -> LinkSubject | None:
        """The build under the cursor; none is told."""
        if (chosen := self._chosen) is None:
            return None
        build = chosen.row.build
        server = self.fleet.address_of(chosen.row.server)
        return LinkSubject(server, build.key, build.project_name or build.project_id, build.title)

    def commands(self) -> Iterator[tuple[str, str, str]]:
        """Title with keys, help and action of what the palette offers."""
        for action in self.context.actions:
            if action.palette and action.scope != "rows":
                yield f"{action.title.capitalize()}  {keys_of(action)}", action.help, action.aim

    async def on_keys_pressed(self, event: Keys.Pressed) -> None:
        here = self.agents if event.action.scope == "rows" else self
        await self.app.run_action(event.action.call, here)  # pyright: ignore[reportUnknownMemberType]

    # ----------------------------------------------------------------- what is typed

    def action_find(self) -> None:
        self._ask(self._find, "project, agent, state, host …", self.roster.options.needle)

    def action_rename(self) -> None:
        if (chosen := self._chosen) is None:
            return
        name = build_name(chosen.row.build.key)

        def rename(text: str, is_done: bool) -> None:
            if is_done:
                self._change(lambda preferences: preferences.with_name(name, clean_line(text, 60)))

        self._ask(rename, "a name of your own", chosen.own_name)

    def _find(self, text: str, _: bool) -> None:
        self._look(replace(self.roster.options, needle=text))

    def _ask(self, take: Callable[[str, bool], None], hint: str, text: str) -> None:
        """A line to type in, which `take` gets at every change, and at last with True."""
        from ..widgets.prompt import Prompt

        if self.query("#prompt"):
            return
        self._asks = take
        prompt = Prompt(hint, text)
        self.mount(prompt, after=self.keys)
        self.keys.display = False
        self.set_focus(prompt)

    async def on_prompt_entry(self, event: Prompt.Entry) -> None:
        if not (event.done and event.is_dropped and self._asks != self._find):
            self._asks(event.text, event.done)
        if event.done:
            self.set_focus(self.agents)
            await self.query("#prompt").remove()
            self.keys.display = True
        self._paint_bars()

    # ----------------------------------------------------------------- what is taken out

    def action_copy(self) -> None:
        if (chosen := self._chosen) is not None:
            text = next(iter(copyable_texts(chosen).values()))
            self.start(partial(self.handover.put, text), EXPORT)

    def action_copy_menu(self) -> None:
        from ..export.copy_menu import CopyMenu

        if (chosen := self._chosen) is None:
            return
        texts = copyable_texts(chosen)

        def take(name: str | None) -> None:
            if name is not None:
                self.start(partial(self.handover.put, texts[name]), EXPORT)

        self.app.push_screen(CopyMenu(texts), take)  # pyright: ignore[reportUnknownMemberType]

    def action_folder(self) -> None:
        if (chosen := self._chosen) is not None:
            self.start(partial(open_folder, chosen.row.build, self.handover, self), EXPORT)

    def action_terminal(self) -> None:
        if (chosen := self._chosen) is not None:
            self.start(partial(bring_terminal, chosen.row.build, self), "terminal")


def midnight(now: Millis) -> Millis:
    """When the local day of `now` began."""
    day = time.localtime(now / 1000)
    return int(time.mktime((day.tm_year, day.tm_mon, day.tm_mday, 0, 0, 0, 0, 0, -1)) * 1000)
