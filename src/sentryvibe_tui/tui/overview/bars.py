"""The lines around the list: how all agents stand, what the columns are called, what is out of sight."""

from __future__ import annotations

from ...client.watching import LinkStatus
from ...model.text import clean_line
from ...report.words import cost, link_mark
from ..context import RenderContext, role
from ..lines import Line, cut, fill, length, parted
from ..widgets.painted import Bar
from .agents import Agents
from .columns import head_line
from .counting import AgentCounts
from .roster import Roster
from .words import count_words

PROGRAM = "sentryvibe"


class Summary(Bar):
    """`2 wait for you · 3 working`, what today cost, and the servers with their links."""

    def __init__(self, roster: Roster, context: RenderContext, **options: str) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.context = context
        self.counts = AgentCounts()
        self.links: dict[str, tuple[str, LinkStatus]] = {}
        """By server: what its machine is called, and how the link to it stands."""

    @property
    def is_connecting(self) -> bool:
        """Whether nothing is known yet, because no server was heard."""
        return all(link.phase == "connecting" for _, link in self.links.values())

    def line(self, width: int) -> Line:
        links, spent = self._links(width), self._cost()
        room = width - 2 - (length(links) + 3 if links else 0)
        counts, is_told = self._counts(room - length(spent) - 3)
        if not is_told:
            spent, (counts, _) = [], self._counts(room)
        parts: list[tuple[int, Line]] = [(0, counts), (1, spent)]
        if length(counts) + length(spent) + len(PROGRAM) + 6 <= room:
            parts.insert(0, (2, [(PROGRAM, "strong")]))
        return [(" ", ""), *parted(parts, links, width - 2, "   "), (" ", "")]

    def _counts(self, room: int) -> tuple[Line, bool]:
        """As many as fit, the most urgent first; whether those that are at work or call for the reader are there."""
        words = count_words(self.counts)
        if not words:
            return [("looking" if self.is_connecting else "no agent is at work", "dim")], True
        dot = f" {self.context.glyphs.dot} "
        number = len(words)
        while number > 1 and sum(len(text) + len(dot) for text, _ in words[:number]) - len(dot) > room:
            number -= 1
        line: Line = []
        for text, tone in words[:number]:
            line += [(dot, "faint")] if line else []
            line.append((text, "alarm" if tone == "warn" else "dim" if tone is None else role(tone)))
        return line, all(tone is None for _, tone in words[number:])

    def _cost(self) -> Line:
        if not self.counts.cost_usd:
            return []
        return [(f"{'~' if self.counts.is_estimated else ''}{cost(self.counts.cost_usd)} today", "dim")]

    def _links(self, width: int) -> Line:
        """A server that is out of reach says so; on a narrow screen only that one."""
        line: Line = []
        for name, link in self.links.values():
            mark = link_mark(link, self.context.now(), self.context.glyphs)
            is_well = is_within_reach(link)
            if width < 80 and is_well:
                continue
            label = " ".join(clean_line(part, 80) for part in (name, *(() if is_well else (mark.word,))))
            line += [("  ", "")] if line else []
            line += [(mark.glyph + " ", "good" if is_well else role(mark.tone)), (label, "dim")]
        return cut(line, max(12, width // 2))


def is_within_reach(link: LinkStatus) -> bool:
    return link.phase in ("live", "waiting")


class ColumnHeads(Bar):
    """What the columns of the list are called."""

    def __init__(self, agents: Agents, **options: str) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.agents = agents

    def line(self, width: int) -> Line:
        return [(" " * self.agents.gutter.left, ""), (head_line(self.agents.columns), "faint")]


class ListStatus(Bar):
    """A rule that says what is out of sight: above and below the window, by the filter, hidden."""

    def __init__(self, agents: Agents, roster: Roster, context: RenderContext, **options: str) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.agents, self.roster, self.context = agents, roster, context

    def line(self, width: int) -> Line:
        rule = self.context.glyphs.rule
        left: Line = [(rule, "faint")]
        for text, tone in self._conditions():
            left += [(f" {text} ", tone), (rule, "faint")]
        left = cut(left, width)
        right = self._out_of_sight()
        line = fill(left, right, width)
        return [(text if text.strip() else rule * len(text), "faint" if not text.strip() else tone)
                for text, tone in line]  # fmt: skip

    def _conditions(self) -> Line:
        """What the list is filtered and grouped by."""
        conditions: Line = []
        if self.roster.options.needle:
            conditions.append((f"filter: {self.roster.options.needle}", "accent"))
        if self.roster.preferences.group_by != "state":
            conditions.append((f"by {self.roster.preferences.group_by}", "dim"))
        if self.roster.hidden_count:
            state = ", shown" if self.roster.options.shows_hidden else ""
            conditions.append((f"{self.roster.hidden_count} hidden{state}", "dim"))
        return conditions

    def _out_of_sight(self) -> Line:
        """`↑ 2, 1 waits  ↓ 5`."""
        top, bottom = self.agents.window
        landmarks, slots = self.roster.landmarks, len(self.roster.slots)
        line: Line = []
        for sign, begin, end in (("↑", 0, top), ("↓", bottom + 1, slots)):
            rows, waiting = landmarks.between(begin, end)
            if rows > 0:
                line += [(" ", ""), (f"{sign} {rows}", "dim")]
                line += [(f", {waiting} {'waits' if waiting == 1 else 'wait'}", "alarm")] if waiting else []
                line.append((" ", ""))
        return line
