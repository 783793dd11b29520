"""What is known, over HTTP: projects, builds, states and whole values (docs/protocol.md#http-routes)."""

from __future__ import annotations

import asyncio

from msgspec import Raw

from ..model.state import BuildState
from ..model.summary import BuildSummary
from ..principals import Principal
from ..store.contract import BuildDamaged, BuildKey, ProjectRecord, Store
from ..wire.json import encode
from ..wire.state import encode_state
from ..wire.times import iso
from .asgi import HTTPError
from .context import ServerContext

BUILDS = 20
"""Latest builds that a listing names."""
MORE_BUILDS = 500


async def projects(store: Store, reader: Principal) -> bytes:
    """All projects that the reader may see."""
    listing = [project for project in await store.projects() if reader.project in ("", project.id)]
    rows = [_project(project, await _builds(store, project.id, BUILDS, reader)) for project in listing]
    return encode({"projects": rows})


async def project(store: Store, project_id: str, reader: Principal) -> bytes:
    record = await _project_record(store, project_id)
    return encode({"project": _project(record, await _builds(store, project_id, BUILDS, reader))})


async def builds(store: Store, project_id: str, reader: Principal) -> bytes:
    """A project's builds, newest first."""
    await _project_record(store, project_id)
    return encode({"builds": await _builds(store, project_id, MORE_BUILDS, reader)})


async def _builds(store: Store, project_id: str, count: int, reader: Principal) -> tuple[BuildSummary, ...]:
    """Those that the reader may see."""
    if not reader.build:
        return await store.builds(project_id, count)
    rows = await store.builds(project_id, MORE_BUILDS)
    return tuple(row for row in rows if reader.sees(row.project_id, row.session_id, row.build_id))


async def messages(store: Store, project_id: str, session_id: str = "", build_id: str = "") -> bytes:
    """Newest session first, each with the state of its latest build, or of the one that was asked for.

    None for a project that is not known: an original client shows anything but 200 as an error.
    """
    rows: dict[str, BuildSummary] = {}
    for row in await store.builds(project_id, MORE_BUILDS):
        if session_id in ("", row.session_id) and build_id in ("", row.build_id):
            rows.setdefault(row.session_id, row)
    if not rows and session_id and (head := await store.find_build(project_id, session_id, build_id)):
        rows[session_id] = BuildSummary(project_id, session_id, head.key.build_id)
    sessions: list[Raw] = []
    for row in tuple(rows.values())[:BUILDS]:
        try:
            state = await store.state(row.key)
        except BuildDamaged:
            if session_id:
                raise
            continue  # the others are told
        if state is not None:
            sessions.append(Raw(await asyncio.to_thread(_session, state)))
    return encode({"messages": [], "sessions": sessions})


async def discard(serving: ServerContext, project_id: str, parameters: dict[str, str]) -> bytes:
    """Deletes the damaged build of `sessionId` and `buildId`; who watches the project starts anew."""
    session_id, build_id = parameters.get("sessionId", ""), parameters.get("buildId", "")
    key = BuildKey(project_id, session_id, build_id or session_id)
    if not await serving.store.discard(key):
        raise HTTPError(404, "no such damaged build; one that can be read is not deleted")
    await serving.deleted(key)
    return encode({"discarded": True})


async def delete(serving: ServerContext, parameters: dict[str, str]) -> bytes:
    """Deletes the build of `projectId`, `sessionId` and `buildId` for good, when it has ended."""
    session_id, build_id = parameters.get("sessionId", ""), parameters.get("buildId", "")
    key = BuildKey(parameters.get("projectId", ""), session_id, build_id or session_id)
    if not await serving.store.delete(key):
        raise HTTPError(404, "no such build that has ended")
    await serving.deleted(key)
    return encode({"deleted": True})


async def tool(store: Store, session_id: str, tool_id: str, build_id: str, reader: Principal) -> bytes:
    """A call with its whole input and output. Where the reader may not look there is none."""
    if not reader.sees(reader.project, session_id, build_id or reader.build):
        raise HTTPError(404, "no such tool call")
    found_tool = await store.find_tool(session_id, tool_id, build_id or reader.build, reader.project)
    if found_tool is None:
        raise HTTPError(404, "no such tool call")
    return encode(found_tool)


async def _project_record(store: Store, project_id: str) -> ProjectRecord:
    record = await store.project(project_id)
    if record is None:
        raise HTTPError(404, "no such project")
    return record


def _project(record: ProjectRecord, rows: tuple[BuildSummary, ...]) -> dict[str, object]:
    return {
        "id": record.id,
        "name": record.name,
        "slug": record.slug,
        "status": rows[0].status if rows else "idle",
        "createdAt": iso(record.created_at),
        "updatedAt": iso(record.updated_at),
        "builds": rows,
    }


def _session(state: BuildState) -> bytes:
    places = {todo.key: index for index, todo in enumerate(state.todos)}
    session = {
        "id": state.session_id,
        "projectId": state.project_id,
        "buildId": state.id,
        "status": state.status,
        "startedAt": iso(state.started_at),
        "endedAt": iso(state.ended_at),
        "summary": state.summary or None,
    }
    return encode(
        {
            "session": session,
            "todos": [
                {"todoIndex": index, "content": todo.content, "activeForm": todo.active_form, "status": todo.status}
                for index, todo in enumerate(state.todos)
            ],
            "tools": [
                {"toolCallId": tool.id, "name": tool.name, "todoIndex": places.get(tool.todo, -1), "state": tool.state}
                for tool in state.tools()
            ],
            "notes": [
                {"textId": note.id, "kind": note.kind, "todoIndex": places.get(note.todo, -1), "content": note.text}
                for note in state.notes()
            ],
            "hydratedState": Raw(encode_state(state)),
        }
    )
