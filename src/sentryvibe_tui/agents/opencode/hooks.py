"""What our plugin in opencode leaves for the server: opencode's own events, each with its root session (plugin.py)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from ...model.facts import BuildEnded, TurnEnded
from ...model.state import BuildState, Millis
from ..common.hook_dialect import HookDialect
from ..common.reader import Counts, Reported, reports_of
from ..common.values import Record, obj, text
from ..redact import Redactor
from .events import Events
from .tools import AGENT

SESSIONS = 256
"""Sessions that are remembered; the one that was silent for longest is forgotten first."""


class PluginReader:
    """Takes one payload at a time: `{"session_id", "cwd", "event": {"type", "properties"}}`."""

    def __init__(self, redactor: Redactor | None = None) -> None:
        self.counts = Counts()
        self._redactor = redactor
        self._sessions: OrderedDict[str, tuple[Events, Redactor | None]] = OrderedDict()

    def knows(self, session: str) -> bool:
        return session in self._sessions

    def resume(self, name: str, state: BuildState) -> None:
        """There is nothing to know of what was told before: events say all that they are about."""

    def read(self, payload: Record, received: Millis | None = None) -> list[Reported]:
        return reports_of([payload], self._read, self.counts)

    def _read(self, record: Record) -> Iterator[Reported]:
        root, event = text(record, "session_id"), obj(record, "event")
        events, redactor = self._session(root)
        own = text(obj(event, "properties"), "sessionID")
        if own and events.place(own)[0] != root:
            events.put(own, root, "")
        for report in events.read(event):
            redacted_event = report.event if redactor is None else redactor.event(report.event)
            is_end = redactor is not None and isinstance(report.event, BuildEnded | TurnEnded)
            news = redactor.news() if redactor is not None and is_end else None
            if news is not None:
                yield Reported(news, report.at, root)
            yield Reported(redacted_event, report.at, root)

    def _session(self, name: str) -> tuple[Events, Redactor | None]:
        if name not in self._sessions:
            masks = None if self._redactor is None else self._redactor.copy()
            self._sessions[name] = (Events(self.counts, "hook"), masks)
            if len(self._sessions) > SESSIONS:
                self._sessions.popitem(last=False)
        self._sessions.move_to_end(name)
        return self._sessions[name]


HOOKS = HookDialect(agent_id=AGENT, reader=PluginReader)
