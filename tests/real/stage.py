"""One scene: an agent under way, and what was so beside what the product said of it."""

from __future__ import annotations

import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from ..patience import PATIENCE
from . import verdict
from .machine import Slowness
from .product import Product, State, is_active
from .terminal import Terminal
from .truth import NOTHING, Truth

EVERY = 0.1


class Stage:
    """`prompt`, `reach` and keys play the scene; `check` judges it."""

    def __init__(self, terminal: Terminal, truth: Truth, product: Product) -> None:
        self.terminal, self.truth, self.product = terminal, truth, product
        self.moments: list[verdict.Moment] = []
        self.state: State = {}
        self._began = False
        self._trouble: list[Exception] = []
        self._slowness, self._stop = Slowness(), threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def _sample(self) -> None:
        try:
            while not self._stop.wait(EVERY):
                self._look()
        except Exception as error:
            self._trouble.append(error)

    def _look(self) -> None:
        fact = self.truth.now()
        self._began = self._began or fact.kind not in ("", "idle")
        if not self._began:  # an agent that has not been asked for anything needs no build
            fact = NOTHING
        state = self.product.state(self.truth.session)
        activity: dict[str, Any] = state.get("activity") or {}
        self.state = state
        moment = verdict.Moment(time.time(), *fact, activity.get("kind", ""), seconds(activity.get("since")))
        self.moments.append(moment)

    def prompt(self, play: str, run: str) -> None:
        if not self._thread.is_alive():
            self._thread.start()
        self.terminal.type(f"Please go on. play:{play}/{run}")

    def reach(self, *kinds: str) -> None:
        """Waits until the agent itself says so, and then as long as the product has time to."""
        self._until(lambda: bool(self.moments) and self.moments[-1].truth in kinds, " or ".join(kinds))

    def play_all(self, turns: Mapping[str, str], runs: Iterable[str]) -> None:
        """One turn after the other; `turns` are plays, and the words that each of them ends with."""
        for run, (play, words) in zip(runs, turns.items(), strict=True):
            self.prompt(play, run)
            self.said(lambda state, words=words: words in str(state) and not is_active(state), f"over with {words!r}")
            self.reach("idle")
            self.rest(1.5)

    def ask(self, play: str, run: str, kind: str, words: str) -> None:
        """Plays until the agent waits for a person, and the product says for what: a witness may know less at first."""
        self.prompt(play, run)
        self.reach("waiting-person")
        self.said(
            lambda state: [kind] == [one["kind"] for one in state.get("requests") or () if words in str(one)],
            f"a {kind} about {words!r}",
        )

    def settle(self) -> None:
        """The turn is over, and nothing is asked any more."""
        self.reach("idle")
        self.said(lambda state: not state.get("requests") and not is_active(state), "no request any more")
        self.rest(1)

    def kill(self) -> State:
        """The agent's process dies; the state when the product says that it is over."""
        os.kill(self.terminal.pid, signal.SIGKILL)
        self.reach("ended")
        state = self.said(lambda state: state["status"] != "active", "over")
        self.rest(1)
        return state

    def rest(self, seconds: float) -> None:
        """Lets the scene stand as it is: what is said in that time must stay right."""
        time.sleep(seconds)

    def said(self, right: Callable[[State], bool], what: str) -> State:
        """Waits until the product says something; how late is for `check` to judge."""
        self._until(lambda: right(self.state), what)
        return self.state

    def _until(self, right: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + PATIENCE
        while not right():
            if self._trouble:
                raise self._trouble[0]
            assert time.monotonic() < end, f"never {what}\n{self.story()}\n{self.terminal.text()}"
            time.sleep(EVERY / 2)

    def check(self) -> str:
        """Fails when a change was told late or wrong; the delays in one line."""
        slow = self.close()
        found = verdict.faults(self.moments, slow)
        told = ", ".join(
            f"{one.truth} {'never' if one.seconds is None else f'{one.seconds:.1f}'}"
            for one in verdict.delays(self.moments)
            if one.truth
        )
        line = f"{told} (seconds; {slow:.1f} threads for each core, limit {verdict.LIMIT * slow:.1f})"
        assert not found, f"{'; '.join(found)}\n{line}\n{self.story()}"
        return line

    def close(self) -> float:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(PATIENCE)
        return self._slowness.measured()

    def story(self) -> str:
        """The moments at which anything changed."""
        lines: list[str] = []
        last: tuple[str, str] | None = None
        begin = self.moments[0].at if self.moments else 0.0
        for moment in self.moments:
            if (moment.truth, moment.ours) != last:
                lines.append(f"{moment.at - begin:7.2f}  {moment.truth or '-':24} {moment.ours or '-'}")
            last = (moment.truth, moment.ours)
        return "\n".join(["seconds  truth                    ours", *lines])


def seconds(time_text: str | None) -> float:
    return datetime.fromisoformat(time_text).timestamp() if time_text else 0.0


def new_run() -> str:
    return uuid.uuid4().hex[:8]
