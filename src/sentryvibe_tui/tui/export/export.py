"""What the reader takes out of the screen: copies, files, and the terminal itself for a pager, an editor, the log."""

from __future__ import annotations

import asyncio
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from textual.app import App
from textual.screen import Screen

from ...folders import below_home, state_folder
from ..context import RenderContext
from .handover import Handover

if TYPE_CHECKING:
    from ...model.state import Item
    from ..build.call_fetcher import CallFetcher
    from ..build.host import Host
    from ..build.panes import Panes
    from ..build.view import BuildView

LEAST_WIDTH = 20


class Export:
    """Texts of the panes, carried away."""

    def __init__(
        self, screen: Any, view: BuildView, panes: Panes, fetcher: CallFetcher, context: RenderContext
    ) -> None:
        self.screen: Screen[None] = screen
        self.host: Host = screen
        self.view, self.panes, self.fetcher, self.context = view, panes, fetcher, context
        self.handover = Handover(screen)

    @property
    def app(self) -> App[object]:
        return cast("App[object]", self.screen.app)  # pyright: ignore[reportUnknownMemberType]

    async def _item(self) -> Item | None:
        return await self.fetcher.unclipped(self.panes.item())

    async def log(self) -> str:
        """The stream as it is on screen, from its first row to its last; of its texts nothing is left out.

        Long ones take seconds, so a thread makes it, of what stands there now.
        """
        width = max(LEAST_WIDTH, self.screen.size.width)
        return await asyncio.to_thread(self.panes.stream.frozen().plain_text, width)

    # ----------------------------------------------------------------- copies

    def copy(self) -> None:
        """The row; in the inspector the output, where there is one."""
        self.host.start(self._copy_row, "export")

    def menu(self) -> None:
        self.host.start(self._open_menu, "export")

    async def _copy_row(self) -> None:
        from .copies import copies

        texts = copies(await self._item(), self.view.state.agent.cwd)
        await self.handover.put((texts.output if self.panes.focused is self.panes.inspector else "") or texts.item)

    async def _open_menu(self) -> None:
        from .copies import copies
        from .copy_menu import CopyMenu

        of_item = copies(await self._item(), self.view.state.agent.cwd)
        texts = {
            "item": of_item.item,
            "input": of_item.input,
            "output": of_item.output,
            "command": of_item.command,
            "visible log": await self.log(),
        }

        def take(name: str | None) -> None:
            if name is not None:
                self.host.start(partial(self.handover.put, texts[name]), "export")

        self.app.push_screen(CopyMenu(texts), take)

    def save(self) -> None:
        """Into the program's state folder: the current one is often a repository."""
        self.host.start(self._save, "save")

    async def _save(self) -> None:
        from .external import save

        name = self.view.state.agent.project_name or self.view.state.project_id
        try:
            path = await asyncio.to_thread(save, await self.log() + "\n", state_folder(), name)
            self.host.tell(f"written to {below_home(str(path))}", timeout=10)
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

    async def _page(self) -> None:
        from ..build.detail import full_text
        from .external import open_pager

        item = await self._item()
        text = (
            await self.log()
            if item is None
            else await asyncio.to_thread(full_text, item, self.view.state, self.context)
        )
        await self.handover.lend(lambda: open_pager(text, os.environ))

    async def _edit(self) -> None:
        from .copies import file_of
        from .external import open_editor

        name = file_of(self.panes.item())
        path = Path(self.view.state.agent.cwd or ".") / name
        try:
            exists = bool(name) and path.is_file()
        except (OSError, ValueError):
            exists = False
        if exists:
            await self.handover.lend(lambda: open_editor(path.absolute(), os.environ))
        else:
            self.host.tell(f"there is no file {path} here" if name else "no file is named here", "warning")

    async def _scroll_back(self) -> None:
        from .external import scroll_back

        log = await self.log()
        await self.handover.lend(lambda: scroll_back(log))
