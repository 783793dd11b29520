"""The project's builds, newest first; the newest as it is on screen."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import repeat

from msgspec.structs import replace

from ....agents.doing import summary_of
from ....model.summary import BuildSummary
from ....model.text import clean_line
from ....report.words import DURATION_WIDTH, age, duration, listed_mark, plural, running_time, short_model
from ...context import RenderContext, right, role
from ...lines import Line, Span, fill, parted
from ...widgets.rows import Rows
from ..view import BuildView

DETAILED = 72
"""Cells from which one line tells all of a build; below, the title has a line of its own."""


class Builds(Rows):
    """One row per build, as the server lists them."""

    def __init__(self, view: BuildView, context: RenderContext, **options: str) -> None:
        super().__init__(**options)
        self.view, self.context = view, context
        self.following = False
        self.summaries: tuple[BuildSummary, ...] = ()
        self._server_list: tuple[BuildSummary, ...] = ()
        self.is_listed = False
        """Whether the server has said which there are."""

    def update(self, summaries: tuple[BuildSummary, ...]) -> None:
        """The server's list; the cursor goes to the build on screen, or stays on its own while the reader is here."""
        self._server_list, self.is_listed = summaries, True
        self.renew()

    def renew(self) -> None:
        """Another list, or another build on screen."""
        chosen = self.chosen if self.has_focus else None
        ident = self.view.state.id if chosen is None else chosen.build_id
        self.summaries = self._with_live()
        self.reset(len(self.summaries), next((at for at, b in enumerate(self.summaries) if b.build_id == ident), 0))

    def tick(self) -> None:
        """A second went by: the newest build goes on."""
        summaries = self._with_live()
        if [build.build_id for build in summaries] != [build.build_id for build in self.summaries]:
            self.renew()
            return
        self.summaries = summaries
        self.repaint_rows({at for at, build in enumerate(self.summaries) if build.build_id == self.view.live.id})

    def _with_live(self) -> tuple[BuildSummary, ...]:
        """The server's list, with the newest build as it is now; also before there is one."""
        live = self.view.live
        if not live.id:
            return self._server_list
        here = next((at for at, build in enumerate(self._server_list) if build.build_id == live.id), None)
        if here is None:
            return (summary_of(live), *self._server_list)
        now = replace(summary_of(live), damaged=self._server_list[here].damaged)
        return (*self._server_list[:here], now, *self._server_list[here + 1 :])

    @property
    def at_end(self) -> bool:
        return False

    @property
    def chosen(self) -> BuildSummary | None:
        return self.summaries[self.cursor] if self.cursor < len(self.summaries) else None

    # ----------------------------------------------------------------- rows

    def guesses(self, rows: range, width: int) -> Iterable[int]:
        return repeat(1 if width >= DETAILED else 2, len(rows))

    def exact_height(self, row: int) -> int:
        return 1 if self.row_width >= DETAILED else 2

    def lines_of(self, row: int, width: int) -> list[Line]:
        build, glyphs = self.summaries[row], self.context.glyphs
        mark = listed_mark(build, glyphs)
        here = build.build_id == self.view.state.id
        title = clean_line(build.title, 80) or f"build {len(self.summaries) - row}"
        left: Line = [
            ((glyphs.into if here else " ") + " ", "accent"),
            (mark.glyph + " ", role(mark.tone)),
            (title, "strong" if here else ""),
        ]
        if build.damaged:
            left.append((f"  {mark.word}: {clean_line(build.damaged, 200)}", role(mark.tone)))
        done, took, last, failed, tools = self._facts(build)
        if width < DETAILED:
            facts = [(0, [done]), (0, [took]), (1, [last]), (2, [failed]), (3, [tools])]
            return [fill(left, [], width), [("    ", ""), *parted(facts, [], width - 4)]]
        agent = clean_line(
            f" {glyphs.dot} ".join(part for part in (build.agent_id, short_model(build.model)) if part), 60
        )
        columns = [failed, right(tools, 12), right(done, 9), right(took, DURATION_WIDTH + 2), right(last, 9)]
        return [fill([*left, ("  ", ""), (agent, "dim")], columns, width)]

    def _facts(self, build: BuildSummary) -> tuple[Span, Span, Span, Span, Span]:
        """Todos done, time, how long ago it ended, failed calls, calls; empty where there is nothing to say."""
        now, is_active = self.context.now(), build.status == "active"
        ended = now if is_active else build.ended_at or build.last_event_at
        spent = ended - build.started_at if ended and build.started_at is not None else None
        return (
            (f"{build.todos_done}/{build.todos_total}" if build.todos_total else "", ""),
            ("" if spent is None else running_time(spent) if is_active else duration(spent), "dim"),
            (age(now - ended) if ended and not is_active else "", "faint"),
            (f"{self.context.glyphs.failed}{build.errors}" if build.errors else "", "bad"),
            (plural(build.tools, "tool"), "dim"),
        )

    def instead(self) -> list[Line]:
        return [[("No build yet.", "dim")]]
