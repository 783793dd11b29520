"""The application of the overview: builds open on top of it, and lead back to their rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.screen import Screen

from ...client.fleet import Fleet
from ...model.state import Millis
from ..app import TerminalApp, now_millis
from ..build.screen import BuildScreen
from ..display import DEFAULT_OPTIONS, DisplayOptions
from .preferences import PreferencesFile
from .screen import OverviewScreen
from .triage import AgentRow
from .words import overview_title

if TYPE_CHECKING:
    from ...client.join_link import Lender


class OverviewApp(TerminalApp):
    """All agents on a terminal."""

    CSS_PATH = ["../app.tcss", "screen.tcss"]  # a default screen's own CSS_PATH is not read by itself

    def __init__(
        self,
        fleet: Fleet,
        preferences_file: PreferencesFile,
        options: DisplayOptions = DEFAULT_OPTIONS,
        now: Callable[[], Millis] = now_millis,
        lender: Lender | None = None,
    ) -> None:
        super().__init__(options, now, lender)
        self.fleet = fleet
        self.overview = OverviewScreen(fleet, preferences_file, self.context)

    def get_default_screen(self) -> Screen[None]:
        return self.overview

    def on_overview_screen_open(self, event: OverviewScreen.Open) -> None:
        self._open(event.row)

    def _open(self, row: AgentRow) -> None:
        name = row.build.project_name or row.build.project_id
        if self.collector is not None:
            self.collector.thaw()  # the build that was opened before
        self.push_screen(BuildScreen(self.fleet.watch(row.server, row.build), name, self.context))  # pyright: ignore[reportUnknownMemberType]

    def on_overview_screen_leave(self) -> None:
        self.exit(0)

    def on_overview_screen_stand(self) -> None:
        self.entitle(overview_title(self.overview.summary.counts, self.context.glyphs))

    def on_overview_screen_call(self, event: OverviewScreen.Call) -> None:
        self.attend(event.events)

    def action_share(self) -> None:
        here = self.screen  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        shown = here if isinstance(here, BuildScreen) else self.overview
        self.lend(shown.subject, shown)

    async def action_next_waiting(self) -> None:
        """To its row; from within a build into that one."""
        here = self.screen  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        before = self.overview.agents.slot
        row = self.overview.next_waiting()
        if isinstance(here, BuildScreen) and row is not None and row.key != before:
            await self.pop_screen()  # pyright: ignore[reportUnknownMemberType]
            self._open(row)
        elif isinstance(here, BuildScreen):
            here.tell("nobody else waits for you")
        elif row is None:
            self.overview.tell("nobody waits for you")
