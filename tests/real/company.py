"""An agent's home, the scripted model and the product beside it: what the scenes of one agent share."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from .homes import Home
from .mock_model import MockModel, serving
from .processes import end_all, of_home
from .product import PROGRAM, Product
from .terminal import Terminal


class Company(NamedTuple):
    agent: str
    command: Path
    home: Home
    model: MockModel
    product: Product

    @contextmanager
    def terminal(self, *words: str) -> Iterator[Terminal]:
        """The agent on its own screen; closed at the end, as a user closes a window."""
        socket = self.home.root / f"tmux-{time.monotonic_ns()}"
        terminal = Terminal(socket, [str(self.command), *words], self.home.env(self.agent), self.home.project)
        try:
            yield terminal
        finally:
            terminal.close()

    def headless(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        """The agent under `sentryvibe-tui run`, without a terminal; projects are called `app`."""
        return self._done(*PROGRAM, "run", "app", "--server", self.product.url, "--", str(self.command), *words)

    def alone(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        """The agent without a terminal, and nothing of ours around it."""
        return self._done(str(self.command), *words)

    def _done(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            words,
            env=self.home.env(self.agent),
            cwd=self.home.project,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=120,
            check=False,
        )


@contextmanager
def company(agent: str, command: Path, *, follows: bool = True) -> Iterator[Company]:
    """All below one short folder (a socket's path has 107 bytes), of which neither file nor process stays."""
    root = Path(tempfile.mkdtemp(prefix=f"sv-{agent}-", dir="/tmp"))
    model = MockModel()
    try:
        with serving(model) as url:
            home = Home(root, url)
            home.prepare(agent)
            product = Product(home.env(agent), root)
            try:
                if follows:
                    product.follow()
                yield Company(agent, command, home, model, product)
            finally:
                product.close()
                end_all(home.home)
        assert not of_home(home.home)
    finally:
        shutil.rmtree(root, ignore_errors=True)
