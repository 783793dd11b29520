"""`status`: all agents in one line, for a status bar or a prompt. Pure, and quick to load."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import BadInput
from ..model.text import clean_line

if TYPE_CHECKING:
    from ..model.totals import Totals

FIELDS = ("working", "needs", "waiting", "idle", "active", "failed", "ended", "cost", "question", "project", "asked")
_FIELDS = ", ".join("{" + name + "}" for name in FIELDS)
QUESTION = 60
"""Characters of a question."""


class BadFormat(BadInput):
    """A format names something that there is not; the message says what there is."""


def status_line(totals: Totals, now: int, form: str = "") -> str:
    """`3▶ 1? $3.10`, without what is nothing; or `form` with its `{fields}`. Raises BadFormat."""
    if form:
        return _formed(totals, now, form)
    parts = (
        f"{totals.working}▶" if totals.working else "",
        f"{totals.needs_input}?" if totals.needs_input else "",
        f"{totals.waiting}◌" if totals.waiting else "",
        _cost(totals),
    )
    return " ".join(part for part in parts if part)


def _formed(totals: Totals, now: int, form: str) -> str:
    waiting_minutes = "" if totals.asked_at is None else f"{max(0, now - totals.asked_at) // 60_000}m"
    values = {
        "working": totals.working,
        "needs": totals.needs_input,
        "waiting": totals.waiting,
        "idle": totals.idle,
        "active": totals.active,
        "failed": totals.failed,
        "ended": totals.ended,
        "cost": _cost(totals),
        "question": clean_line(totals.question, QUESTION),
        "project": clean_line(totals.project, QUESTION),
        "asked": waiting_minutes,
    }
    try:
        return form.format_map(values)
    except (KeyError, ValueError, IndexError, AttributeError):
        raise BadFormat(f"--format {form!r}: the fields are {_FIELDS}") from None


def _cost(totals: Totals) -> str:
    return "" if not totals.cost_usd else f"${totals.cost_usd:.2f}"
