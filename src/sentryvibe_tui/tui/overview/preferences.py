"""What the reader set in the overview, and what the reader has seen: kept in one small file of the state folder."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import reduce
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from ...folders import make_private
from ...model.summary import BuildKey

log = logging.getLogger("sentryvibe_tui.tui")

Grouping = Literal["state", "project", "agent", "host"]
GROUPINGS: tuple[Grouping, ...] = ("state", "project", "agent", "host")

MAX_MARKS = 2_000
"""Builds of which a mark is kept; the oldest marks go."""

Name = str
"""`build_name`: a build wherever it is seen."""


class Preferences(Struct, frozen=True):
    """`names` are the reader's own; `stamps` (`triage.build_stamp`) how builds stood when last looked at."""

    group_by: Grouping = "state"
    pins: tuple[Name, ...] = ()
    hidden: tuple[Name, ...] = ()
    names: Mapping[Name, str] = {}
    stamps: Mapping[Name, str] = {}

    def toggle_pin(self, name: Name) -> Preferences:
        """Pinned, or no longer."""
        return replace(self, pins=_toggled(self.pins, name))

    def toggle_hidden(self, name: Name) -> Preferences:
        """Hidden, or no longer."""
        return replace(self, hidden=_toggled(self.hidden, name))

    def with_name(self, name: Name, own: str) -> Preferences:
        """Called `own` from now on; "" gives its name back."""
        others = {known: text for known, text in self.names.items() if known != name}
        return replace(self, names=_bounded({**others, name: own} if own else others))

    def with_stamp(self, name: Name, stamp: str) -> Preferences:
        if self.stamps.get(name) == stamp:
            return self
        others = {known: text for known, text in self.stamps.items() if known != name}
        return replace(self, stamps=_bounded({**others, name: stamp}))

    def with_next_grouping(self) -> Preferences:
        """By the next thing there is."""
        at = GROUPINGS.index(self.group_by)
        return replace(self, group_by=GROUPINGS[(at + 1) % len(GROUPINGS)])


def build_name(key: BuildKey) -> Name:
    return "\n".join((key.project_id, key.session_id, key.build_id))


def _toggled(names: tuple[Name, ...], name: Name) -> tuple[Name, ...]:
    return tuple(known for known in names if known != name) if name in names else (*names, name)[-MAX_MARKS:]


def _bounded(values: dict[Name, str]) -> dict[Name, str]:
    return dict(list(values.items())[-MAX_MARKS:])


class PreferencesFile:
    """Several overviews may be open: each changes what the file holds then, and writes it whole or not at all."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Preferences:
        """What is kept; the defaults where nothing is, or nothing that can be read."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Preferences)
        except FileNotFoundError:
            return Preferences()
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            log.warning("%s cannot be read: %s", self._path, error)
            return Preferences()

    def _set_aside(self) -> None:
        """What cannot be read is not written over."""
        try:
            msgspec.json.decode(self._path.read_bytes(), type=Preferences)
        except FileNotFoundError:
            pass
        except (msgspec.MsgspecError, UnicodeDecodeError):
            self._path.replace(self._path.with_name(f"{self._path.name}.bad"))

    def change(self, change: Callable[[Preferences], Preferences]) -> Preferences:
        """What the preferences are afterwards. Waits while another overview changes them. Raises OSError."""
        make_private(self._path.parent)
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            preferences = change(self.read())
            self._set_aside()
            self._write(preferences)
        finally:
            os.close(folder)
        return preferences

    def _write(self, preferences: Preferences) -> None:
        """Whole or not at all; under the lock."""
        fresh = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            with suppress(FileNotFoundError):
                fresh.unlink()
            with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(msgspec.json.encode(preferences))
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
        finally:
            with suppress(OSError):
                fresh.unlink()


class PreferenceChanges:
    """What the reader changes, on its way into the file: in the order in which it was done, several at once."""

    def __init__(self, file: PreferencesFile) -> None:
        self._file = file
        self._unwritten: list[Callable[[Preferences], Preferences]] = []
        self._lock = asyncio.Lock()

    def add(self, change: Callable[[Preferences], Preferences]) -> None:
        self._unwritten.append(change)

    async def save(self) -> None:
        """Beside the event loop."""
        async with self._lock:
            await asyncio.to_thread(self.write)

    def write(self) -> None:
        """A file that cannot be written costs the changes, and the log says so."""
        changes, self._unwritten = self._unwritten, []
        try:
            if changes:
                self._file.change(lambda stored: reduce(lambda now, change: change(now), changes, stored))
        except OSError as error:
            log.warning("the overview's settings could not be written: %s", error)
