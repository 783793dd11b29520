"""The project's other builds: which there are, an older one on screen, back to the newest."""

from __future__ import annotations

import logging

from msgspec import Struct

from ...client.watching import Watching
from ...model.summary import BuildSummary
from .host import Host
from .panes import Panes
from .view import BuildView

log = logging.getLogger("sentryvibe_tui.tui")


class HistoryPace(Struct, frozen=True):
    """Whole seconds between two readings."""

    builds: int = 15
    """Of the list of builds, while another build of the project runs."""
    pinned: int = 3
    """Of an older build that still runs, while it is on screen."""


PACE = HistoryPace()

NO_LINK = "no link to the server"


class History:
    """Lists the builds and chooses which of them `view` shows."""

    def __init__(self, watching: Watching, view: BuildView, panes: Panes, host: Host, pace: HistoryPace = PACE) -> None:
        self._pace = pace
        self.watching, self.view, self.panes, self.host = watching, view, panes, host
        self.builds = panes.builds
        self.is_stale = True
        """Whether something may have changed the list since it was read."""
        self._steps = 0

    @property
    def place(self) -> str:
        """Which build of how many is on screen when it is not the newest."""
        builds = self.builds.summaries
        place = next((at for at, build in enumerate(builds) if build.build_id == self.view.state.id), 0)
        return f"build {len(builds) - place} of {len(builds)}, L newest" if self.view.pinned else ""

    @property
    def _is_cut_off(self) -> bool:
        return self.view.link.phase not in ("live", "waiting")

    # ----------------------------------------------------------------- what keeps up by itself

    def tick(self, second: int) -> None:
        """A second went by: the list and an older build on screen are read again when that is due."""
        if self.builds.display or self.view.pinned:
            self._tick_list(second)
        if self.view.pinned and self.view.state.is_active and second % self._pace.pinned == 0:
            self.host.start(self.look_again, "look")

    def _tick_list(self, second: int) -> None:
        """The list is read when something may have changed it, and now and then while another build runs."""
        live = self.view.live
        others_run = any(build.status == "active" and build.build_id != live.id for build in self.builds.summaries)
        is_due = self.is_stale or (others_run and second % self._pace.builds == 0)
        if is_due and live.id and self.view.link.phase == "live":
            self._read_list()
        self.builds.tick()

    def _read_list(self) -> None:
        self.is_stale = False
        self.host.start(self._list, "builds")

    async def _list(self) -> None:
        try:
            summaries = await self.watching.builds()
        except Exception as error:  # whatever a transport raises: the list stays as it was
            log.info("the builds could not be listed: %s", error)
            self.is_stale = True
            return
        self.builds.update(summaries)
        self.host.settle()

    async def look_again(self) -> None:
        """An older build on screen that still runs goes on, too."""
        before = self.view.state
        try:
            state = await self.watching.build(before.session_id, before.id)
        except Exception as error:  # whatever a transport raises: the build on screen stays
            log.info("an older build could not be read again: %s", error)
            return
        if state is not None and self.view.pinned and self.view.state is before and state != before:
            self.view.show(state)
            self.host.flush()

    # ----------------------------------------------------------------- what the reader asks for

    def visit(self) -> None:
        """To the list."""
        self.panes.go(self.builds)
        if not self.view.live.id:
            return
        if self._is_cut_off:
            self.host.tell(f"{NO_LINK}: the builds are as they were listed last", "warning")
        else:
            self._read_list()

    def live(self) -> None:
        """Back to the newest build, followed."""
        self.view.show(None)
        self.host.flush()
        self.panes.follow_all()

    def older(self) -> None:
        self._step(1)

    def newer(self) -> None:
        self._step(-1)

    def _step(self, places: int) -> None:
        """Presses that come while the list is being read count together."""
        self._steps += places
        self.host.start(self._switch, "switch")

    async def _switch(self) -> None:
        """As many places back in the project's list as were pressed for, or as there are."""
        builds = await self._current()
        here = next((at for at, build in enumerate(builds) if build.build_id == self.view.state.id), 0)
        place = max(0, min(here + self._steps, len(builds) - 1))
        if builds and place != here:
            await self._show(builds, place)
        elif builds:
            self.host.tell("there is no older build" if self._steps > 0 else "this is the newest build")
        self._steps = 0

    async def _current(self) -> tuple[BuildSummary, ...]:
        try:
            return await self.watching.builds()
        except Exception as error:  # whatever a transport raises: the build on screen stays
            self.host.tell(self._problem("the builds", error), "error")
            return ()

    def choose(self) -> None:
        """The build under the cursor of the list."""
        self.host.start(self._show_chosen, "switch")

    async def _show_chosen(self) -> None:
        chosen = self.builds.chosen
        if chosen is None:
            return
        await self._show(self.builds.summaries, self.builds.summaries.index(chosen))
        if self.builds not in self.panes.standing():
            self.panes.leave_guest()
            self.panes.go(self.panes.stream)
        self.host.settle()

    async def _show(self, builds: tuple[BuildSummary, ...], place: int) -> None:
        build = builds[place]
        is_newest = build.build_id == self.view.live.id
        try:
            state = None if is_newest else await self.watching.build(build.session_id, build.build_id)
        except Exception as error:  # as above
            self.host.tell(self._problem("that build", error), "error")
            return
        if not is_newest and state is None:
            self.host.tell("that build is no longer there", "warning")
            return
        self.view.show(state)
        self.builds.update(builds)
        self.host.flush()

    def _problem(self, what: str, error: Exception) -> str:
        return f"{NO_LINK}: {what} cannot be read" if self._is_cut_off else f"{what} could not be read: {error}"
