"""`python -m tests.faults.lossy_server serve …`: the program, whose hints get lost: SENTRYVIBE_TEST_LOSSES of them."""

from __future__ import annotations

import os
import random
from typing import Any

from sentryvibe_tui.bus.bus import Bus
from sentryvibe_tui.cli import main

SHARE = float(os.environ["SENTRYVIBE_TEST_LOSSES"])


class LossyTransport:
    """A transport that sends only some of what it is given."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    async def send(self, message: str) -> None:
        if random.random() >= SHARE:
            await self._transport.send(message)


def lose_hints() -> None:
    begin = Bus.__init__

    def lossy(self: Bus, transport: Any, me: str) -> None:
        begin(self, LossyTransport(transport), me)

    Bus.__init__ = lossy  # type: ignore[method-assign]


if __name__ == "__main__":
    lose_hints()
    main()
