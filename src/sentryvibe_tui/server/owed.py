"""What hooks told while nothing could be kept: an agent does not tell it again, so it is kept with what follows."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Sequence

from msgspec.structs import replace

from ..model.state import Millis
from ..wire.clip import fitted
from ..wire.envelope import EventEnvelope, encode_posted

log = logging.getLogger("sentryvibe_tui.server")

SESSIONS = 256
SESSION_BYTES = 64 * 1024
"""Bytes of the events of one session: its beginning (agent, title, prompt) always fits."""
VALUE_BYTES = 4096
"""To how much a value or text is cut."""


class Backlog:
    """Per session the first events that found no place, of the sessions that were refused last."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[str, list[EventEnvelope]] = OrderedDict()

    def take(self, session: str) -> list[EventEnvelope]:
        """What the session is owed; it is put back if it finds no place again."""
        return self._sessions.pop(session, [])

    def put(self, session: str, events: Sequence[EventEnvelope], now: Millis) -> None:
        """`now`: when those happened that do not say it."""
        queue, room = list[EventEnvelope](), SESSION_BYTES
        for posted in events:
            short = replace(posted, event=fitted(posted.event, VALUE_BYTES), at=now if posted.at is None else posted.at)
            room -= len(encode_posted(short))
            if room < 0:
                break
            queue.append(short)
        if len(queue) < len(events):
            log.warning("%d events of hooks of session %s are lost", len(events) - len(queue), session)
        if queue:
            self._sessions[session] = queue
            self._sessions.move_to_end(session)
        while len(self._sessions) > SESSIONS:
            oldest, events = self._sessions.popitem(last=False)
            log.warning("%d events of hooks of session %s are lost", len(events), oldest)
