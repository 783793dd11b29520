"""What the reader takes out of the screen: copies, files, and the terminal itself for a pager, an editor, the log."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from textual.app import SuspendNotSupported
from textual.message import Message

from ...model.state import Item
from ...model.text import clean_line
from ...report.words import size
from ..lines import plain
from ..widgets.rows import Rows
from .panes import PanesScreen

LEAST_WIDTH = 20


class CarryingScreen(PanesScreen):
    """Panes whose texts can be carried away."""

    class Copied(Message):
        """The reader wants `text` on the clipboard."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def _tell(self, message: str, severity: str = "information", timeout: float = 4) -> None:
        """One message at a time, so that a flood of them never covers the screen."""
        self.app.clear_notifications()  # pyright: ignore[reportUnknownMemberType]
        self.notify(clean_line(message), markup=False, severity=severity, timeout=timeout)  # type: ignore[arg-type]

    def _item(self) -> Item | None:
        """What is under the cursor, with its whole values where the inspector has them."""
        pane = self.focused if isinstance(self.focused, Rows) else self.stream
        position = self.inspector.position if pane is self.inspector else pane.position_at(pane.cursor)
        if position is None:
            return None
        return self.inspector.item if position == self.inspector.position else self.view.shown.timeline[position]

    async def _whole_item(self) -> Item | None:
        """`_item` with its values unclipped, where they can be had."""
        return self._item()

    def _log(self) -> str:
        """The stream as it is shown, from its first row to its last; of its texts nothing is left out."""
        width = max(LEAST_WIDTH, self.size.width)
        rows = range(len(self.stream.heights))
        return "\n".join(plain(line).rstrip() for row in rows for line in self.stream.unfolded(row, width))

    # ----------------------------------------------------------------- copies

    def action_copy(self) -> None:
        self._carry(self._copy_row)

    def action_copy_menu(self) -> None:
        self._carry(self._open_copy_menu)

    def action_pager(self) -> None:
        self._carry(self._page)

    def action_edit(self) -> None:
        self._carry(self._edit)

    def action_scrollback(self) -> None:
        self._carry(self._scroll_back)

    def _carry(self, work: Callable[[], Awaitable[None]]) -> None:
        """Beside everything else, as whole values may be long in coming."""
        self.run_worker(work, exclusive=True, group="carry")  # pyright: ignore[reportUnknownMemberType]

    async def _copy_row(self) -> None:
        """The row; in the inspector the output, where there is one."""
        from ..export.copies import copies

        found = copies(await self._whole_item(), self.view.shown.agent.cwd)
        self._copy((found.output if self.focused is self.inspector else "") or found.item)

    async def _open_copy_menu(self) -> None:
        from ..export.copies import copies
        from ..export.copy_menu import CopyMenu

        found = copies(await self._whole_item(), self.view.shown.agent.cwd)
        texts = {
            "item": found.item,
            "input": found.input,
            "output": found.output,
            "command": found.command,
            "visible log": self._log(),
        }
        self.app.push_screen(  # pyright: ignore[reportUnknownMemberType]
            CopyMenu(texts), lambda chosen: None if chosen is None else self._copy(texts[chosen])
        )

    def _copy(self, text: str) -> None:
        if text:
            self.post_message(self.Copied(text))
        else:
            self._tell("nothing to copy here", "warning")

    def copied(self, text: str, how: str) -> None:
        """Says what became of a copy."""
        self._tell(f"{size(len(text.encode('utf-8', 'replace')))} {how}")

    def action_save(self) -> None:
        """Into the user's own folder for such files: the current one is often a repository."""
        from platformdirs import user_state_path

        from ..export.outside import save

        name = self.view.shown.agent.project_name or self.view.shown.project_id
        try:
            path = save(self._log() + "\n", user_state_path("sentryvibe-tui"), name)
            self._tell(f"written to {path}", timeout=10)
        except OSError as error:
            self._tell(f"the log could not be written: {error}", "error")

    # ----------------------------------------------------------------- the terminal for something else

    async def _outside(self, work: Callable[[], Awaitable[str]]) -> None:
        """`work` gets the terminal and says what went wrong; what happens meanwhile is painted when it is back."""
        app = self.app  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        try:
            with app.batch_update(), app.suspend():
                problem = await work()
        except SuspendNotSupported:
            problem = "this terminal cannot be lent to another program"
        app.refresh(layout=True)
        if problem:
            self._tell(problem, "warning", timeout=8)

    async def _page(self) -> None:
        """All that the inspector says of what is under the cursor; the whole log where there is nothing."""
        from ..export.outside import page
        from .detail import whole_text

        item = await self._whole_item()
        text = self._log() if item is None else whole_text(item, self.view.shown, self.context)
        await self._outside(lambda: page(text, os.environ))

    async def _edit(self) -> None:
        from ..export.copies import file_of
        from ..export.outside import edit

        named = file_of(self._item())
        path = Path(self.view.shown.agent.cwd or ".") / named
        try:
            exists = bool(named) and path.is_file()
        except (OSError, ValueError):
            exists = False
        if exists:
            await self._outside(lambda: edit(path.absolute(), os.environ))
        elif named:
            self._tell(f"there is no file {path} here", "warning")
        else:
            self._tell("no file is named here", "warning")

    async def _scroll_back(self) -> None:
        """The terminal's own scrollback and search for what the stream shows."""
        from ..export.outside import scroll_back

        log = self._log()
        await self._outside(lambda: scroll_back(log))
