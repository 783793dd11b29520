"""Claude Code's register of its running sessions, `~/.claude/sessions/<pid>.json` (measured with 2.1.332).

No document promises it: whatever is not there is not told, and an unknown status is told once.
A file goes with its session; after a kill it stays for ever, so its process counts (`pid` and `procStart`).
"""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from ...model.activity import PROCESS_GONE, ActivityKind
from ...model.events import ActivityReported, BuildStarted
from ...model.facts import AgentReported, BuildEnded, Noticed
from ...model.state import Agent, Millis
from ...model.text import clip_end
from ...processes import is_alive, is_elsewhere, pid_domain
from ..common.folders import home
from ..common.live import Sighting, polled
from .files import FILES
from .files import root as session_files
from .tools import AGENT

log = logging.getLogger("sentryvibe_tui.agents")

LARGEST = 64 * 1024
"""Bytes of an entry at most; those seen have one thousand."""
BELIEVED = 24 * 3_600_000
"""Milliseconds for which a status counts whose process cannot be asked for."""

_STATES: dict[str, tuple[ActivityKind, str]] = {
    "busy": ("working", ""),
    "waiting": ("waiting-person", ""),
    "idle": ("idle", ""),
    "shell": ("waiting-machine", "a command in the background"),
}


class RegistryEntry(Struct, frozen=True, rename="camel"):
    """What is read of a file. Times are epoch milliseconds; `proc_start` is as `processes.started_at` has it, and
    `pid_domain`, where the pid counts, as `processes.pid_domain`."""

    pid: int = 0
    session_id: str = ""
    cwd: str = ""
    proc_start: str | int | None = ""
    pid_domain: str = ""
    status: str = ""
    waiting_for: str | None = ""
    status_updated_at: int | float | None = None

    @property
    def since(self) -> Millis | None:
        return None if self.status_updated_at is None else int(self.status_updated_at)


def registry(environ: Mapping[str, str]) -> Registry:
    """CLAUDE_CONFIG_DIR moves it."""
    moved = environ.get("CLAUDE_CONFIG_DIR")
    return Registry((Path(moved) if moved else home(environ) / ".claude") / "sessions", session_files(environ))


