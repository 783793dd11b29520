"""The two ways out of any screen: a text to the clipboard, the terminal to another program."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, cast

from textual.app import App, SuspendNotSupported
from textual.screen import Screen

from ...report.words import size
from ..build.host import Severity

EXPORT = "export"
"""The group of workers that carry something out; while one of them has lent the terminal no other begins."""


def is_lent(screen: Any) -> bool:
    """Whether another program has the terminal of a screen."""
    return bool(getattr(screen.app, "is_lent", False))


class Teller(Protocol):
    """A screen that can say a line to the reader."""

    def tell(self, message: str, severity: Severity = "information", timeout: float = 4) -> None: ...


class Terminal(Protocol):
    """An app that can say something to its terminal past the picture, and knows when another program has that."""

    is_lent: bool

    def write(self, sequence: str) -> None: ...


class Handover:
    """For a screen that is a `Teller`."""

    def __init__(self, screen: Any) -> None:
        self._screen: Screen[Any] = screen
        self._host: Teller = screen

    @property
    def _app(self) -> App[object]:
        return cast("App[object]", self._screen.app)  # pyright: ignore[reportUnknownMemberType]

    async def put(self, text: str) -> None:
        """To tmux or over OSC 52; a text too long for that into a file, whose name is told."""
        from .clipboard import osc52, to_tmux

        amount = size(len(text.encode("utf-8", "replace")))
        sequence = osc52(text, os.environ)
        if not text:
            self._host.tell("nothing to copy here", "warning")
        elif sequence is None:
            await self._write(text, amount)
        elif await asyncio.to_thread(to_tmux, text, os.environ):
            self._host.tell(f"{amount} copied, also to tmux' buffer")
        else:
            cast("Terminal", self._app).write(sequence)
            self._host.tell(f"{amount} sent to the terminal's clipboard")

    async def _write(self, text: str, amount: str) -> None:
        from .clipboard import to_file

        try:
            self._host.tell(f"{amount} written to {await asyncio.to_thread(to_file, text)}")
        except OSError as error:
            self._host.tell(f"{amount} could not be written to a file: {error}", "error", timeout=8)

    async def lend(self, work: Callable[[], Awaitable[str]]) -> None:
        """`work` gets the terminal and says what went wrong; what happens meanwhile is painted when it is back.

        Nothing gets it while it is lent: keys that were typed ahead may ask for that.
        """
        app, lending = self._app, cast("Terminal", self._app)
        if lending.is_lent:
            return
        lending.is_lent = True
        try:
            with app.batch_update(), app.suspend():
                problem = await _outcome(work)
        except SuspendNotSupported:
            problem = "this terminal cannot be lent to another program"
        finally:
            lending.is_lent = False
        app.refresh(layout=True)
        if problem:
            self._host.tell(problem, "warning", timeout=8)


async def _outcome(work: Callable[[], Awaitable[str]]) -> str:
    """What went wrong, or nothing; an error that left `suspend` would leave the terminal to nobody."""
    try:
        return await work()
    except OSError as error:
        return f"nothing can be shown there: {error}"
