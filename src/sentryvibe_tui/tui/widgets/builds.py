"""The project's builds, newest first; the newest as it is on screen."""

from __future__ import annotations

from ...client.watching import BuildSummary, summary
from ...model.text import clean_line
from ...report.words import DURATION_WIDTH, age, duration, plural, running, status_mark
from ..lines import Line, fill
from ..look import Look, right, role
from ..view import View
from .rows import Rows

DETAILED = 72
"""Cells from which a row also tells agent, calls and age."""


class Builds(Rows):
    """One line per build, as the server lists them."""

    def __init__(self, view: View, look: Look, **options: str) -> None:
        super().__init__(**options)
        self.view, self.look = view, look
        self.following = False
        self.listed: tuple[BuildSummary, ...] = ()
        self._known: tuple[BuildSummary, ...] = ()

    def took(self, known: tuple[BuildSummary, ...]) -> None:
        """The server's list; the cursor goes to the build on screen, or stays on its own while the reader is here."""
        self._known = known
        self.renew()

    def renew(self) -> None:
        """Another list, or another build on screen."""
        chosen = self.chosen if self.has_focus else None
        wanted = self.view.shown.id if chosen is None else chosen.build_id
        self.listed = self._with_live()
        self.reset(len(self.listed), next((at for at, b in enumerate(self.listed) if b.build_id == wanted), 0))

    def tick(self) -> None:
        """A second went by: the newest build goes on."""
        listed = self._with_live()
        if [build.build_id for build in listed] != [build.build_id for build in self.listed]:
            self.renew()
            return
        self.listed = listed
        self.repaint_rows({at for at, build in enumerate(self.listed) if build.build_id == self.view.live.id})

    def _with_live(self) -> tuple[BuildSummary, ...]:
        """What the server listed, with the newest build as it is now; also before the server listed it."""
        live = self.view.live
        if not live.id:
            return self._known
        here = next((at for at, build in enumerate(self._known) if build.build_id == live.id), None)
        if here is None:
            return (summary(live), *self._known)
        return (*self._known[:here], summary(live), *self._known[here + 1 :])

    @property
    def at_end(self) -> bool:
        return False

    @property
    def chosen(self) -> BuildSummary | None:
        return self.listed[self.cursor] if self.cursor < len(self.listed) else None

    # ----------------------------------------------------------------- rows

    def lines_of(self, row: int, width: int) -> list[Line]:
        build, glyphs = self.listed[row], self.look.glyphs
        mark = status_mark(build.status, glyphs)
        here = build.build_id == self.view.shown.id
        title = clean_line(build.title, 80) or f"build {len(self.listed) - row}"
        left: Line = [
            ((glyphs.into if here else " ") + " ", "accent"),
            (mark.glyph + " ", role(mark.tone)),
            (title, "strong" if here else ""),
        ]
        if width >= DETAILED:
            agent = clean_line(f" {glyphs.dot} ".join(part for part in (build.agent_id, build.model) if part), 60)
            left += [("  ", ""), (agent, "dim")]
        return [fill(left, self._facts(build, detailed=width >= DETAILED), width)]

    def _facts(self, build: BuildSummary, *, detailed: bool) -> Line:
        now, glyphs = self.look.now(), self.look.glyphs
        done = f"{build.todos_done}/{build.todos_total}" if build.todos_total else ""
        is_active = build.status == "active"
        ended = now if is_active else build.ended_at or build.last_event_at
        spent = ended - build.started_at if ended and build.started_at is not None else None
        took = "" if spent is None else running(spent) if is_active else duration(spent)
        facts: Line = [(done.rjust(5), ""), right((took, "dim"), DURATION_WIDTH + 1)]
        if not detailed:
            return facts
        failed: Line = [(f"{glyphs.failed}{build.errors} ", "bad")] if build.errors else []
        last = age(now - build.last_event_at) if build.last_event_at is not None else ""
        return [*failed, (plural(build.tools, "tool").rjust(11), "dim"), *facts, right((last, "faint"), 9)]

    def instead(self) -> list[Line]:
        return [[("No build yet.", "dim")]]
