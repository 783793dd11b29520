"""The price table, loaded before the first price is asked for: to import it takes a third of a second."""

from __future__ import annotations

import threading
from functools import cache

from ..agents.common.prices import load_prices


@cache
def load_beside() -> None:
    """Begins to load it in a thread, once a process. Whoever asks for a price meanwhile waits for the rest."""
    threading.Thread(target=load_prices, name="prices", daemon=True).start()
