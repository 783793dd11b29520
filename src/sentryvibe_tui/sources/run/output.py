"""A command's output as events: of an agent whose format is known or shows itself, else as the text of one call.

Sans-I/O: what is to be published comes back from every input, what is to be printed lies in `printed`.
"""

from __future__ import annotations

import codecs
import shlex
import signal
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from ...agents.common.reader import Reader, Reported
from ...agents.detect import detect, new_reader
from ...agents.redact import Redacted, Redactor
from ...errors import UnknownFormat
from ...model.events import BuildStarted, TextAdded, ToolEnded, ToolStarted
from ...model.facts import AgentReported, BuildEnded, Noticed
from ...model.state import Agent
from ...model.text import clean, clean_line
from ...wire.json import raw
from .mirror import Mirror, Stray

UNDECIDED = 64 * 1024
"""Bytes within which an output of an unknown command must show a format."""
STREAMED = 1024 * 1024
"""Characters of text that are published as they come; what follows is in the call's output only."""
TEXT_LIMIT = 32 * 1024
"""Characters kept of an output's beginning and of its end."""

CALL, TEXT = "command", "output"


class Exit(Struct, frozen=True):
    """How a process ended: as `subprocess` says it, negative for a signal."""

    code: int

    @property
    def status(self) -> int:
        """As a shell tells it."""
        return self.code if self.code >= 0 else 128 - self.code

    @property
    def words(self) -> str:
        if self.code >= 0:
            return f"exited with code {self.code}"
        try:
            return f"was killed by {signal.Signals(-self.code).name}"
        except ValueError:
            return f"was killed by signal {-self.code}"


class Output:
    """What a command writes. `form`: the reader's name, "" to find out. `redactor` None: nothing is masked."""

    def __init__(self, argv: Sequence[str], agent: str, form: str, cwd: str, redactor: Redactor | None = None) -> None:
        self._argv, self._agent, self._cwd, self._redactor = argv, agent, cwd, redactor
        self._reader: Reader | None = self._new_reader(form) if form else None
        self.is_text = False
        """It is no agent's: what is printed is the output itself."""
        self._head = b""
        self._mirror, self._stray, self._text = Mirror(), Stray(), _Text(redactor)
        self._errors = _Text(None if redactor is None else redactor.copy())
        self._began = self._call_open = False
        self.printed: list[tuple[int, bytes]] = []
        """(1 stdout | 2 stderr, bytes) for the terminal, to be taken away by whoever prints."""

    def stdout(self, data: bytes) -> list[Reported]:
        if self._reader is not None:
            return self._read(data)
        self._head += data
        if not self.is_text:
            self._decide()
        head, self._head = self._head, b""
        if self._reader is not None:
            return self._read(head)
        if self.is_text:
            return self._show(1, head)
        self._head = head
        return []

    def stderr(self, data: bytes) -> list[Reported]:
        self._errors.add(data)
        if self.is_text:
            return self._show(2, data)
        self.printed.append((2, data))
        return []

    def waiting(self) -> list[Reported]:
        """A command that says nothing yet runs all the same: its call begins."""
        return [] if self._reader is not None or self._began else self._begin()

    def flush(self) -> list[Reported]:
        """The text that came since the last time."""
        return _text_report(self._text.take())

    def finish(self, exit_: Exit) -> list[Reported]:
        """The end, as the agent said it, or as the process' end lets know (docs/agents.md#rules-for-every-format)."""
        if self._reader is None:
            self.is_text = True
            return [*self._show(1, self._head), *self._end_call(exit_)]
        reports = self._events(self._reader.finish())
        last = self._mirror.last()
        if last:
            self.printed.append((1, last.encode()))
        if not self._began:
            return [*self._begin(), *self._end_call(exit_)]
        return [*(self._close_call(exit_) if self._call_open else []), *self._with_exit(reports, exit_)]

    # ----------------------------------------------------------------------- agents

    def _new_reader(self, form: str) -> Reader:
        return new_reader(form) if self._redactor is None else Redacted(new_reader(form), self._redactor)

    def _decide(self) -> None:
        """By the first lines, as long as they can be JSON."""
        start = self._head.lstrip()
        if start and not start.startswith((b"{", b"[{", b"data:", b"event:")):
            self.is_text = True
        elif b"\n" in start or len(start) > UNDECIDED:
            try:
                self._reader = self._new_reader(detect(self._head.rpartition(b"\n")[0]))
            except UnknownFormat:
                self.is_text = len(start) > UNDECIDED

    def _read(self, data: bytes) -> list[Reported]:
        assert self._reader is not None
        stray = self._stray.of(data)
        if stray:
            self.printed.append((1, stray))
            self._text.add(stray)
        return self._events(self._reader.feed(data))

    def _events(self, reports: list[Reported]) -> list[Reported]:
        said = self._mirror.words(report.event for report in reports)
        if said:
            self.printed.append((1, said.encode("utf-8", "replace")))
        if self._began or not any(not isinstance(report.event, BuildEnded | Noticed) for report in reports):
            return reports
        self._began = True
        session = reports[0].session
        return [reports[0], Reported(AgentReported(Agent(cwd=self._cwd)), None, session), *reports[1:]]

    def _with_exit(self, reports: list[Reported], exit_: Exit) -> list[Reported]:
        """An output that just ended says nothing of why: the exit code and the last words on stderr do."""
        end = next((report for report in reports if isinstance(report.event, BuildEnded)), None)
        if end is None or not isinstance(end.event, BuildEnded):
            return reports
        if end.event.outcome == "completed" and exit_.code == 0:
            return reports
        notice = Reported(Noticed(f"{self._agent} {exit_.words}{self._last_words()}", "warning"), None, end.session)
        ended = end.event
        if ended.outcome == "interrupted" and not ended.error:
            ended = replace(ended, error=f"{self._agent} {exit_.words} without an end of the build")
        rest = [report for report in reports if report is not end]
        return [*rest, notice, replace(end, event=ended)]

    def _last_words(self) -> str:
        self._errors.end()
        lines = [line for line in clean(self._errors.tail).splitlines() if line.strip()]
        return f": {clean_line(' / '.join(lines[-3:]))}" if lines else ""

    # ----------------------------------------------------------------------- other commands

    def _begin(self) -> list[Reported]:
        self._began = self._call_open = True
        shown = self._redact(shlex.join(self._argv))
        agent = Agent(agent_id=self._agent, title=clean_line(shown, 120), cwd=self._cwd)
        call = ToolStarted(CALL, "Bash", raw({"command": shown}))
        return [Reported(event) for event in (BuildStarted(), AgentReported(agent), call)]

    def _show(self, stream: int, data: bytes) -> list[Reported]:
        if not data:
            return [] if self._began else self._begin()
        self.printed.append((stream, data))
        self._text.add(data)
        return [] if self._began else self._begin()

    def _end_call(self, exit_: Exit) -> list[Reported]:
        begin = [] if self._began else self._begin()
        closed = [*begin, *self._close_call(exit_)]
        masked = None if self._redactor is None else self._redactor.news()
        return [*closed, *([Reported(masked)] if masked is not None else []), Reported(self._ended(exit_))]

    def _close_call(self, exit_: Exit) -> list[Reported]:
        self._call_open = False
        self._text.end()
        self._errors.end()
        end = ToolEnded(CALL, raw(self._text.full_text() or self._errors.full_text()), exit_.code != 0, "Bash")
        return [*_text_report(self._text.take()), Reported(end)]

    def _redact(self, text: str) -> str:
        return text if self._redactor is None else self._redactor.text(text)

    def _ended(self, exit_: Exit) -> BuildEnded:
        if exit_.code == 0:
            return BuildEnded("completed")
        error = f"{self._agent} {exit_.words}"
        return BuildEnded("failed" if exit_.code > 0 else "interrupted", error=error + self._last_words())


