"""A terminal that vanishes without a signal ends the screen; nothing spins on."""

import os
import pty
import select
import subprocess
import sys
import threading

import pytest
from textual.drivers._writer_thread import MAX_QUEUED_WRITES, WriterThread

from sentryvibe_tui.tui import hangup
from sentryvibe_tui.tui.hangup import lasting

SCREEN = """
import asyncio, sys
from sentryvibe_tui.client.watching import LinkChanged, LinkStatus
from sentryvibe_tui.tui.app import show_build
from sentryvibe_tui.tui.display import DisplayOptions
from sentryvibe_tui.tui.notices import Notices

class Quiet:
    async def events(self):
        yield LinkChanged(LinkStatus("connecting"))
        await asyncio.Event().wait()

sys.exit(asyncio.run(show_build(Quiet(), "MARKER", DisplayOptions(notices=Notices()))))
"""


def test_a_screen_without_a_terminal_ends() -> None:
    near, far = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", SCREEN], stdin=far, stdout=far, stderr=far, start_new_session=True
    )
    os.close(far)
    try:
        shown = b""
        while b"MARKER" not in shown:
            shown += os.read(near, 65536)
        os.close(near)
        assert process.wait(20) == 129
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("gone", ["before", "meanwhile"])
def test_a_terminal_that_is_gone_ends_the_screen(monkeypatch: pytest.MonkeyPatch, gone: str) -> None:
    left, ended = threading.Event(), threading.Event()
    monkeypatch.setattr(hangup.os, "_exit", lambda _: ended.set())
    near, terminal = pty.openpty()
    if gone == "before":
        os.close(near)
        assert not os.isatty(terminal)
    hangup.watch_terminal(terminal, left.set, grace=0)
    if gone == "meanwhile":
        assert not left.wait(0.05)
        os.close(near)
    assert left.wait(10)
    assert ended.wait(10)
    os.close(terminal)


def test_a_terminal_that_cannot_be_polled_is_not_one_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Poll:
        def register(self, fileno: int, events: int) -> None: ...

        def poll(self) -> list[tuple[int, int]]:
            return [(0, select.POLLNVAL)]

    left: list[bool] = []
    monkeypatch.setattr(hangup.select, "poll", Poll)
    monkeypatch.setattr(hangup.os, "_exit", lambda _: left.append(True))
    hangup._wait(0, lambda: left.append(True), 0)
    assert left == []


class Gone:
    """A terminal that was there when the driver was made."""

    def write(self, text: str) -> None:
        raise OSError(5, "Input/output error")

    flush = close = lambda self: self.write("")

    def isatty(self) -> bool:
        return True


class Drawing:
    def __init__(self) -> None:
        self._file = Gone()


def test_what_a_gone_terminal_would_get_is_dropped_and_holds_nobody_up() -> None:
    file = lasting(Drawing)()._file
    assert file.isatty()
    writer = WriterThread(file)
    writer.start()
    for _ in range(10 * MAX_QUEUED_WRITES):
        writer.write("x")
    writer.stop()
