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


def status_line(found: Totals, now: int, form: str = "") -> str:
    """`3▶ 1? $3.10`, without what is nothing; or `form` with its `{fields}`. Raises BadFormat."""
    if form:
        return _formed(found, now, form)
    parts = (
        f"{found.working}▶" if found.working else "",
        f"{found.needs_input}?" if found.needs_input else "",
        f"{found.waiting}◌" if found.waiting else "",
        _cost(found),
    )
    return " ".join(part for part in parts if part)


def _formed(found: Totals, now: int, form: str) -> str:
    asked = "" if found.asked_at is None else f"{max(0, now - found.asked_at) // 60_000}m"
    values = {
        "working": found.working,
        "needs": found.needs_input,
        "waiting": found.waiting,
        "idle": found.idle,
        "active": found.active,
        "failed": found.failed,
        "ended": found.ended,
        "cost": _cost(found),
        "question": clean_line(found.question, QUESTION),
        "project": clean_line(found.project, QUESTION),
        "asked": asked,
    }
    try:
        return form.format_map(values)
    except (KeyError, ValueError, IndexError, AttributeError):
        raise BadFormat(f"--format {form!r}: the fields are {_FIELDS}") from None


def _cost(found: Totals) -> str:
    return "" if not found.cost_usd else f"${found.cost_usd:.2f}"
