"""Which build a watcher follows and what it knows of it: versions, gaps, epochs, merging
(docs/protocol.md#versions). Pure.

A `BuildReplica` is fed with decoded frames and answers with what happened. `lack` is what it must ask the server for.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from ..model.merge import merge
from ..model.reducer import apply
from ..model.standing import meant_at
from ..model.state import Agent, BuildState, Millis
from ..model.updates import Entry
from ..wire.frames import Batch, Connected, Heartbeat, Recovery
from .limits import LINK, LinkLimits
from .original_replica import Asking, Hydration, OriginalReplica
from .visible_build import VisibleBuild
from .watching import Cause, Skipped, Snapshot, WatchEvent


class Question(Struct, frozen=True):
    """What to ask for: entries of `build_id` after version `since`."""

    build_id: str
    since: int


class BuildReplica:
    """Follows the build of a project that is meant, or the builds of one session only.

    The build that is shown stays while it goes on, unless another one begins later; with `keeps`, whatever happens.

    `last_at`: the time of the entry that brought `state` to its version; None when the state came whole.
    """

    def __init__(self, session_id: str = "", *, keeps: bool = False, limits: LinkLimits = LINK) -> None:
        self.pinned, self._keeps, self._most_ahead = session_id, keeps, limits.entries_ahead
        self._picture = VisibleBuild()
        self.original = OriginalReplica(self._picture)
        self.epoch = ""
        self.protocol = 0
        self.resynchronised = False
        self.queue: list[tuple[Batch | Recovery, Millis]] = []
        self._ahead: dict[int, Entry] = {}
        self._head = 0
        self._target = self._marked = ""
        self._fresh = False
        self._foreign = self._is_gone = False
        self._holding = False

    @property
    def state(self) -> BuildState:
        return self._picture.state

    @property
    def last_at(self) -> Millis | None:
        return self._picture.last_at

    @property
    def is_original(self) -> bool:
        return self.protocol == 1

    @property
    def is_foreign(self) -> bool:
        """The state is of another log than the server's: its version means nothing there."""
        return self._foreign

    @property
    def is_expecting(self) -> bool:
        """The server's first answer on this connection is still to come."""
        return self.protocol == 0 or self._fresh or self._holding

    @property
    def is_settled(self) -> bool:
        """The server's first answer on this connection has arrived, and nothing is missing."""
        return not self.is_expecting and self.lack is None

    @property
    def lack(self) -> Question | None:
        """What is missing, as far as is known: another build, a state of the new epoch, or the rest of this build."""
        if self.protocol < 2:
            return None
        if self._target:
            return Question(self._target, 0)
        if (self._foreign and not self._is_gone) or (self._fresh and not self.state.id):
            return Question(self.state.id, 0)
        if self.state.version < self._head:
            return Question(self.state.id, self.state.version)
        return None

    # ----------------------------------------------------------------------- inputs

    def connected(self, frame: Connected) -> None:
        """A new connection: what was known of the server's head counts no longer."""
        self.protocol = frame.protocol
        self._ahead.clear()
        self._head, self._target, self._marked = 0, "", ""
        self._fresh, self._is_gone, self.resynchronised = True, False, False
        self.queue.clear()
        self._holding = self.is_original
        if self.is_original:
            self.epoch = ""
            self.original.connected()
        else:
            self._in_epoch(frame.epoch)

    def frame(self, frame: Batch | Recovery | Heartbeat, now: Millis) -> list[WatchEvent]:
        """What a frame changed. While a hydration is under way, an original server's frames are held back."""
        if isinstance(frame, Heartbeat):
            self._mark(frame)
        elif self._holding:
            self.queue.append((frame, now))
        elif isinstance(frame, Batch):
            self._batch(frame, now)
        else:
            self._recovery(frame, now)
        return self._picture.take_news()

    def hydrated(self, hydration: Hydration, now: Millis) -> list[WatchEvent]:
        """An original server's answer over HTTP: first the answer, then what arrived while it was under way."""
        self.original.hydrated(hydration, now)
        return self.release()

    def release(self) -> list[WatchEvent]:
        """Applies what was held back, in order of arrival."""
        self._holding, self._fresh = False, False
        entries, self.queue = self.queue, []
        for frame, at in entries:
            if isinstance(frame, Recovery):
                self._recovery(frame, at)
            elif not self._is_other_session(frame.session_id):
                self._tell_unknown(frame)
                self.original.batch(frame, at, is_older=True)
        return self._picture.take_news()

    def unanswered(self, now: Millis) -> list[WatchEvent]:
        """No answer came over HTTP; what was held back counts all the same."""
        self.original.failed(now)
        return self.release()

    @property
    def due(self) -> Millis | None:
        """When an original server is to be asked again."""
        return self.original.due if self.is_original and not self._holding else None

    def ask(self, now: Millis) -> Asking | None:
        """What to ask an original server for now."""
        return self.original.ask(now) if self.is_original and not self._holding else None

    # ----------------------------------------------------------------------- our servers

    def _in_epoch(self, epoch: str) -> None:
        """Versions of another log mean nothing: the next state replaces ours whatever its version."""
        if epoch and epoch != self.epoch:
            self._foreign, self._is_gone = bool(self.state.id), False
            self.epoch = epoch
            self._picture.retired.clear()
            self._ahead.clear()
            self._head = 0

    def _mark(self, mark: Heartbeat) -> None:
        if self.protocol < 2 or not mark.version:
            return
        self._in_epoch(mark.epoch)
        self._marked, self._is_gone = mark.build_id, False
        heads = mark.others | {mark.build_id: mark.version}
        if mark.build_id and mark.build_id != self.state.id and not self._stays(mark):
            self._target = self.state.id if self._is_kept and self.state.is_active else mark.build_id
            return
        version = heads.get(self.state.id)
        if version is None:
            return
        self._fresh, self._target = False, ""
        self._head = max(self._head, version)
        if version < self.state.version:
            self._foreign = True  # no server forgets what it has shown: its log was set back

    def _stays(self, mark: Heartbeat) -> bool:
        """Whether the build that is shown stays though another one is meant now: while it is known to go on."""
        if self._is_kept and not self.state.is_active:
            return True
        return self.state.id in mark.others and (self._is_kept or mark.build_id in self._picture.retired)

    @property
    def _is_kept(self) -> bool:
        return self._keeps and bool(self.state.id) and not self._foreign

    def _batch(self, batch: Batch, now: Millis) -> None:
        self._tell_unknown(batch)
        if self._is_other_session(batch.session_id):
            return
        if self.protocol < 2:
            self.original.batch(batch, now)
            return
        for change in batch.changes:
            if isinstance(change, BuildState):
                self._recovered(change)
            elif not change.version:
                self._picture.news.append(Skipped(1, "an update without a version"))
            else:
                self._entry(batch.build_id or self.state.id, change)

    def _tell_unknown(self, batch: Batch) -> None:
        if batch.unknown:
            self._picture.news.append(Skipped(batch.unknown, "updates of an unknown type or shape"))

    def _is_other_session(self, session_id: str) -> bool:
        return bool(self.pinned and session_id and session_id != self.pinned)

    def _entry(self, build_id: str, entry: Entry) -> None:
        if build_id != self.state.id or self._foreign:
            if not self._is_expected(build_id) or not self._is_later(entry):
                return
            if entry.version > 1:
                if not self.state.id and not self._fresh:
                    self._target = build_id
                return
            self._begin(entry)
        elif entry.version == self.state.version + 1:
            self._apply(entry)
        elif entry.version > self.state.version + 1:
            self._head = max(self._head, entry.version)
            if len(self._ahead) < self._most_ahead:
                self._ahead[entry.version] = entry
        self._fresh = False
        while (following := self._ahead.pop(self.state.version + 1, None)) is not None:
            self._apply(following)

    def _is_expected(self, build_id: str) -> bool:
        """A build that another one replaced comes back only when asked for, or as the first word of a connection."""
        return build_id not in self._picture.retired or self._fresh or build_id == self._target

    def _is_later(self, entry: Entry) -> bool:
        """Whether a build that begins with `entry` is the one that is meant: not when it is told of the past."""
        if not self.state.id or self._foreign:
            return True
        return not self._keeps and (self._fresh or entry.at >= meant_at(self.state))

    def _is_newer(self, build_id: str) -> bool:
        """A whole state says not which build is the newest; the last mark does."""
        asked = self._fresh or build_id == self._target
        return asked or (self._is_expected(build_id) and self._marked != self.state.id)

    def _begin(self, entry: Entry) -> None:
        """The first entry of another build, or of this one in a new log."""
        name = self.state.agent.project_name
        cause = self._cause("new-build")
        self._take(apply(BuildState(agent=Agent(project_name=name)), entry), cause)
        self._picture.last_at = entry.at

    def _apply(self, entry: Entry) -> None:
        self._picture.apply(entry)

    def _recovery(self, frame: Recovery, now: Millis) -> None:
        if self._is_other_session(frame.session_id):
            return
        if self.protocol < 2:
            self.original.recovery(frame, now)
            return
        self._in_epoch(frame.epoch)
        if frame.state is None or not frame.state.id:
            # what is shown stays, and is of another log: whatever begins now takes its place
            self._fresh, self._foreign, self._is_gone, self._target = False, bool(self.state.id), True, ""
            return
        state = frame.state
        if not state.session_id:
            state = replace(state, session_id=frame.session_id)
        self._recovered(state)

    def _recovered(self, state: BuildState) -> None:
        if state.id != self.state.id:
            if not self.state.id or (self._is_newer(state.id) and not self._is_kept):
                name = self.state.agent.project_name
                agent = state.agent if state.agent.project_name else replace(state.agent, project_name=name)
                self._take(replace(state, agent=agent), self._cause("new-build"))
        elif self._foreign:
            self._take(state, "resynchronised")
            self.resynchronised = True
        elif state.version >= self.state.version:
            self._fresh, self._target = False, ""
            if (merged := merge(self.state, state, 0)) != self.state:
                self._picture.state, self._picture.last_at, self.resynchronised = merged, None, True
                self._picture.news.append(Snapshot(merged, "resynchronised"))
            self._ahead = {version: entry for version, entry in self._ahead.items() if version > state.version}
            while (following := self._ahead.pop(self.state.version + 1, None)) is not None:
                self._apply(following)

    def _cause(self, otherwise: Cause) -> Cause:
        if not self.state.id:
            return "hydrated"
        return "resynchronised" if self._foreign else otherwise

    def _take(self, state: BuildState, cause: Cause) -> None:
        """`state` takes the place of what was known, and its build that of the one before."""
        self._ahead.clear()
        self._head, self._target, self._fresh, self._foreign, self._is_gone = 0, "", False, False, False
        self._picture.take(state, cause)
