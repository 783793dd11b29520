"""Projects and builds as a table that fits the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.cells import cell_len, set_cell_size

from ..client.rest import ListedProject
from ..model.state import Millis
from ..model.summary import BuildSummary
from ..model.text import clean_line
from . import words

HEADER = (
    "PROJECT",
    "STATUS",
    "DOES",
    "TODOS",
    "TOOLS",
    "ERRORS",
    "AGENT",
    "MODEL",
    "COST",
    "CTX",
    "AGE",
    "BRANCH",
    "SESSION",
)
_LEAST = {"PROJECT": 13, "STATUS": 24}
"""Cells that these columns keep before another is left out, beside DOES with a third; what is shorter needs less.
Others are never cut."""
_LEAVING = ("SESSION", "BRANCH", "MODEL", "ERRORS", "CTX", "TODOS", "AGENT", "TOOLS", "AGE", "COST", "STATUS")
"""The columns that are left out, the first one first."""


def build_rows(projects: Iterable[ListedProject], now: Millis) -> Iterator[tuple[str, ...]]:
    """The header, and one row of safe texts for each build; a project without builds has one row too."""
    yield HEADER
    for project in projects:
        name = clean_line(project.name or project.id, 60)
        if not project.builds:
            yield (name, clean_line(project.status or "no build", 20), *[""] * (len(HEADER) - 2))
        for build in project.builds:
            yield _row(name, build, now)


def _row(name: str, build: BuildSummary, now: Millis) -> tuple[str, ...]:
    mark, doing = words.listed_mark(build), build.activity
    wait = f" {words.duration(words.waited(doing, now))}" if words.waits_for(doing) else ""
    seen = build.last_event_at if build.last_event_at is not None else build.ended_at
    return (
        name,
        f"{mark.glyph} {mark.word}{'' if build.damaged else wait}",
        _does(build),
        f"{build.todos_done}/{build.todos_total}" if build.todos_total else "",
        str(build.tools),
        str(build.errors) if build.errors else "",
        clean_line(build.agent_id, 40),
        words.short_model(build.model),
        "" if build.cost_usd is None else ("~" if build.cost_estimated else "") + words.cost(build.cost_usd),
        "" if build.context_percent is None else f"{build.context_percent:.0f}%",
        words.age(now - seen) if seen is not None else "",
        clean_line(build.branch, 24),
        clean_line(build.session_id, 40),
    )


def _does(build: BuildSummary) -> str:
    """The step that it is at and the call, or what it asks."""
    first = build.requests[0] if build.requests else None
    now = build.now if first is None else words.request_words(first.title, first.tool)
    return clean_line(" › ".join(part for part in (build.todo, now) if part), 60)


def table_lines(rows: Iterable[Sequence[str]], width: int | None) -> Iterator[str]:
    """The rows, the header first, as lines of at most `width` cells: columns are left out before others are cut."""
    table = [list(row) for row in rows]
    needs = {name: max(map(cell_len, cells), default=0) for name, *cells in zip(*table, strict=True)}
    widths = {name: max(cell_len(name), cells) for name, cells in needs.items()}
    if width is not None:
        widths = _fitted(widths, width, [name for name, cells in needs.items() if not cells])
    for row in table:
        cells = (_cell(text, widths[name]) for name, text in zip(table[0], row, strict=True) if name in widths)
        yield "  ".join(cells).rstrip()


def _fitted(widths: Mapping[str, int], width: int, empty: Sequence[str]) -> dict[str, int]:
    """Columns with their cells; those that are `empty` go first."""
    least = {name: min(needed, _LEAST.get(name, needed)) for name, needed in widths.items()}
    least["DOES"] = min(widths["DOES"], max(24, width // 3))
    for name in (*empty, *_LEAVING):
        if _total(least) <= width:
            break
        least.pop(name, None)
    free = max(0, width - _total(least))
    fitted = dict[str, int]()
    for name, cells in least.items():
        more = min(free, widths[name] - cells) if name != "DOES" else 0
        fitted[name], free = cells + more, free - more
    if "DOES" in fitted:
        fitted["DOES"] = max(1, min(widths["DOES"], fitted["DOES"] + free, width - _total(fitted) + fitted["DOES"]))
    return fitted


def _total(widths: Mapping[str, int]) -> int:
    return sum(widths.values()) + 2 * (len(widths) - 1)


def _cell(text: str, size: int) -> str:
    return set_cell_size(text, size) if cell_len(text) <= size else set_cell_size(text, size - 1) + "…"
