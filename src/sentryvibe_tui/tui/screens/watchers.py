"""Who watches: the links of every server that is shown, read again once a second while the list is open."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.strip import Strip

from ...client.watchers import ServerWatchers, WatcherRow
from ...model.state import Millis
from ...model.text import clean_line
from ...report.words import age, plural, short_count, size
from ..context import RenderContext
from ..lines import Line, cut_middle, pad
from ..widgets.painted import Painted
from ..widgets.scroll_bar import use_ascii_bar

EVERY = 1.0
"""Seconds between two looks."""

_COLUMNS = (
    ("who", 12),
    ("from", 21),
    ("watches", 19),
    ("way", 6),
    ("since", 8),
    ("behind", 7),
    ("waiting", 8),
    ("states", 7),
    ("sent", 8),
)
_RIGHT = frozenset({"since", "behind", "waiting", "states", "sent"})

Ask = Callable[[], Awaitable[Sequence[ServerWatchers]]]


class WatcherList(Painted):
    """The lines of all servers."""

    def __init__(self) -> None:
        super().__init__(id="watchers-list")
        self._lines: list[Line] = [[("asking …", "faint")]]

    def show(self, lines: list[Line]) -> None:
        self._lines = lines
        self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._lines)

    def render_line(self, y: int) -> Strip:
        return self.strip(self._lines[y] if y < len(self._lines) else [], self.content_size.width)


class WatchersScreen(ModalScreen[None]):
    CSS_PATH = "watchers.tcss"
    BINDINGS = [
        ("escape,q,W", "dismiss", "Close"),
        ("j,down", "scroll(1)", "Down"),
        ("k,up", "scroll(-1)", "Up"),
    ]

    def __init__(self, ask: Ask, context: RenderContext, every: float = EVERY) -> None:
        super().__init__()
        self._ask, self.context, self._every = ask, context, every
        self.listing = WatcherList()

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="watchers"):
            yield self.listing

    def on_mount(self) -> None:
        frame = self.query_one("#watchers", VerticalScroll)
        if self.context.glyphs.done.isascii():
            use_ascii_bar(frame)
        frame.border_title, frame.border_subtitle = "Who watches", "esc closes"
        self._look()
        self.set_interval(self._every, self._look)

    def _look(self) -> None:
        self.run_worker(self._read, exclusive=True, group="watchers")  # pyright: ignore[reportUnknownMemberType]

    async def _read(self) -> None:
        servers = await self._ask()
        self.listing.show(list(watcher_lines(servers, self.context.now())))

    def action_scroll(self, lines: int) -> None:
        self.query_one("#watchers").scroll_relative(y=lines, animate=False)


def watcher_lines(servers: Sequence[ServerWatchers], now: Millis) -> Iterator[Line]:
    """A block for each server: its name, the heads of the columns, a line for each link."""
    for number, server in enumerate(servers):
        if number:
            yield []
        yield [(clean_line(server.server, 60), "strong"), (f"  {_count(server)}", "dim")]
        if server.trouble:
            yield [(f"  {clean_line(server.trouble, 200)}", "warn")]
            continue
        yield [("  " + " ".join(_cell(name, name, width) for name, width in _COLUMNS), "faint")]
        for row in server.rows:
            yield [("  " + " ".join(_cells(row, now)), "warn" if row.waiting else "")]


def _count(server: ServerWatchers) -> str:
    return "" if server.trouble else plural(len(server.rows), "link")


def _cells(row: WatcherRow, now: Millis) -> Iterator[str]:
    texts = (
        row.name,
        row.address,
        row.project_id + (f"/{row.build_id}" if row.build_id else "") or "all builds",
        row.transport if row.protocol == 2 else f"{row.transport} v{row.protocol}",
        age(now - row.since),
        short_count(row.behind),
        size(row.waiting) if row.waiting else "0",
        short_count(row.recoveries),
        size(row.bytes),
    )
    return (_cell(name, text, width) for (name, width), text in zip(_COLUMNS, texts, strict=True))


def _cell(name: str, text: str, width: int) -> str:
    short = cut_middle(clean_line(text, 200), width)
    return short.rjust(width) if name in _RIGHT else pad(short, width)
