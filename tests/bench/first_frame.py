"""How long until the first frame of the watch screen, against a bare Textual app; both in a pty, best and median of N.

    python tests/bench/first_frame.py [N]

Counted from the start of the process until the screen's own text has been written.
"""

import os
import pty
import select
import statistics
import sys
import time

BARE = """
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("MARKER", markup=False)
Bare().run()
"""

WATCH = """
from sentryvibe_tui.client.watching import LinkChanged, LinkStatus
from sentryvibe_tui.tui.app import run_screen
class Script:
    async def events(self):
        import asyncio
        yield LinkChanged(LinkStatus("connecting"))
        await asyncio.Event().wait()
    def retry_now(self): ...
run_screen(Script(), "MARKER")
"""


def first_frame(code: str) -> float:
    """Milliseconds from the start to the marker on the terminal."""
    began = time.perf_counter()
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(TERM="xterm-256color", COLUMNS="120", LINES="36")
        os.execv(sys.executable, [sys.executable, "-c", code])
    seen = b""
    while b"MARKER" not in seen:
        ready, _, _ = select.select([terminal], [], [], 15)
        if not ready:
            raise SystemExit(f"no frame within 15 s:\n{seen[-2000:]!r}")
        seen += os.read(terminal, 65_536)
    took = (time.perf_counter() - began) * 1000
    os.kill(child, 9)
    os.waitpid(child, 0)
    os.close(terminal)
    return took


def main(runs: int) -> None:
    times: dict[str, list[float]] = {"bare": [], "watch": []}
    for _ in range(runs):
        times["bare"].append(first_frame(BARE))
        times["watch"].append(first_frame(WATCH))
    for name, taken in times.items():
        print(f"{name:6} best {min(taken):6.0f} ms   median {statistics.median(taken):6.0f} ms")
    ratio = statistics.median(times["watch"]) / statistics.median(times["bare"])
    print(f"ratio of medians {ratio:.2f} (target 1.4)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 9)
