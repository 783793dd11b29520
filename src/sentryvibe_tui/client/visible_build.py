"""The build that a watcher shows, and what there is to tell of it. Pure."""

from __future__ import annotations

from ..model.reducer import apply
from ..model.state import BuildState, Millis
from ..model.updates import Entry
from .watching import Cause, Changed, Snapshot, WatchEvent


class VisibleBuild:
    """`last_at`: the time of the entry that brought `state` to its version; None when the state came whole.
    `retired`: ids of builds whose place another one took. `news`: what was not told yet."""

    def __init__(self) -> None:
        self.state = BuildState()
        self.last_at: Millis | None = None
        self.retired: set[str] = set()
        self.news: list[WatchEvent] = []

    def apply(self, entry: Entry) -> None:
        self.state, self.last_at = apply(self.state, entry), entry.at
        self.news.append(Changed(self.state, entry))

    def take(self, state: BuildState, cause: Cause) -> None:
        """`state` takes the place of what was known, and its build that of the one before."""
        if self.state.id and self.state.id != state.id:
            self.retired.add(self.state.id)
        self.retired.discard(state.id)
        self.state, self.last_at = state, None
        self.news.append(Snapshot(state, cause))

    def take_news(self) -> list[WatchEvent]:
        """The news; there are none afterwards."""
        news, self.news = self.news, []
        return news
