"""Where Codex keeps its rollout files, a folder a day, and what belongs to a thread (docs/agents.md#codex-rollouts)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ...model.events import BuildEvent, UsageReported
from ...model.facts import AgentReported, CodexReported
from ...model.state import Agent
from ...model.usage import Usage
from ...wire.json import decode
from ..common.folders import Heads, Listing, Owner, changed_at, files_below, folders, head_at, home
from ..common.reader import Reader, Reported, innermost
from ..common.session_files import Session, SessionFiles
from ..common.spending import NAMELESS, RunningTotals, as_tokens
from ..common.values import text
from ..common.zstd import PACKED
from ..redact import Redactor
from .hooks import MEMORIES
from .session import CodexRollout
from .subagents import CodexSubagents, Spawned


def root(environ: Mapping[str, str]) -> Path:
    """CODEX_HOME moves it."""
    moved = environ.get("CODEX_HOME")
    return (Path(moved) if moved else home(environ) / ".codex") / "sessions"


class CodexFolder:
    """Threads that a person began: a subagent's file counts as one of the thread that spawned it.

    Those in Codex' own folder of memories are Codex' own work.
    """

    def __init__(self, root: Path, directory: str) -> None:
        self._root, self._owner, self._heads = root, Owner(directory), Heads()
        self._begun = set[Path]()
        memories = str(root.parent / MEMORIES)
        self._own = {memories, os.path.realpath(memories)}

    def changed_since(self, moment: float) -> Iterator[Session]:
        threads = {thread: file for file in files_below(self._root, 3) if (thread := _thread_of(file.name))}
        latest: dict[str, float] = {}
        for thread, file in threads.items():
            changed = changed_at(file)
            if changed >= moment:
                first = self._first_of(thread, threads)
                latest[first] = max(changed, latest.get(first, 0.0))
        for thread, changed in latest.items():
            path = Path(threads[thread].path)
            head = self._heads.of(path)
            if self._owner.owns(head.cwd) and head.cwd not in self._own and self._is_begun(path):
                yield Session("codex", path, head.codex_id or thread, head.cwd, changed)

    def _is_begun(self, path: Path) -> bool:
        if path not in self._begun and _has_begun(path):
            self._begun.add(path)
        return path in self._begun

    def _first_of(self, thread: str, threads: Mapping[str, os.DirEntry[str]]) -> str:
        """The thread at whose request this one works; itself when there is none, or its file is not there."""
        seen = {thread}
        while (parent := self._heads.of(Path(threads[thread].path)).parent) in threads and parent not in seen:
            seen.add(parent)
            thread = parent
        return thread


class SpawnedRollouts:
    """The files of subagents that began on the day of a session, or later. `session`: its rollout file."""

    def __init__(self, session: Path) -> None:
        self._session = session
        self._heads: dict[str, Spawned | None] = {}
        self._days: dict[str, Listing] = {}

    def rollouts(self) -> list[Spawned]:
        """Oldest first. A file is looked into until its head says whose it is."""
        day = self._session.parent
        year_month_day = day.parts[-3:]
        is_kept = [len(part) for part in year_month_day] == [4, 2, 2]
        days = _from(day.parents[2], year_month_day) if is_kept else [str(day)]
        listings = (self._days.setdefault(date, Listing(date)) for date in days)
        rollouts = (file for one in listings for file in one.entries() if _is_rollout(file.name))
        later = sorted((file for file in rollouts if file.name > self._session.name), key=lambda file: file.name)
        return [one for file in later if (one := self._spawned(file.path)) is not None]

    def _spawned(self, path: str) -> Spawned | None:
        if path not in self._heads:
            head = head_at(Path(path))
            if not head.codex_id:
                return None
            one = Spawned(Path(path), head.codex_id, head.parent, head.agent_path)
            self._heads[path] = one if head.parent else None
        return self._heads[path]


def _from(root: Path | str, names: Sequence[str]) -> Iterator[str]:
    """Folders of days, that of the year, month and day in `names` and those after it."""
    if not names:
        yield str(root)
        return
    for folder in folders(root):
        if folder.name >= names[0]:
            yield from _from(folder.path, names[1:] if folder.name == names[0] else [""] * (len(names) - 1))


def session_of(path: Path) -> str:
    """The thread that spawned the one of this file; "" when a person began it."""
    return head_at(path).parent if _is_rollout(path.name) and path.is_file() else ""


def _has_begun(path: Path) -> bool:
    """Whether anything follows a rollout's head: a screen that is closed without a prompt may leave the head alone."""
    if path.suffix == PACKED:
        return True
    try:
        with path.open("rb") as file:
            file.readline()
            return bool(file.read(1))
    except OSError:  # gone meanwhile
        return False


