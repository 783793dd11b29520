"""A watched project whose builds other servers write to as well: entries go out in order, whoever committed them.

What this server commits can be ahead of what it has read of the others; it waits until the entries between were read
from the store (`peers`). Everything here is synchronous and knows no store: `behind` says what to read.
"""

from __future__ import annotations

from msgspec.structs import replace

from ..store.contract import BuildHead, BuildKey, Commit, Logged
from .hub import Channel, Watcher
from .settings import DEFAULT_LIMITS, ServerLimits

UNHEARD = 1000
"""Entries up to which a build that is met here is read from its beginning: running watchers may lack any of them."""


class SharedChannel(Channel):
    """`at`: the version of a build's last entry in the ring. `furthest`: the head that goes furthest, as was
    heard. `early`: entries that came before the one that they follow."""

    def __init__(self, project_id: str, limits: ServerLimits = DEFAULT_LIMITS) -> None:
        super().__init__(project_id, limits)
        self.at: dict[BuildKey, int] = {}
        self.furthest: dict[BuildKey, BuildHead] = {}
        self._early: dict[BuildKey, dict[int, Logged]] = {}
        self._behind: dict[BuildKey, None] = {}

    def add(self, commit: Commit) -> None:
        """An entry that is in the ring already is left out."""
        key = commit.head.key
        if commit.entries:
            first = commit.entries[0].version
            self.at.setdefault(key, 0 if first <= UNHEARD else first - 1)
            early = self._early.setdefault(key, {})
            early.update((logged.version, logged) for logged in commit.entries)
            self._push_early(key)
        self.hear(commit.head)
        self._learn(key)

    def _push_early(self, key: BuildKey) -> None:
        """What follows the last entry of the build."""
        early = self._early.get(key, {})
        while (logged := early.pop(self.at[key] + 1, None)) is not None:
            self.push(key, (logged,))
            self.at[key] = logged.version
        for version in [version for version in early if version <= self.at[key]]:
            del early[version]

    def _learn(self, key: BuildKey) -> None:
        """As far as the ring has it: a mark says that all up to it was sent."""
        head = self.furthest[key]
        version = min(head.version, self.at[key])
        if version:
            self.learn(replace(head, version=version))

    def hear(self, head: BuildHead) -> None:
        """A build has come so far."""
        before = self.furthest.get(head.key)
        if before is None or before.version < head.version:
            self.furthest[head.key] = head
        self.at.setdefault(head.key, 0 if head.version <= UNHEARD else head.version - 1)
        self._compare(head.key)

    def _compare(self, key: BuildKey) -> None:
        """Whether the ring has of a build what was heard of; after every change of either."""
        if self.furthest[key].version > self.at[key]:
            self._behind[key] = None
        else:
            self._behind.pop(key, None)

    @property
    def lag(self) -> int:
        """Entries that were heard of and are not in the ring."""
        return sum(self.furthest[key].version - self.at[key] for key in self._behind)

    @property
    def is_behind(self) -> bool:
        return bool(self._behind)

    def behind(self) -> dict[BuildKey, int]:
        """Builds of which the ring lacks entries, and after which version."""
        return {key: self.at[key] for key in self._behind}

    def pass_over(self, most: int) -> bool:
        """Gives up reading more than `most` entries of a build; whether there was one: watchers begin again."""
        far = [key for key, at in self.behind().items() if self.furthest[key].version - at > most]
        for key in far:
            self.at[key] = self.furthest[key].version
            self._push_early(key)
            self._compare(key)
        return bool(far)

    def knows(self, key: BuildKey) -> bool:
        return key in self.furthest

    def greet(self, watcher: Watcher, head: BuildHead) -> bool:
        self.at.setdefault(head.key, 0 if len(self.watchers) > 1 and head.version <= UNHEARD else head.version)
        self.hear(head)
        self._learn(head.key)
        following = (slot.logged.version for slot in self.slots(watcher.cursor) if slot.key == head.key)
        return next(following, self.at[head.key] + 1) <= head.version + 1
