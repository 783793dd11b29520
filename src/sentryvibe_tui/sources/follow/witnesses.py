"""What agents' registers tell of their sessions (agents/common/live.py), kept until it can join the session's build."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Mapping
from zlib import crc32

from ...agents.common.live import Sighting, Witness
from ...agents.redact import Redactor
from ...agents.registry import agent_kinds
from ...model.activity import OVER
from ...model.events import About, ActivityReported, BuildStarted
from ...model.facts import BuildEnded
from ...model.state import Millis
from ...wire.envelope import EventEnvelope
from ...wire.ids import with_usable_ids
from ...wire.json import encode

log = logging.getLogger("sentryvibe_tui.follow")

GRACE: Millis = 400
"""So long a witness' word that a turn is over waits for the session file, which says how."""
SIGHTINGS_LIMIT = 16
"""Sightings of a session that has no build yet; older ones say nothing any more."""


def witnesses(environ: Mapping[str, str] = os.environ) -> Mapping[str, Witness]:
    """Those of all agents that have one, by the agents' names."""
    return {kind.name: kind.live(environ) for kind in agent_kinds() if kind.live is not None}


class Witnesses:
    """Listens to all of them. `tell` hears of one that is heard no longer."""

    def __init__(
        self, witnesses: Mapping[str, Witness], tell: Callable[[str], None], redactor: Redactor | None = None
    ) -> None:
        self._witnesses, self._tell, self._redactor = witnesses, tell, redactor
        self._redactors: dict[str, Redactor] = {}
        self._waiting: dict[str, deque[tuple[Sighting, Millis]]] = {}
        """What cannot join yet, and when it was so: what a witness told without a time was so when it was told."""
        self._alive: dict[str, str] = {}
        """Sessions that are seen to live, with the agent whose witness sees it."""
        self.came = asyncio.Event()
        """Set at each sighting."""

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for name, witness in self._witnesses.items():
                group.create_task(self._listen(name, witness))

    async def _listen(self, name: str, witness: Witness) -> None:
        try:
            async for sighting in witness.sightings():
                self.take(sighting, int(time.time() * 1000), name)
        except Exception as error:  # what one agent's register holds must not end the sources beside it
            log.exception("the witness of %s is heard no longer", name)
            self._alive = {session: agent for session, agent in self._alive.items() if agent != name}
            self._tell(f"what runs of {name} is only seen by its files from now on: {type(error).__name__}: {error}")

    def take(self, sighting: Sighting, now: Millis, agent: str = "") -> None:
        """`now` is epoch milliseconds."""
        if isinstance(sighting.event, BuildEnded):
            self._alive.pop(sighting.session, None)
        else:
            self._alive[sighting.session] = agent
        at = now if sighting.at is None else sighting.at
        self._waiting.setdefault(sighting.session, deque()).append((sighting, at))
        self.came.set()

    def vouch_for(self, session: str) -> bool:
        """Whether that session is seen to live."""
        return session in self._alive

    def sessions(self) -> list[str]:
        """Those of which something waits."""
        return list(self._waiting)

    def first(self, session: str) -> Sighting | None:
        """Of a session without a build: what begins one, else the latest; None when it ended before it had one."""
        waiting = self._waiting.get(session, deque())
        begins = next((one for one, _ in waiting if isinstance(one.event, BuildStarted) and one.directory), None)
        if begins is not None or not waiting or isinstance(waiting[-1][0].event, BuildEnded):
            return begins
        while len(waiting) > SIGHTINGS_LIMIT:
            waiting.popleft()
        return waiting[-1][0]

    def forget(self, session: str) -> None:
        self._waiting.pop(session, None)
        self._redactors.pop(session, None)

    def due(self, session: str, about: About, now: Millis) -> list[EventEnvelope]:
        """What joins the build `about` now, in order."""
        waiting = self._waiting.get(session)
        posted: list[EventEnvelope] = []
        while waiting and not _is_early(*waiting[0], now):
            posted.append(self._posted(*waiting.popleft(), about))
        if not waiting:
            self._waiting.pop(session, None)
        if any(isinstance(one.event, BuildEnded) for one in posted):
            self._redactors.pop(session, None)
        return posted

    def _posted(self, sighting: Sighting, at: Millis, about: About) -> EventEnvelope:
        """Its id is without the time that it got here: the same word again is the same."""
        event = with_usable_ids(sighting.event)
        if self._redactor is not None:
            event = self._redactors.setdefault(sighting.session, self._redactor.copy()).event(event)
        told = crc32(encode((type(event).__name__, sighting.at, event)))
        return EventEnvelope(about, event, f"live-{sighting.id or f'{told:08x}'}", at)


def _is_early(sighting: Sighting, at: Millis, now: Millis) -> bool:
    """Whether the file may still say more about it than the witness does."""
    event = sighting.event
    is_rest = isinstance(event, BuildEnded) or (isinstance(event, ActivityReported) and event.kind in OVER)
    return is_rest and sighting.at is not None and 0 <= now - at < GRACE
