"""Which builds still have an agent: a build is taken for interrupted by its silence, never by its age."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ..model.events import About
from ..model.facts import BuildEnded
from ..model.state import Millis
from ..store.contract import BuildKey, Commit
from ..wire.envelope import EventEnvelope
from ..wire.frames import AgentSign


class _Sign:
    def __init__(self, last_sign: float, at: Millis | None) -> None:
        self.heard = last_sign
        self.at = at
        self.outbox = 0
        self.rounds = 0


class Liveness:
    """The server's own clocks count, not the agent's: `clock` in monotonic seconds, `now` in epoch milliseconds."""

    def __init__(self, clock: Callable[[], float], now: Callable[[], Millis]) -> None:
        self._clock = clock
        self._now = now
        self._signs: dict[BuildKey, _Sign] = {}

    @property
    def builds(self) -> int:
        """How many go on."""
        return len(self._signs)

    def expect(self, builds: Iterable[BuildKey]) -> None:
        """Builds found active at the start: their silence counts from now."""
        for key in builds:
            self._signs.setdefault(key, _Sign(self._clock(), None))

    def committed(self, commits: Sequence[Commit]) -> None:
        """Events came."""
        for commit in commits:
            if not commit.head.is_active:
                self._signs.pop(commit.head.key, None)
                continue
            sign = self._signs.get(commit.head.key)
            if sign is None:
                sign = self._signs[commit.head.key] = _Sign(0, None)
            sign.heard, sign.at, sign.rounds = self._clock(), self._now(), 0

    def heartbeat(self, key: BuildKey, outbox: int) -> bool:
        """The publisher of `key` lives. False: no such build is active here."""
        sign = self._signs.get(key)
        if sign is None:
            return False
        sign.heard, sign.outbox, sign.rounds = self._clock(), outbox, 0
        return True

    def forget(self, key: BuildKey) -> None:
        """Nothing can be said of that build any more."""
        self._signs.pop(key, None)

    def sign(self, key: BuildKey) -> AgentSign | None:
        """What heartbeats to watchers say of the agent: its last event here, and what waits in its outbox."""
        sign = self._signs.get(key)
        return None if sign is None else AgentSign(sign.at, sign.outbox)

    def silent(self, bound: float) -> tuple[EventEnvelope, ...]:
        """The ends of the builds that nothing was heard of for `bound` seconds.

        What a witness vouches for goes on by such an end, but no witness is believed for ever.
        """
        limit = self._clock() - bound
        expired = [(key, sign) for key, sign in self._signs.items() if sign.heard < limit]
        return tuple(end_of_silence(key, bound, sign.rounds) for key, sign in expired)

    def end_posted(self, ends: Iterable[EventEnvelope]) -> None:
        """The store has these ends: the silence of a build that goes on all the same counts anew."""
        for end in ends:
            sign = self._signs.get(BuildKey(end.about.project_id, end.about.session_id, end.about.build_id))
            if sign is not None:
                sign.heard, sign.rounds = self._clock(), sign.rounds + 1


def end_of_silence(key: BuildKey, bound: float, rounds: int) -> EventEnvelope:
    """The end of a build of which nothing was heard for `bound` seconds, `rounds` times before as well."""
    why = f"nothing heard of the agent for {_words(bound * (rounds + 1))}"
    end = BuildEnded("interrupted", error=why, source="silence" if rounds < WITNESS_ROUNDS else "")
    return EventEnvelope(About(key.project_id, key.session_id, key.build_id), end)


WITNESS_ROUNDS = 48
"""So many times the bound a witness' last word counts against silence: a day, by the default of 30 minutes."""


def _words(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"