def _text_report(text: str) -> list[Reported]:
    return [Reported(TextAdded(TEXT, text))] if text else []


class _Text:
    """Text of any length in bounded memory, masked: its beginning, its end, and what was not yet taken.

    It is masked before anything is cut off: half a secret would not look like one.
    """

    def __init__(self, redactor: Redactor | None) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._redactor = redactor
        self._waiting = ""
        self._head = self.tail = ""
        self._length = 0
        self._fresh: list[str] = []

    def add(self, data: bytes) -> None:
        said = self._waiting + self._decoder.decode(data)
        told, self._waiting = (said, "") if self._redactor is None else self._redactor.grown(said)
        self._keep(told)

    def end(self) -> None:
        """Nothing follows: what waited for its rest has none."""
        waiting, self._waiting = self._waiting, ""
        self._keep(waiting if self._redactor is None else self._redactor.text(waiting))

    def _keep(self, piece: str) -> None:
        room = STREAMED - self._length
        if room > 0:
            self._fresh.append(piece[:room])
        self._length += len(piece)
        if len(self._head) < TEXT_LIMIT:
            self._head += piece[: TEXT_LIMIT - len(self._head)]
        self.tail = (self.tail + piece)[-TEXT_LIMIT:]

    def take(self) -> str:
        """What is new; what may be half a secret waits."""
        fresh, self._fresh = "".join(self._fresh), []
        return fresh

    def full_text(self) -> str:
        """All of it, or its beginning and end with a mark between."""
        if self._length <= TEXT_LIMIT:
            return self._head
        missing = self._length - 2 * TEXT_LIMIT
        if missing <= 0:
            return self._head + self.tail[2 * TEXT_LIMIT - self._length :]
        return f"{self._head}\n… {missing:,} characters left out …\n{self.tail}"
