"""What the rules of appending write, collected for one call of the function `append` (schema.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from msgspec import Struct

from ...model.state import Millis
from ..contract import BuildDamaged, BuildHead, BuildKey, Logged
from ..live import BuildLog

APPEND = f"SELECT append({', '.join(f'${number}' for number in range(1, 23))})"


class GroupFacts(Struct, frozen=True):
    """What a group needs from the database before it is drafted.

    `logs`: the builds that are not in memory, or why they cannot be read. `ids`: digests of the group's event ids that
    are there already; None: not looked up, and all are taken for new. `slugs`: those that are taken, of new names.
    """

    logs: Mapping[BuildKey, BuildLog | BuildDamaged]
    names: Mapping[str, str]
    slugs: frozenset[str]
    ids: Mapping[tuple[int, str], int | None] | None = None


class GroupTransaction:
    """`store.appending.Transaction` in memory, over what is `Known`."""

    def __init__(self, facts: GroupFacts) -> None:
        self._facts = facts
        self._ids: dict[tuple[int, str], int] = {}
        self._entries: list[tuple[int, int, bytes]] = []
        self._blobs: dict[tuple[int, str, str], bytes] = {}
        self._rows: dict[int, tuple[BuildHead, str, bytes]] = {}
        self._projects: dict[str, tuple[str, str]] = {}

    def open_log(self, key: BuildKey, now: Millis) -> BuildLog:
        log = self._facts.logs[key]
        if isinstance(log, BuildDamaged):
            raise log
        return log

    def put_event_id(self, number: int, event_id: str, digest: int) -> bool:
        place = number, event_id
        if place in self._ids or (self._facts.ids is not None and place in self._facts.ids):
            return False
        self._ids[place] = digest
        return True

    def event_digest(self, number: int, event_id: str) -> int | None:
        place = number, event_id
        return self._ids[place] if place in self._ids else (self._facts.ids or {})[place]

    def put_entry(self, number: int, logged: Logged) -> None:
        self._entries.append((number, logged.version, logged.updates))

    def put_blob(self, number: int, tool_id: str, side: str, value: bytes) -> None:
        self._blobs[number, tool_id, side] = value

    def put_summary(self, head: BuildHead, encoded: bytes, status: str, now: Millis) -> None:
        self._rows[head.number] = head, status, encoded

    def project_name(self, project_id: str) -> str | None:
        return self._facts.names.get(project_id)

    def put_project(self, project_id: str, name: str, slug: str, now: Millis) -> None:
        self._projects[project_id] = name.replace("\0", "\ufffd"), slug

    def has_slug(self, slug: str) -> bool:
        return slug in self._facts.slugs or any(slug == taken for _, taken in self._projects.values())

    def arguments(self, me: UUID, number: int, now: Millis, before: Mapping[int, int]) -> tuple[object, ...]:
        """For `APPEND`. `before`: the versions of all builds of the group by their numbers, as they are believed."""
        rows = [self._rows.get(log) for log in before]
        return (
            me,
            number,
            now,
            list(before),
            list(before.values()),
            [row[0].version if row else None for row in rows],
            [row[1] if row else None for row in rows],
            [row[0].at if row else None for row in rows],
            [row[2] if row else None for row in rows],
            *_columns(self._entries, 3),
            *_columns([(*place, digest) for place, digest in self._ids.items()], 3),
            *_columns([(*place, value) for place, value in self._blobs.items()], 4),
            *_columns([(project, *names) for project, names in self._projects.items()], 3),
        )


def _columns(rows: Sequence[tuple[object, ...]], count: int) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(count)]
