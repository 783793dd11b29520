"""What the reader takes out of the screen: copies, files, and the terminal itself for a pager, an editor, the log."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from textual.app import App, SuspendNotSupported
from textual.screen import Screen

from ...report.words import size
from ..context import RenderContext
from ..lines import plain

if TYPE_CHECKING:
    from ...model.state import Item
    from ..build.host import Host
    from ..build.panes import Panes
    from ..build.unclipped import Unclipped
    from ..build.view import View

LEAST_WIDTH = 20


class Terminal(Protocol):
    """An app that can say something to its terminal past the picture."""

    def write(self, sequence: str) -> None: ...


class Export:
    """Texts of the panes, carried away."""

    def __init__(self, screen: Any, view: View, panes: Panes, unclipped: Unclipped, context: RenderContext) -> None:
        self.screen: Screen[None] = screen
        self.host: Host = screen
        self.view, self.panes, self.unclipped, self.context = view, panes, unclipped, context

    @property
    def app(self) -> App[object]:
        return cast("App[object]", self.screen.app)  # pyright: ignore[reportUnknownMemberType]

    async def _item(self) -> Item | None:
        return await self.unclipped.values(self.panes.item())

    def log(self) -> str:
        """The stream as it is shown, from its first row to its last; of its texts nothing is left out."""
        stream, width = self.panes.stream, max(LEAST_WIDTH, self.screen.size.width)
        rows = range(len(stream.heights))
        return "\n".join(plain(line).rstrip() for row in rows for line in stream.unfolded(row, width))

    # ----------------------------------------------------------------- copies

    def copy(self) -> None:
        """The row; in the inspector the output, where there is one."""
        self.host.start(self._copy_row, "export")

    def menu(self) -> None:
        self.host.start(self._open_menu, "export")

    async def _copy_row(self) -> None:
        from .copies import copies

        texts = copies(await self._item(), self.view.shown.agent.cwd)
        await self.put((texts.output if self.panes.focused is self.panes.inspector else "") or texts.item)

    async def _open_menu(self) -> None:
        from .copies import copies
        from .copy_menu import CopyMenu

        of_item = copies(await self._item(), self.view.shown.agent.cwd)
        texts = {
            "item": of_item.item,
            "input": of_item.input,
            "output": of_item.output,
            "command": of_item.command,
            "visible log": self.log(),
        }

        def take(name: str | None) -> None:
            if name is not None:
                self.host.start(partial(self.put, texts[name]), "export")

        self.app.push_screen(CopyMenu(texts), take)

    async def put(self, text: str) -> None:
        """To tmux or over OSC 52; a text too long for that into a file, whose name is told."""
        from .clipboard import osc52, to_file, to_tmux

        amount = size(len(text.encode("utf-8", "replace")))
        sequence = osc52(text, os.environ)
        if not text:
            self.host.tell("nothing to copy here", "warning")
        elif sequence is None:
            self.host.tell(f"{amount} written to {to_file(text)}")
        elif await asyncio.to_thread(to_tmux, text, os.environ):
            self.host.tell(f"{amount} copied, also to tmux' buffer")
        else:
            cast("Terminal", self.app).write(sequence)
            self.host.tell(f"{amount} sent to the terminal's clipboard")

    def save(self) -> None:
        """Into the user's own folder for such files: the current one is often a repository."""
        from platformdirs import user_state_path

        from .outside import save

        name = self.view.shown.agent.project_name or self.view.shown.project_id
        try:
            path = save(self.log() + "\n", user_state_path("sentryvibe-tui"), name)
            self.host.tell(f"written to {path}", timeout=10)
        except OSError as error:
            self.host.tell(f"the log could not be written: {error}", "error")

    # ----------------------------------------------------------------- the terminal for something else

    def pager(self) -> None:
        """All that the inspector says of what is under the cursor; the whole log where there is nothing."""
        self.host.start(self._page, "export")

    def edit(self) -> None:
        self.host.start(self._edit, "export")

    def scrollback(self) -> None:
        """The terminal's own scrollback and search for what the stream shows."""
        self.host.start(self._scroll_back, "export")

    async def _outside(self, work: Callable[[], Awaitable[str]]) -> None:
        """`work` gets the terminal and says what went wrong; what happens meanwhile is painted when it is back."""
        app = self.app
        try:
            with app.batch_update(), app.suspend():
                problem = await work()
        except SuspendNotSupported:
            problem = "this terminal cannot be lent to another program"
        app.refresh(layout=True)
        if problem:
            self.host.tell(problem, "warning", timeout=8)

    async def _page(self) -> None:
        from ..build.detail import whole_text
        from .outside import page

        item = await self._item()
        text = self.log() if item is None else whole_text(item, self.view.shown, self.context)
        await self._outside(lambda: page(text, os.environ))

    async def _edit(self) -> None:
        from .copies import file_of
        from .outside import edit

        name = file_of(self.panes.item())
        path = Path(self.view.shown.agent.cwd or ".") / name
        try:
            exists = bool(name) and path.is_file()
        except (OSError, ValueError):
            exists = False
        if exists:
            await self._outside(lambda: edit(path.absolute(), os.environ))
        else:
            self.host.tell(f"there is no file {path} here" if name else "no file is named here", "warning")

    async def _scroll_back(self) -> None:
        from .outside import scroll_back

        log = self.log()
        await self._outside(lambda: scroll_back(log))
