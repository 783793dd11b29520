"""From the events of a watch to the panes: at most ten paints a second, of what was touched and nothing else."""

from __future__ import annotations

from collections.abc import Callable

from ...client.watching import CaughtUp, LinkChanged, Snapshot, WatchEvent, Watching
from ...model.state import BuildState
from ...report.words import clock
from ..context import RenderContext
from .absence import absence_report
from .history import History
from .host import Host
from .panes import Panes
from .view import OTHER, BuildView, Repaint
from .widgets.head import Head

FLUSH_SECONDS = 0.1
"""How soon what happened is painted; what happens meanwhile is painted with it."""

LONG_ABSENCE = 60_000
"""Milliseconds without a link after which the return is announced, not only noted in the stream."""

CARD_WIDTH = 72
"""As in card.tcss."""

Announce = Callable[[BuildState, BuildState], None]


class Presenter:
    """Takes what a watch tells into the view, and paints it. `announce`: the newest build as it was and is."""

    def __init__(
        self,
        watching: Watching,
        view: BuildView,
        panes: Panes,
        head: Head,
        history: History,
        context: RenderContext,
        host: Host,
        announce: Announce,
    ) -> None:
        self.watching, self.view, self.context, self.host, self.announce = watching, view, context, host, announce
        self.panes, self.head, self.history = panes, head, history
        self.second = 0
        self._build = ""
        self._announced = view.live
        self._is_due = False
        self._before_loss: BuildState | None = None

    async def run(self) -> None:
        """Until the watch ends, or the screen does."""
        async for event in self.watching.events():
            self.take(event)

    def take(self, event: WatchEvent) -> None:
        self.view.is_followed = self.panes.stream.following
        self.view.take(event)
        if self.view.is_replaced:
            self.flush()
        elif not self._is_due:
            self._is_due = True
            self.host.later(FLUSH_SECONDS, self._flush_due)
        if isinstance(event, LinkChanged) and event.status.lost_at is not None and self._before_loss is None:
            self._before_loss = self.view.live
        elif isinstance(event, CaughtUp):
            self.panes.tick()  # without a link the clocks stood
            self._welcome(event)
        self.history.is_stale = self.history.is_stale or isinstance(event, Snapshot | CaughtUp)

    def _welcome(self, gap: CaughtUp) -> None:
        """After a long absence a card says what was missed."""
        before, self._before_loss = self._before_loss, None
        if before is not None and gap.back_at - gap.lost_at >= LONG_ABSENCE:
            width = max(1, min(CARD_WIDTH, self.panes.screen.size.width) - 6)
            self.host.card("While you were away", absence_report(before, self.view.live, gap, self.context, width))

    # ----------------------------------------------------------------- paint out

    def flush(self) -> None:
        """Paints what was touched, and the clocks when a second went by."""
        self.paint(self.view.take_repaint())
        if self.view.live is not self._announced:
            before, self._announced = self._announced, self.view.live
            self._tell_change(before, self._announced)

    def _flush_due(self) -> None:
        self._is_due = False
        self.flush()

    def paint(self, repaint: Repaint) -> None:
        now = self.context.now()
        has_ticked, self.second = now // 1000 != self.second, now // 1000
        if repaint.everything:
            other, self._build = self.view.state.id != self._build, self.view.state.id
            self.panes.start_over(other=other)
        else:
            self.panes.paint(repaint.positions, todos=repaint.todos)
            if has_ticked and self.view.state.is_active and self.view.as_of(now) == now:
                self.panes.tick()
        if has_ticked or repaint.everything:
            self.history.tick(self.second)
        is_news = repaint.head or repaint.everything
        if is_news or has_ticked:
            self.head.paint(self.history.place)
        if is_news:
            self.host.settle()

    def _tell_change(self, before: BuildState, now: BuildState) -> None:
        self.announce(before, now)
        if self.view.pinned and before.id != now.id:
            self.host.tell(f"{OTHER}: L goes to it", timeout=10)
        elif before.id == now.id and before.is_active and not now.is_active:
            self.panes.summarise()
            self.host.settle()

    # ----------------------------------------------------------------- keys

    def retry(self) -> None:
        self.watching.retry_now()

    def mark(self) -> None:
        """A line with the time under what came so far."""
        at = self.context.now()
        self.view.mark(f"mark {clock(at)}", at)
        self.panes.stream.update(set())
