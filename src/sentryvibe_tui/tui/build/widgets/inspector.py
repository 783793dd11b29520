"""The inspector: the call or text under the cursor in full; the whole build on one page where there is none."""

from __future__ import annotations

from msgspec.structs import replace
from textual.message import Message

from ....agents.kinds import verb_of
from ....model.state import BuildState, Item, ToolCall, tool_key
from ...context import RenderContext
from ...lines import Line, line_text
from ...widgets.rows import Rows
from ..view import BuildView
from .files import ChangedFile

SUMMARY_SECONDS = 5
"""How often the page of a running build is made anew."""


class Inspector(Rows):
    """One row per line. `unclipped`: calls as they were before the log clipped them, by id."""

    class Another(Message):
        """Another item is inspected."""

    def __init__(self, view: BuildView, context: RenderContext, **options: str) -> None:
        super().__init__(**options)
        self.view, self.context = view, context
        self.position: int | None = None
        self.file: ChangedFile | None = None
        self.unclipped: dict[str, ToolCall] = {}
        self.following = False
        self._lines: list[Line] = []
        self._item: Item | None = None
        self._heading = ""
        """What the reader went to: a pane that was just called up has no lines yet."""
        self._page_of: tuple[BuildState, int, int] | None = None
        self._page: list[Line] = []

    @property
    def item(self) -> Item | None:
        """What is inspected, with all of its values where they were fetched."""
        if self.position is None or self.position >= len(self.view.state.timeline):
            return None
        item = self.view.state.timeline[self.position]
        if isinstance(item, ToolCall) and (call := self.unclipped.get(item.id)) is not None:
            return replace(item, input=call.input, output=call.output, input_bytes=0, output_bytes=0)
        return item

    def inspect(self, position: int | None) -> None:
        """Another item; the reader starts at its first line."""
        if position == self.position and self.file is None:
            return
        self.position, self.file, self._heading = position, None, ""
        self.renew()
        self.post_message(self.Another())

    def inspect_file(self, file: ChangedFile | None) -> None:
        """The differences of a file instead; None: the page of the build."""
        if file is not self.file:
            self.position, self.file, self._heading = None, file, ""
            self.renew()

    def go_to(self, heading: str) -> None:
        """To a heading, at the top as far as what is below it allows; it stays there until the reader moves."""
        self._heading = heading
        self._seek()

    def _seek(self) -> None:
        heading = self._heading
        row = next((at for at, line in enumerate(self._lines) if heading and line_text(line) == heading), None)
        if row is not None:
            self.move(row)
            self._to(self.heights.start(row))
            self._heading = heading

    def _moved(self) -> None:
        self._heading = ""
        super()._moved()

    def renew(self) -> None:
        self.following = False
        self._make()
        self.scroll_to(y=0, animate=False, force=True, immediate=True)
        self.reset(len(self._lines), 0)
        self._seek()

    def update(self, positions: set[int]) -> None:
        if self.position in positions:
            self._make()
            self.reset(len(self._lines))

    def tick(self) -> None:
        """A second went by: a call under way shows it, and now and then the page of the build."""
        is_due = self.position is None and self.file is None and self.context.now() // 1000 % SUMMARY_SECONDS == 0
        if not self.display or not (is_due or (isinstance(self._item, ToolCall) and self._item.is_open)):
            return
        before = self._lines
        self._make()
        if len(self._lines) != len(before):
            self.reset(len(self._lines))
        else:
            self.repaint_rows({row for row, line in enumerate(self._lines) if line != before[row]})

    def put_unclipped(self, tool: ToolCall) -> None:
        """Input and output of a call came unclipped."""
        self.unclipped = {tool.id: tool}
        position = self.view.state.positions.get(tool_key(tool.id))
        if position is not None:
            self.update({position})

    def _make(self) -> None:
        from ..detail import file_detail, note_detail, tool_detail

        self._item = item = self.item
        width = self.row_width
        if not self.display or not self.size:
            self._lines = []
        elif self.file is not None:
            self._lines = file_detail(self.file, width)
        elif item is None:
            self._lines = self._summary(width)
        elif isinstance(item, ToolCall):
            stats = self.view.tally.verbs.get(verb_of(item.name))
            self._lines = tool_detail(item, self.view.state, self.context, width, stats)
        else:
            self._lines = note_detail(item, self.context, width)

    def _summary(self, width: int) -> list[Line]:
        """The page of the build: made once per state and second."""
        from ..summary_page import summary_page

        key = (self.view.state, width, self.context.now() // 1000)
        if self._page_of != key:
            self._page_of, self._page = key, summary_page(self.view.state, self.view.tally, self.context, width)
        return self._page

    def refit(self) -> None:
        self._make()
        self.heights = type(self.heights)([1] * len(self._lines))
        super().refit()
        self._seek()

    def lines_of(self, row: int, width: int) -> list[Line]:
        return [self._lines[row]] if row < len(self._lines) else [[]]

    @property
    def at_end(self) -> bool:
        return False