class Registry:
    """`files`: the folder of the sessions' files. `alive`, `now` (epoch milliseconds) and `domain` (where our pids
    count) are the system's; a test has its own."""

    def __init__(
        self,
        folder: Path,
        files: Path,
        alive: Callable[[int, str], bool] = is_alive,
        now: Callable[[], Millis] = lambda: int(time.time() * 1000),
        domain: str | None = None,
    ) -> None:
        self.folder, self._files, self._alive, self._now = folder, files, alive, now
        self._domain = pid_domain() if domain is None else domain
        self._sessions: set[str] = set()
        self._stamps: dict[str, tuple[int, int, int]] = {}
        self._entries: dict[str, RegistryEntry] = {}
        self._missing: set[str] = set()
        self._ended_sessions: set[str] = set()
        self._lived: set[str] = set()
        """Entries whose processes were seen to live."""
        self._unknown: set[str] = set()

    def sightings(self) -> AsyncIterator[Sighting]:
        return polled(self.look)

    def look(self) -> list[Sighting]:
        """What changed since the last look."""
        names = self._names()
        seen = [sighting for name in names for sighting in self._read(name)]
        return [*seen, *self._ended({*names})]

    def _names(self) -> list[str]:
        try:
            return sorted(name for name in os.listdir(self.folder) if name.endswith(".json"))
        except OSError:
            return []

    def _read(self, name: str) -> Iterator[Sighting]:
        """What is no entry, or only half of one, is looked at again when it was written again."""
        path = f"{self.folder}/{name}"
        try:
            status = os.stat(path)
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            if stamp == self._stamps.get(name):
                return
            with open(path, "rb") as file:
                entry = _entry(file.read(LARGEST))
        except OSError:
            return
        self._stamps[name] = stamp
        if entry is None:
            log.info("%s is no entry of a session that is understood here", path)
            return
        before, self._entries[name] = self._entries.get(name), entry
        self._ended_sessions.discard(name)
        if before is not None and before.session_id != entry.session_id and not self._runs(before.session_id):
            yield _left(before, entry.since or self._now())
        if before is None or _signature(before) != _signature(entry):
            yield from self._sightings(entry)

    def _sightings(self, entry: RegistryEntry) -> Iterator[Sighting]:
        if not entry.status or not self._lives(entry):
            return
        if entry.status not in _STATES:
            if entry.status not in self._unknown:
                self._unknown.add(entry.status)
                notice = Noticed(f"Claude Code's register says {entry.status[:40]!r}, which is not understood here")
                yield Sighting(entry.session_id, notice, entry.since, entry.cwd)
            return
        if self._begins(entry.session_id):
            yield Sighting(entry.session_id, BuildStarted(), entry.since, entry.cwd, "begun")
            agent = AgentReported(Agent(AGENT, cwd=entry.cwd))
            yield Sighting(entry.session_id, agent, entry.since, entry.cwd, "begun-agent")
        kind, what = _STATES[entry.status]
        event = ActivityReported(kind, clip_end(entry.waiting_for or what, 200), source="registry")
        yield Sighting(entry.session_id, event, entry.since, entry.cwd)

    def _begins(self, session: str) -> bool:
        """Whether it is before its first prompt, or at it: its file is not there yet, and will tell the same then."""
        if session in self._sessions:
            return False
        self._sessions.add(session)
        try:
            with os.scandir(self._files) as folders:
                return not any(Path(folder, f"{session}.jsonl").exists() for folder in folders)
        except OSError:
            return True

    def _ended(self, there: set[str]) -> Iterator[Sighting]:
        """A file may be missing for a moment while it is written anew; a process that is gone is gone."""
        for name, entry in list(self._entries.items()):
            lives = self._lives(entry)
            if name not in there and (name in self._missing or not lives):
                self._forget(name)
                if not self._runs(entry.session_id):
                    yield _left(entry, self._now())
            elif name not in there:
                self._missing.add(name)
            elif not lives and name not in self._ended_sessions:
                self._ended_sessions.add(name)
                if not self._runs(entry.session_id):
                    end = BuildEnded("interrupted", error=PROCESS_GONE, source="registry")
                    at = self._now() if name in self._lived else self._last_sign(name, entry)
                    yield Sighting(entry.session_id, end, at, entry.cwd, f"gone-{entry.pid}-{_start(entry)}")
            else:
                self._missing.discard(name)
            if lives:
                self._lived.add(name)

    def _last_sign(self, name: str, entry: RegistryEntry) -> Millis:
        """When a process that was gone before the first look still did something: nobody saw it end."""
        session = FILES.file_of(self._files, entry.session_id) if FILES.file_of else None
        files = [] if session is None else [session, *session.with_suffix("").glob("subagents/*.jsonl")]
        signs = [entry.since or 0]
        for path in (self.folder / name, *files):
            with suppress(OSError):
                signs.append(math.ceil(path.stat().st_mtime * 1000))
        return min(max(signs), self._now())

    def _forget(self, name: str) -> None:
        del self._entries[name]
        self._stamps.pop(name, None)
        self._missing.discard(name)
        self._ended_sessions.discard(name)
        self._lived.discard(name)

    def _runs(self, session: str) -> bool:
        """Whether (another) process has that session."""
        same = (
            entry
            for name, entry in self._entries.items()
            if entry.session_id == session and name not in self._ended_sessions
        )
        return any(map(self._lives, same))

    def _lives(self, entry: RegistryEntry) -> bool:
        """A container's process cannot be asked for from here: its entry is believed, but none for ever."""
        if is_elsewhere(entry.pid_domain, self._domain):
            return self._now() - (entry.since or 0) < BELIEVED
        return self._alive(entry.pid, _start(entry))


def processes_of(environ: Mapping[str, str]) -> Mapping[str, int]:
    """By sessions, the pids that have them and live."""
    folder = registry(environ).folder
    try:
        names = [name for name in os.listdir(folder) if name.endswith(".json")]
    except OSError:
        return {}
    pids: dict[str, int] = {}
    for name in names:
        with suppress(OSError):
            entry = _entry((folder / name).read_bytes()[:LARGEST])
            if entry is None or is_elsewhere(entry.pid_domain, pid_domain()):
                continue
            if is_alive(entry.pid, _start(entry)):
                pids[entry.session_id] = entry.pid
    return pids


def _entry(data: bytes) -> RegistryEntry | None:
    """None for what is no entry: half a file, or another shape. A field of another type counts as absent."""
    try:
        fields = msgspec.json.decode(data, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    known = {key: value for key, value in fields.items() if isinstance(value, _TYPES.get(key, ()))}
    try:
        entry = msgspec.convert(known, RegistryEntry)
    except msgspec.ValidationError:
        return None
    return entry if entry.pid > 0 and entry.session_id else None


_TYPES: dict[str, tuple[type, ...]] = {
    "pid": (int,),
    "sessionId": (str,),
    "cwd": (str,),
    "procStart": (str, int),
    "pidDomain": (str,),
    "status": (str,),
    "waitingFor": (str,),
    "statusUpdatedAt": (int, float),
}


def _start(entry: RegistryEntry) -> str:
    return str(entry.proc_start or "")


def _signature(entry: RegistryEntry) -> tuple[object, ...]:
    return entry.session_id, entry.status, entry.waiting_for, entry.status_updated_at


def _left(entry: RegistryEntry, at: Millis) -> Sighting:
    """Its session is closed: by `/exit`, with its terminal, or for another session of the same process."""
    end = BuildEnded("interrupted", error="the session was closed", source="registry")
    return Sighting(entry.session_id, end, at, entry.cwd, f"left-{entry.pid}-{_start(entry)}-{at}")
