"""What stands in the rows of any store, and what it means when it cannot be read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from msgspec.structs import replace

from ..errors import BadJson, StoreUnavailable
from ..model.state import Millis, ToolCall
from ..model.summary import BuildKey, BuildSummary
from ..wire.summary import decode_summary
from .contract import BuildDamaged, FoundTool, Logged, Page


def summary_of_row(encoded: bytes | None, key: BuildKey) -> BuildSummary:
    """A build's line in the list; one that cannot be read says so."""
    try:
        return decode_summary(encoded or b"")
    except (BadJson, TypeError) as error:
        return BuildSummary(
            key.project_id,
            key.session_id,
            key.build_id,
            status="interrupted",
            damaged=f"its line in the list cannot be read ({error})",
        )


def damaged_summary(encoded: bytes | None, damage: BuildDamaged) -> BuildSummary:
    """The line of a build of which nothing more can be told: nobody waits for its agent."""
    was = summary_of_row(encoded, damage.key)
    status = "interrupted" if was.status == "active" else was.status
    return replace(was, damaged=damage.reason, status=status)


def page_of(rows: Sequence[tuple[bytes, str, Millis, int, BuildKey]], limit: int) -> Page:
    """`rows`: the line, its project's name, and its place in the order of pages."""
    builds = tuple(_named(summary_of_row(row, key), name) for row, name, _, _, key in rows)
    return Page(builds, (rows[-1][2], rows[-1][3]) if len(rows) == limit else None)


def _named(summary: BuildSummary, name: str) -> BuildSummary:
    return summary if summary.project_name else replace(summary, project_name=name)


def whole_tool(tool: ToolCall, values: Iterable[tuple[str, bytes]]) -> FoundTool:
    """A call of a state with those of its values that travel clipped made whole. `values`: by side.

    Raises StoreUnavailable for one that cannot be read.
    """
    whole = {side: _value(encoded) for side, encoded in values}
    return FoundTool(
        tool.id,
        tool.name,
        tool.state,
        whole.get("input", tool.input) if tool.input_bytes else tool.input,
        whole.get("output", tool.output) if tool.output_bytes else tool.output,
    )


def _value(encoded: bytes) -> msgspec.Raw:
    try:
        return msgspec.json.decode(encoded, type=msgspec.Raw)
    except (msgspec.MsgspecError, TypeError) as error:
        raise StoreUnavailable(f"a stored value of this call is damaged ({error})") from None


def readable(key: BuildKey, entries: tuple[Logged, ...]) -> tuple[Logged, ...]:
    """`entries`; raises BuildDamaged for what would mean nothing to a watcher."""
    try:
        for logged in entries:
            logged.entry()
    except Exception as error:
        raise BuildDamaged(key, str(error) or type(error).__name__) from error
    return entries
