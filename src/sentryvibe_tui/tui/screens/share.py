"""Sharing: for what and how long a link is lent, the line that opens it elsewhere, or why there can be none."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.strip import Strip

from ...client.join_link import CannotLend, JoinLink, Lender, LinkTerms
from ...model.state import Millis
from ...model.text import clean_line
from ..context import RenderContext
from ..export.handover import Handover
from ..lines import Line, cut_middle, pad, wrap
from ..link_subject import LinkSubject
from ..widgets.footer import Severity
from ..widgets.painted import Painted
from ..widgets.scroll_bar import use_ascii_bar

HOUR = 3_600_000
LENGTHS: tuple[tuple[str, Millis], ...] = (
    ("15m", HOUR // 4),
    ("1h", HOUR),
    ("8h", 8 * HOUR),
    ("1d", 24 * HOUR),
    ("1w", 7 * 24 * HOUR),
)
"""How long a link may be lent; it begins with an hour."""
_LABEL = 8


class ShareLines(Painted):
    """Lines, broken where the frame ends."""

    def __init__(self) -> None:
        super().__init__(id="share-lines")
        self._lines: list[Line] = []

    def show(self, lines: list[Line]) -> None:
        self._lines = lines
        self.refresh(layout=True)

    def _wrapped(self, width: int) -> list[Line]:
        return [part for line in self._lines for part in wrap(line, width)]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._wrapped(width))

    def render_line(self, y: int) -> Strip:
        width = self.content_size.width
        lines = self._wrapped(width)
        return self.strip(lines[y] if y < len(lines) else [], width)


class ShareScreen(ModalScreen[None]):
    """Lends a link to `subject`, the build or its project, as `lender` makes them."""

    CSS_PATH = "share.tcss"
    BINDINGS = [
        ("escape,q,S", "leave", "Close"),
        ("enter", "lend", "Make the link"),
        ("p", "widen", "This build, or its project"),
        ("left,h", "lengthen(-1)", "Shorter"),
        ("right,l", "lengthen(1)", "Longer"),
        ("y", "copy", "Copy the line"),
        ("j,down", "scroll(1)", "Down"),
        ("k,up", "scroll(-1)", "Up"),
    ]

    def __init__(self, subject: LinkSubject, lender: Lender, context: RenderContext) -> None:
        super().__init__()
        self._subject, self._lender, self.context = subject, lender, context
        self._is_whole_project = False
        self._length = 1
        self._url = ""
        self._problem = ""
        self._link: JoinLink | None = None
        self._note: Line = []
        self._is_making = False
        self._handover = Handover(self)
        self.listing = ShareLines()

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="share"):
            yield self.listing

    def on_mount(self) -> None:
        frame = self.query_one("#share", VerticalScroll)
        if self.context.glyphs.done.isascii():
            use_ascii_bar(frame)
        frame.border_title = "Share"
        self._paint()
        self.run_worker(self._look(), group="share")

    # ----------------------------------------------------------------- for the handover

    def tell(self, message: str, severity: Severity = "information", timeout: float = 4) -> None:
        """Below the link, for as long as that is there."""
        self._note = [(clean_line(message), "dim" if severity == "information" else "warn")]
        self._paint()

    # ----------------------------------------------------------------- work

    async def _look(self) -> None:
        """Whether there is anything to choose."""
        try:
            self._url = await self._lender.reach(self._subject.server)
        except CannotLend as error:
            self._problem = str(error)
        self._paint()

    async def _make(self) -> None:
        server = self._subject.server
        if server is None:
            return
        try:
            self._link = await self._lender.lend(server, self._terms, self._url)
        except CannotLend as error:
            self._problem = str(error)
        else:
            await self._handover.put(self._link.line)
        self._is_making = False
        self._paint()

    @property
    def _terms(self) -> LinkTerms:
        build, (_, length) = self._subject.build, LENGTHS[self._length]
        if self._is_whole_project:
            return LinkTerms(build.project_id, length)
        return LinkTerms(build.project_id, length, build.session_id, build.build_id)

    # ----------------------------------------------------------------- keys

    @property
    def _is_open(self) -> bool:
        """Whether there is still something to choose."""
        return bool(self._url) and not (self._problem or self._link or self._is_making)

    def action_leave(self) -> None:
        """Also while the link is made: a server that does not answer would keep the screen. One that it makes all the
        same ends by itself."""
        self.dismiss()

    def action_lend(self) -> None:
        if self._is_open:
            self._is_making = True
            self._paint()
            self.run_worker(self._make(), group="share")

    def action_widen(self) -> None:
        if self._is_open:
            self._is_whole_project = not self._is_whole_project
            self._paint()

    def action_lengthen(self, steps: int) -> None:
        if self._is_open:
            self._length = min(max(self._length + steps, 0), len(LENGTHS) - 1)
            self._paint()

    def action_copy(self) -> None:
        if self._link is not None:
            self.run_worker(partial(self._handover.put, self._link.line), exclusive=True, group="export")  # pyright: ignore[reportUnknownMemberType]

    def action_scroll(self, lines: int) -> None:
        self.query_one("#share").scroll_relative(y=lines, animate=False)

    # ----------------------------------------------------------------- paint

    def _paint(self) -> None:
        frame = self.query_one("#share", VerticalScroll)
        if self._problem:
            lines, hint = [[(clean_line(self._problem), "warn")]], "esc closes"
        elif self._link is not None:
            lines, hint = list(self._link_lines(self._link)), "y copies again, esc closes"
        elif self._url:
            lines, hint = (
                list(self._choice_lines()),
                "esc closes" if self._is_making else "enter makes the link, esc closes",
            )
        else:
            lines, hint = [[("looking …", "faint")]], "esc closes"
        self.listing.show(lines)
        frame.border_subtitle = hint

    def _choice_lines(self) -> Iterator[Line]:
        subject, glyphs = self._subject, self.context.glyphs
        choices = (("this build", subject.title or subject.build.build_id), ("the project", subject.project))
        for number, (name, title) in enumerate(choices):
            is_chosen = number == self._is_whole_project
            mark = glyphs.live if is_chosen else glyphs.pending
            yield [
                (pad("" if number else "what", _LABEL), "faint"),
                (f"{mark} {pad(name, 13)}", "strong" if is_chosen else "dim"),
                (cut_middle(clean_line(title, 200), 44), "dim"),
            ]
        yield []
        yield [
            (pad("for", _LABEL), "faint"),
            *(
                (
                    f"[{name}] " if number == self._length else f" {name}  ",
                    "strong" if number == self._length else "dim",
                )
                for number, (name, _) in enumerate(LENGTHS)
            ),
        ]
        yield []
        yield [(pad("role", _LABEL), "faint"), ("watch", "strong"), ("  sees all of it, changes nothing", "dim")]
        yield [(pad("at", _LABEL), "faint"), (clean_line(self._url), "dim")]
        yield []
        yield [("making it …", "faint")] if self._is_making else self._keys()

    def _keys(self) -> Line:
        other = "this build only" if self._is_whole_project else "the whole project"
        return [("p", "key"), (f" {other}   ", "dim"), ("← →", "key"), (" shorter, longer", "dim")]

    def _link_lines(self, link: JoinLink) -> Iterator[Line]:
        yield [("This line opens it on another machine:", "dim")]
        yield []
        yield [(link.line, "code")]
        yield []
        yield self._note
        until = time.strftime("%Y-%m-%d %H:%M", time.localtime(link.expires_at / 1000))
        yield [(f"It ends in {LENGTHS[self._length][0]}, at {until}; before that with", "dim")]
        yield [(clean_line(link.revocation), "code")]
        yield from ([(clean_line(caution), "warn")] for caution in link.cautions)
