"""One session that is followed: its file and those of its subagents become one build. Reads files, no more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..agents.claude_session import ClaudeSession, first_prompt, subagent_prompt
from ..agents.detect import READERS
from ..agents.reading import Reader, Reported
from ..agents.redact import Redacted, Redactor
from ..model.events import About, BuildEnded
from ..model.state import Millis
from ..wire.events import Posted
from ..wire.projects import ProjectName
from .posting import Posting
from .sessions import HEAD, AgentName, Session, subagent_files
from .tail import Tail
from .turns import read_turn_end

SETTLED = 30.0
"""Seconds without a word after which a turn that ended is the end of the build, as far as one can know."""
SILENT = 30 * 60.0
"""Seconds without a word after which an unfinished turn is taken for interrupted."""
ORPHANED = 10.0
"""Seconds that a subagent's file waits for the call it belongs to."""

_FORMATS: dict[AgentName, str] = {"claude": "claude-session", "codex": "codex-rollout", "gemini": "gemini-session"}


class Following:
    """Pulls what is new. Everything it gives again after a restart has the same event ids as before."""

    def __init__(
        self, session: Session, project: ProjectName, settled: float = SETTLED, redactor: Redactor | None = None
    ) -> None:
        self.session, self.project = session, project
        self.changed = session.changed
        self._settled, self._redactor = settled, redactor
        posting = Posting(project.id, project.name, session.id)
        self._main = _Input(session.path, posting, session.agent, redactor)
        self._subagents: dict[Path, _Input] = {}
        self._waiting: dict[Path, float] = {}
        self._calls: dict[str, list[str]] = {}
        self._told_at = -1
        self.has_ended: bool = False

    @property
    def about(self) -> About:
        return self._main.posting.about

    def pull(self, now: float) -> tuple[list[Posted], bool]:
        """What came since the last pull, a bounded piece of each file, and whether there is more to pull at once.

        `now` is epoch seconds.
        """
        posted = list(self._read(self._main))
        more = self._main.more
        if self.session.agent == "claude" and not more:
            self._find_subagents(now)
            for subagent in self._subagents.values():
                posted += self._read(subagent)
                more = more or subagent.more
        if posted:
            self.changed, self.has_ended = self._written(), False
        elif not more:
            posted += self._end(now)
        return posted, more

    def is_quiet(self, now: float, bound: float) -> bool:
        """The build has ended, and nothing was written for `bound` seconds."""
        return self.has_ended and now - self.changed > bound

    # ----------------------------------------------------------------------- files

    def _read(self, source: _Input) -> Iterator[Posted]:
        for posted in source.read():
            prompt = subagent_prompt(posted.event)
            if prompt:
                call_id = getattr(posted.event, "id", "")
                calls = self._calls.setdefault(prompt, [])
                if call_id not in calls:
                    calls.append(call_id)
            yield posted

    def _find_subagents(self, now: float) -> None:
        """New files, each under the call whose prompt it begins with; of equal prompts each file takes its own."""
        for path in subagent_files(self.session.path):
            if path in self._subagents:
                continue
            call_id = self._call_of(path)
            since = self._waiting.setdefault(path, now)
            if not call_id and now - since < ORPHANED:
                continue
            del self._waiting[path]
            posting = Posting(*self._identity(), fixed=True, source=path.stem)
            self._subagents[path] = _Input(path, posting, "claude", self._redactor, call_id or path.stem)

    def _identity(self) -> tuple[str, str, str]:
        return self.project.id, self.project.name, self.about.session_id

    def _call_of(self, path: Path) -> str:
        try:
            with path.open("rb") as file:
                prompt = first_prompt(file.read(HEAD))
        except OSError:
            return ""
        if self._redactor is not None:
            prompt = self._redactor.text(prompt)
        taken = {subagent.parent_id for subagent in self._subagents.values()}
        calls = self._calls.get(prompt, [])
        return next((call for call in calls if call not in taken), calls[0] if calls else "")

    # ----------------------------------------------------------------------- ends

    def _written(self) -> float:
        """When any of the files was last written, epoch seconds."""
        moments: list[float] = []
        for source in (self._main, *self._subagents.values()):
            try:
                moments.append(source.tail.path.stat().st_mtime)
            except OSError:
                continue
        return max(moments, default=self.changed)

    def _end(self, now: float) -> Iterator[Posted]:
        """The end of the build, once for each place where the files stand."""
        place: int = sum(source.tail.offset for source in (self._main, *self._subagents.values()))
        silence = now - self.changed
        if place == self._told_at or silence < self._settled or not self._main.posting.begun:
            return
        end = read_turn_end(self.session.path, self.session.agent)
        if end is not None:
            event = BuildEnded(end.outcome, error=end.error)
        elif silence >= SILENT:
            event = BuildEnded("interrupted", error=f"nothing written for {SILENT / 60:.0f} min")
        else:
            return
        self._told_at, self.has_ended = place, True
        yield Posted(self.about, event, f"end-{event.outcome}-{place}", Millis(self.changed * 1000))


class _Input:
    """One file with its reader. `parent_id`: the call that its subagent serves."""

    def __init__(
        self, path: Path, posting: Posting, agent: AgentName, redactor: Redactor | None, parent_id: str = ""
    ) -> None:
        self.tail, self.posting, self.parent_id = Tail(path), posting, parent_id
        self._redactor = redactor
        self.more = False
        self._agent: AgentName = agent
        self._is_document = path.suffix == ".json"
        self._reader = self._new_reader()

    def _new_reader(self) -> Reader:
        reader = ClaudeSession(self.parent_id) if self.parent_id else READERS[_FORMATS[self._agent]]()
        return reader if self._redactor is None else Redacted(reader, self._redactor)

    def read(self) -> Iterator[Posted]:
        grown = self.tail.look()
        self.more = grown.more
        if grown.restarted or (self._is_document and grown.data):
            self.posting = self.posting.again()
            self._reader = self._new_reader()
        if self._is_document and grown.data and not grown.more:
            yield from self.posting.label(self._document(), past=True)
        elif grown.data and not self._is_document:
            yield from self.posting.label(self._reader.feed(grown.data), past=True)
        if not grown.more:
            yield from self.posting.rest()

    def _document(self) -> list[Reported]:
        """The whole file, which is written anew whenever it grows; nothing while it is being written."""
        try:
            data = self.tail.path.read_bytes()
        except OSError:
            return []
        if not data.rstrip().endswith(b"}"):
            return []
        reports = [*self._reader.feed(data), *self._reader.finish()]
        return [report for report in reports if not isinstance(report.event, BuildEnded)]
