"""A terminal that vanishes without a signal ends the screen; nothing spins on."""

import os
import pty
import subprocess
import sys

SCREEN = """
import asyncio, sys
from sentryvibe_tui.client.watching import LinkChanged, LinkStatus
from sentryvibe_tui.tui.app import run_screen

class Quiet:
    async def events(self):
        yield LinkChanged(LinkStatus("connecting"))
        await asyncio.Event().wait()

sys.exit(run_screen(Quiet(), "MARKER"))
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
