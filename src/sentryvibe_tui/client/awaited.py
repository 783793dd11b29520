"""What `wait` waits for: when it has come true of one build, or of any. Pure."""

from __future__ import annotations

from typing import Literal, get_args

from msgspec import Struct

from ..model.questions import asked_words
from ..model.summary import BuildKey, BuildSummary

Awaited = Literal["needs-input", "idle", "end", "error"]
AWAITED: tuple[Awaited, ...] = get_args(Awaited)


class Met(Struct, frozen=True):
    """It has come true of `build`, `words` say what; not `is_true`: the build has ended without it."""

    build: BuildSummary
    words: str
    is_true: bool = True


class AnyAgent:
    """What is an open question now, and every change from now on."""

    def __init__(self, what: Awaited) -> None:
        self._what: Awaited = what
        self._rows: dict[BuildKey, BuildSummary] = {}

    def listed(self, builds: tuple[BuildSummary, ...]) -> Met | None:
        previous, self._rows = self._rows, {build.key: build for build in builds}
        for build in builds:
            before = previous.get(build.key)
            counts = before is not None or self._what == "needs-input"
            if counts and (words := _words(self._what, before, build)):
                return Met(build, words)
        return None

    def changed(self, builds: tuple[BuildSummary, ...]) -> Met | None:
        for build in builds:
            words = _words(self._what, self._rows.get(build.key), build)
            self._rows[build.key] = build
            if words:
                return Met(build, words)
        return None


class OneBuild:
    """The project's build that is meant when the waiting begins, as it is and as it becomes; the next one when there
    is none yet."""

    def __init__(self, what: Awaited) -> None:
        self._what: Awaited = what
        self._build: BuildSummary | None = None

    def listed(self, builds: tuple[BuildSummary, ...]) -> Met | None:
        if self._build is None:
            meant = max(builds, key=lambda build: (build.is_active, build.last_event_at or 0), default=None)
            return None if meant is None else self._take(meant, None)
        return self.changed(builds)

    def changed(self, builds: tuple[BuildSummary, ...]) -> Met | None:
        for build in builds:
            is_meant = self._build is None or build.key == self._build.key
            if is_meant and (met := self._take(build, self._build)) is not None:
                return met
        return None

    def _take(self, build: BuildSummary, before: BuildSummary | None) -> Met | None:
        self._build = build
        if words := _words(self._what, before, build):
            return Met(build, words)
        return Met(build, f"is {build.status} without that", False) if build.activity.kind == "ended" else None


def _words(what: Awaited, before: BuildSummary | None, build: BuildSummary) -> str:
    """What has come true of `build`, which was `before` (None: whatever); "" when it has not."""
    if what == "needs-input":
        asked = {one.id for one in before.requests} if before is not None else set[str]()
        return next((f"needs you: {asked_words(one.title)}" for one in build.requests if one.id not in asked), "")
    if what == "error":
        if build.status == "failed" and (before is None or before.is_active):
            return f"failed: {build.error}"
        return f"has an error: {build.error}" if before is not None and build.errors > before.errors else ""
    was_over = before is not None and (not before.is_active or (what == "idle" and before.activity.kind == "idle"))
    is_over = not build.is_active or (what == "idle" and build.activity.kind == "idle")
    return "" if was_over or not is_over else f"is {build.status if not build.is_active else 'idle'}: {build.now}"
