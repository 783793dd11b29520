"""What every reader of an agent's output does. Sans-I/O: bytes in, events out; no clock, no files."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from msgspec import Struct

from ...model.events import BuildEvent
from ...model.facts import Noticed
from ...model.state import Millis

log = logging.getLogger("sentryvibe_tui.agents")


class Reported(Struct, frozen=True):
    """One event of a build. `at` is the agent's own time, when its format has one.

    `session` is the agent's own id of the build; another one than before means that another build began.
    """

    event: BuildEvent
    at: Millis | None = None
    session: str = ""


@dataclass
class Counts:
    """What a reader met: lines in all, and what it could not use."""

    lines: int = 0
    noise: int = 0
    oversize: int = 0
    broken: int = 0
    undated: int = 0
    unknown: Counter[str] = field(default_factory=Counter[str])
    refusals: int = 0
    refused: list[str] = field(default_factory=list[str])
    """Of the events that no server would take the first: where each stands, and why; the last word may be `…`."""

    def left_out(self) -> Noticed | None:
        """One notice of everything that was not understood; None when there is nothing to tell."""
        phrases: list[str] = []
        if self.noise:
            phrases.append(f"{self.noise} lines that are no JSON")
        if self.oversize:
            phrases.append(f"{self.oversize} lines that are too long")
        if self.broken:
            phrases.append(f"{self.broken} records that make no sense")
        if self.undated:
            phrases.append(f"{self.undated} times that are no dates")
        if self.refused:
            phrases.append(f"{self.refusals} events that are refused ({'; '.join(self.refused)})")
        if self.unknown:
            kinds = ", ".join(f"{kind[:40]} ×{count}" for kind, count in self.unknown.most_common(8))
            phrases.append(f"{self.unknown.total()} records of unknown kind ({kinds})")
        return Noticed("not read: " + "; ".join(phrases)) if phrases else None

    def add_unknown(self, kind: str) -> None:
        """Counts a record of unknown kind; at most 256 kinds are told apart."""
        self.unknown[kind if len(self.unknown) < _KINDS or kind in self.unknown else "…"] += 1

    def refuse(self, why: str) -> None:
        """Counts an event that no server would take. `why` says also where it stands."""
        self.refusals += 1
        if len(self.refused) < _REFUSED:
            self.refused.append(why if self.refusals < _REFUSED else "…")


_KINDS = 256
_REFUSED = 17


class Reader(Protocol):
    """Reads one input: a pipe, a file, or one of several files of a build.

    The same bytes give the same events, however they are cut into pieces; a longer input only adds events.
    """

    counts: Counts

    def feed(self, data: bytes) -> list[Reported]:
        """The events of what is complete in everything fed so far."""
        ...

    def finish(self) -> list[Reported]:
        """The last events, now that the input has ended: among them the end of the build."""
        ...


def reports_of(
    records: Iterable[dict[str, Any]], read: Callable[[dict[str, Any]], Iterable[Reported]], counts: Counts
) -> list[Reported]:
    """What `read` makes of each record. One that it stumbles over is counted, and those behind it are read."""
    reports: list[Reported] = []
    for record in records:
        try:
            for report in read(record):  # what came before the stumbling counts
                reports.append(report)  # noqa: PERF402
        except Exception:
            counts.broken += 1
            log.debug("a record is left out", exc_info=True)
    return reports


def innermost(reader: Reader) -> Reader:
    """The reader of the format, behind those that mask or that find out the format."""
    inner: Reader | None = getattr(reader, "inner", None)
    return reader if inner is None else innermost(inner)
