"""How long until the first frame of the watch screen, against a bare Textual app; both in a pty, best and median of N.

    python tests/bench/first_frame.py [N]

Counted from the start of the process until the screen's own text has been written. `watch` is the screen alone,
`command` all of `sentryvibe-tui watch`. Bytecode is cached as in an installation, also where PYTHONDONTWRITEBYTECODE
is set.
"""

import os
import pty
import select
import statistics
import sys
import tempfile
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
import asyncio
from sentryvibe_tui.client.watching import LinkChanged, LinkStatus
from sentryvibe_tui.tui.app import show_build
class Script:
    async def events(self):
        yield LinkChanged(LinkStatus("connecting"))
        await asyncio.Event().wait()
    def retry_now(self): ...
asyncio.run(show_build(Script(), "MARKER"))
"""


COMMAND = """
import sys
sys.argv = ["sentryvibe-tui", "watch", "MARKER", "--server", "http://127.0.0.1:9"]
from sentryvibe_tui.cli import main
main()
"""

CODES = {"bare": BARE, "watch": WATCH, "command": COMMAND}


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
    times: dict[str, list[float]] = {name: [] for name in CODES}
    with tempfile.TemporaryDirectory() as cache:
        os.environ["PYTHONPYCACHEPREFIX"] = cache
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        for code in CODES.values():
            first_frame(code)  # writes the bytecode
        for _ in range(runs):
            for name, code in CODES.items():
                times[name].append(first_frame(code))
    for name, taken in times.items():
        print(f"{name:7} best {min(taken):6.0f} ms   median {statistics.median(taken):6.0f} ms")
    for name in ("watch", "command"):
        ratio = statistics.median(times[name]) / statistics.median(times["bare"])
        print(f"{name}: ratio of medians {ratio:.2f} (target 1.4)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 9)