def _thread_of(name: str) -> str:
    """Whose rollout a file of that name is, compressed or not; "" for any other file."""
    name = name.removesuffix(PACKED)
    return name[-42:-6] if _is_rollout(name) else ""


def _is_rollout(name: str) -> bool:
    return name.startswith("rollout-") and name.endswith(".jsonl")


def _subagents(session: Path, reader: Reader, redactor: Redactor | None) -> CodexSubagents | None:
    is_ours = isinstance(innermost(reader), CodexRollout)
    return CodexSubagents(session, redactor, SpawnedRollouts(session)) if is_ours else None


# --------------------------------------------------------------------------- beside a stream

THREAD_HEAD = 512 * 1024
"""Bytes at a rollout's start that are looked through, and at its end."""


class CodexThread:
    """A thread of which the stream tells the id; its model and folder stand in its rollout file once a turn began.

    What it used is told by the stream, and has a price only with the model.
    """

    def __init__(self, sessions: Path) -> None:
        self._sessions = sessions
        self._thread = self._model = ""
        self._totals = RunningTotals()
        self._used: Usage | None = None
        """The latest total, if it has no price yet."""

    def heard(self, reports: Iterable[Reported]) -> None:
        for report in reports:
            if isinstance(report.event, CodexReported):
                thread = text(decode(bytes(report.event.codex), dict[str, Any]), "threadId")
                self._thread = thread or self._thread
            elif isinstance(report.event, UsageReported) and report.event.usage.unpriced == NAMELESS:
                self._used = report.event.usage

    def look(self) -> list[BuildEvent]:
        """What the file tells, once, and what the stream said of tokens meanwhile with its price. Nothing as long as
        there is no such file, or no turn in it."""
        events: list[BuildEvent] = []
        path = _rollout(self._sessions, self._thread) if self._thread else None
        agent = None if path is None else _agent_of(path)
        if agent is not None and agent.model:
            self._thread, self._model = "", agent.model
            events.append(AgentReported(agent))
        if self._model and self._used is not None:
            events.append(UsageReported(self._totals.grown(self._model, as_tokens(self._used), None)))
            self._used = None
        return events


def _rollout(sessions: Path, thread: str) -> Path | None:
    """The thread's file lies in the folder of the day, there, on which its id was made."""
    if os.sep in thread:
        return None
    for day in _days(thread):
        found = next((sessions / day).glob(f"rollout-*-{thread}.jsonl"), None)
        if found is not None:
            return found
    return None


def _days(thread: str) -> Iterator[str]:
    """A UUID of version 7 begins with its time; where it is midnight then depends on the place."""
    try:
        made = datetime.fromtimestamp(int(thread[:13].replace("-", ""), 16) / 1000, UTC)
        yield from ((made + timedelta(days=days)).strftime("%Y/%m/%d") for days in (0, -1, 1))
    except (ValueError, OverflowError, OSError):
        return


def _agent_of(path: Path) -> Agent | None:
    """As the first record and the latest turn tell it."""
    try:
        with path.open("rb") as file:
            data = file.read(THREAD_HEAD)
            rest = file.seek(0, os.SEEK_END) - len(data)
            file.seek(-min(rest, THREAD_HEAD), os.SEEK_END)
            data += b"\n" + file.read(THREAD_HEAD)
    except OSError:
        return None
    reader, agent = CodexRollout(), None
    for line in data.split(b"\n"):
        if b'"session_meta"' not in line[:200] and b'"turn_context"' not in line[:200]:
            continue
        for report in reader.feed(line + b"\n"):
            if isinstance(report.event, AgentReported):
                agent = report.event.agent
    return agent


def _file_of(root: Path, session: str) -> Path | None:
    paths = (Path(file.path) for file in files_below(root, 3) if _thread_of(file.name) == session)
    return next(filter(_has_begun, paths), None)


FILES = SessionFiles(
    format="codex-rollout",
    root=root,
    folder=CodexFolder,
    session_of=session_of,
    subagents=_subagents,
    companion=CodexThread,
    file_of=_file_of,
)
