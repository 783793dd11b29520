"""The project's builds, to choose one."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.screen import ModalScreen

from ...client.watching import BuildSummary
from ...model.text import clean_line
from ...report.words import DURATION_WIDTH, age, duration, plural, status_mark
from ..lines import Line, fill
from ..look import Look, right, role
from ..widgets.rows import Rows


class BuildList(Rows):
    """One row per build, newest first."""

    def __init__(self, builds: tuple[BuildSummary, ...], shown: str, look: Look) -> None:
        super().__init__(id="builds")
        self.builds, self.shown, self.look = builds, shown, look
        self.following = False

    def on_mount(self) -> None:
        here = next((at for at, build in enumerate(self.builds) if build.build_id == self.shown), 0)
        self.reset(len(self.builds), here)

    @property
    def at_end(self) -> bool:
        return False

    def lines_of(self, row: int, width: int) -> list[Line]:
        build, glyphs, now = self.builds[row], self.look.glyphs, self.look.now()
        mark = status_mark(build.status, glyphs)
        here = glyphs.into if build.build_id == self.shown else " "
        title = clean_line(build.title, 80) or f"build {len(self.builds) - row}"
        agent = clean_line(f" {glyphs.dot} ".join(part for part in (build.agent_id, build.model) if part), 60)
        left: Line = [
            (here + " ", "accent"),
            (mark.glyph + " ", role(mark.tone)),
            (title, "strong"),
            ("  ", ""),
            (agent, "dim"),
        ]
        ended = build.ended_at or (now if build.status == "active" else build.last_event_at)
        took = duration(ended - build.started_at) if ended and build.started_at is not None else ""
        done = f"{build.todos_done}/{build.todos_total}" if build.todos_total else ""
        failed: Line = [(f"{glyphs.failed}{build.errors} ", "bad")] if build.errors else []
        last = age(now - build.last_event_at) if build.last_event_at is not None else ""
        tail: Line = [*failed, (done.rjust(7), ""), (plural(build.tools, "tool").rjust(11), "dim")]
        return [fill(left, [*tail, right((took, "dim"), DURATION_WIDTH + 2), right((last, "faint"), 9)], width)]


class BuildsScreen(ModalScreen[BuildSummary | None]):
    """Gives the chosen build, or None."""

    CSS_PATH = "builds.tcss"
    BINDINGS = [("escape,q,B", "leave", "Close"), ("enter", "choose", "Show")]

    def __init__(self, builds: tuple[BuildSummary, ...], shown: str, look: Look) -> None:
        super().__init__()
        self.list = BuildList(builds, shown, look)

    def compose(self) -> ComposeResult:
        yield self.list

    def on_mount(self) -> None:
        self.list.border_title = f"Builds {len(self.list.builds)}"
        self.list.border_subtitle = "enter shows, esc closes"
        self.set_focus(self.list)

    def action_leave(self) -> None:
        self.dismiss(None)

    def action_inspect(self) -> None:
        """Enter in any list of rows."""
        self.dismiss(self.list.builds[self.list.cursor] if self.list.builds else None)

    def action_choose(self) -> None:
        self.action_inspect()
