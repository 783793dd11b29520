"""What the build screen's panes are called, and what its footer says, where the reader is now."""

from __future__ import annotations

from collections.abc import Iterator

from textual.content import Content

from ...model.progress import progress
from ..context import RenderContext
from ..lines import Line
from ..widgets.footer import Keys
from ..widgets.rows import Rows
from ..widgets.tabs import Tabs
from .panes import Panes
from .search import Search
from .view import BuildView


class Chrome:
    """Titles in the panes' frames, the tabs of a narrow screen, the keys of the footer."""

    def __init__(self, panes: Panes, search: Search, view: BuildView, context: RenderContext) -> None:
        self.panes, self.search, self.view, self.context = panes, search, view, context
        self.tabs = Tabs(id="tabs", classes="bar")
        self.keys = Keys(context, id="keys", classes="bar")
        self.leads_back = False
        """Whether there is a screen below this one."""
        self._painted: dict[Rows, tuple[str, str]] = {}

    def paint(self) -> None:
        panes, labels, present, news = self.panes, self._labels(), self.panes.present(), self._news()
        numbers = {pane: number for number, pane in enumerate(panes, 1)}
        if self.tabs.display != panes.is_narrow:
            self.tabs.display = panes.is_narrow
        self.tabs.names = tuple((numbers[pane], str(pane.id), labels[pane]) for pane in present)
        self.tabs.current = next((str(pane.id) for pane in present if pane.display), "")
        self.tabs.news = news
        if panes.is_narrow:
            self.tabs.repaint()
        foot = "".join(text for text, _ in news)
        for pane in panes:
            if pane.display:
                title = "" if panes.is_narrow else f"{numbers[pane]} {labels[pane]}"
                begin = 0 if panes.is_narrow else 1  # where a frame's title begins, seen from the rows' first cell
                heads = pane.heads(pane.row_width)[len(title) + begin :]
                self._entitle(pane, (title + heads).rstrip(), foot if pane is panes.stream else pane.foot())
        panes.stream.set_class(not panes.stream.following, "-news")
        self.keys.first, self.keys.opens, self.keys.idle = self._useful(), self._opens(), frozenset(self._idle())
        self.keys.repaint()

    def _entitle(self, pane: Rows, title: str, foot: str) -> None:
        """What stands in the frame above and below a pane."""
        if self._painted.get(pane) != (title, foot):
            self._painted[pane] = title, foot
            pane.border_title, pane.border_subtitle = Content(title), Content(foot)  # type: ignore[assignment]

    def _labels(self) -> dict[Rows, str]:
        panes, far = self.panes, progress(self.view.state)
        kinds = "" if panes.stream.shows == "all" else f" {panes.stream.shows}"
        return {
            panes.todos: f"Todos {far.done}/{far.total}" if far.total else "Todos" if self.view.has_todos else "Steps",
            panes.stream: f"Stream{kinds}",
            panes.inspector: self._inspected(),
            panes.timeline: "Timeline",
            panes.tools: "Tools",
            panes.files: "Files",
            panes.builds: f"Builds {len(panes.builds.summaries)}" if panes.builds.is_listed else "Builds",
        }

    def _inspected(self) -> str:
        inspector = self.panes.inspector
        if inspector.file is not None:
            return "Changes"
        return "Summary" if inspector.position is None else "Inspector"

    def _useful(self) -> tuple[str, ...]:
        """Actions, by ident, that matter most where the reader is now; the way back is among them."""
        useful = self._of_place()
        return (*useful, "back") if self.leads_back and "back" not in useful else useful

    def _of_place(self) -> tuple[str, ...]:
        panes = self.panes
        if self.view.link.phase == "gave-up":
            return ("retry-link",)
        if panes.is_zoomed:
            return ("zoom", "back")
        if panes.focused in (panes.builds, panes.timeline, panes.tools, panes.files):
            return ("open", "back")
        if panes.focused is panes.inspector:
            return ("back", "open", "copy") if panes.inspector.position is not None else ("back",)
        if panes.stream.needle:
            return ("next-hit", "previous-hit", "only-hits", "back")
        if self.view.pinned:
            return ("live", "older-build", "newer-build")
        return ()

    def _idle(self) -> Iterator[str]:
        """Actions that would do nothing where the reader is now."""
        state, stream = self.view.state, self.panes.stream
        if not state.error_count:
            yield "next-error"
        if stream.following or not state.is_active:
            yield "follow"
        if not state.id:
            yield from ("open", "search", "filter", "copy", "older-build")
        if self.panes.builds.summaries and self.panes.builds.summaries[-1].build_id == state.id:
            yield "older-build"

    def _opens(self) -> str:
        """What enter does where the reader is."""
        panes = self.panes
        if panes.focused is panes.builds:
            return "show build"
        if panes.focused is panes.timeline:
            return "go to todo" if isinstance(panes.timeline.key, int) else "slowest call"
        if panes.focused is panes.files:
            return "show changes"
        if panes.focused is panes.inspector:
            return "full text"
        return "slowest call" if panes.focused is panes.tools else ""

    def _news(self) -> Line:
        """Where the reader stands in the stream."""
        stream = self.panes.stream
        news: Line = [(self.search.result, "accent")] if self.search.result else []
        goes_on = bool(self.view.state.id) and self.view.state.is_active
        if stream.following:
            news += [("following", "faint")] if goes_on else []
        elif stream.unseen:
            news += [(f"{self.context.glyphs.down} {stream.unseen} new, F follows", "accent")]
        elif goes_on:
            news += [("F follows", "dim")]
        return [news[0], ("   ", ""), *news[1:]] if len(news) > 1 else news
