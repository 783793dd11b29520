"""A small original server (v2) on a port of its own, with the habits of
docs/protocol.md#original-servers: it keeps what happened in rows,
the state of a build stays that of its first moment, and only a registry in memory knows how a build ended."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from datetime import UTC, datetime
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

LONG_AGO = "2026-01-10T10:00:00.000Z"


def moment() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Original:
    """Knows the project `shop` with one session `s1` of build `b1`. `token`: what it asks for."""

    def __init__(self, token: str = "") -> None:
        self.token = token
        self.session: dict[str, Any] = {
            "id": "s1", "buildId": "b1", "projectId": "shop", "operationType": "initial-build", "status": "active",
            "startedAt": moment(), "endedAt": None, "summary": None, "isAutoFix": False, "autoFixError": None,
        }  # fmt: skip
        self.todos: list[dict[str, Any]] = []
        self.tools: dict[str, dict[str, Any]] = {}
        self.posted: list[dict[str, Any]] = []
        self.knows_builds = True
        self._sockets: list[WebSocket] = []
        routes = [
            Route("/api/projects", self._projects),
            Route("/api/projects/{project}/messages", self._messages),
            Route("/api/build-events", self._events, methods=["POST"]),
            WebSocketRoute("/ws", self._watch),
        ]
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        config = uvicorn.Config(Starlette(routes=routes), log_level="error", ws="websockets-sansio", lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve)
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()

    def __enter__(self) -> Original:
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(30)
        self._listener.close()

    def _serve(self) -> None:
        async def serve() -> None:
            self._ready.set()
            await self._server.serve([self._listener])

        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(serve())
        self._loop.close()

    # ------------------------------------------------------------------- what happens at the server

    def do(self, *events: dict[str, Any]) -> None:
        """Events of the build, as its runner posts them."""
        for event in events:
            self._soon(self._event(event))

    def complete(self, summary: str | None = None) -> None:
        """The runner says that the build completed; after a restart nobody passes it on."""
        if self.knows_builds:
            self._soon(self._tell("build-complete", {"status": "completed"}))
        if summary:
            self.session["summary"] = summary
            self._soon(self._tell("build-summary", {"summary": summary}))

    def cancel(self) -> None:
        words = "Build cancelled: User cancelled"
        self.session |= {"status": "cancelled", "endedAt": moment(), "summary": words}
        self._soon(self._tell("build-complete", {"status": "failed", "summary": words}))

    def restart(self) -> None:
        """Connections are cut, and builds under way are forgotten."""
        self.knows_builds = False

        async def cut() -> None:
            sockets, self._sockets = self._sockets, []
            for ws in sockets:
                await ws.close(1012)

        self._soon(cut())

    def _soon(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    # ------------------------------------------------------------------- routes

    def _refusal(self, request: Request | WebSocket) -> Response | None:
        if self.token and request.headers.get("authorization") != f"Bearer {self.token}":
            return JSONResponse({"error": "Unauthorized"}, 401)
        return None

    async def _projects(self, request: Request) -> Response:
        listed = [{"id": "shop", "name": "Shop", "slug": "shop", "status": "building"}]
        return self._refusal(request) or JSONResponse({"projects": listed})

    async def _messages(self, request: Request) -> Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        if request.path_params["project"] != "shop":
            return JSONResponse({"messages": [], "sessions": []})
        tools = [tool for tool in self.tools.values() if tool["todoIndex"] >= 0 and tool["state"] != "input-available"]
        row = {"session": self.session, "todos": self.todos, "tools": tools, "hydratedState": self._first_state()}
        return JSONResponse({"messages": [], "sessions": [row]})

    def _first_state(self) -> dict[str, Any]:
        state = {"id": "b1", "projectId": "shop", "projectName": "Shop", "operationType": "initial-build"}
        state |= {"agentId": "claude-code", "claudeModelId": "sonnet", "todos": [], "toolsByTodo": {}, "textByTodo": {}}
        return state | {"activeTodoIndex": -1, "isActive": self.session["status"] == "active", "startTime": LONG_AGO}

    async def _events(self, request: Request) -> Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        body = json.loads(await request.body())
        if isinstance(body, list) or not body.get("projectId"):
            return JSONResponse({"error": "Missing required fields: projectId and event.type"}, 400)
        if body["projectId"] != "shop":
            return JSONResponse({"error": "Session not found"}, 404)
        self.posted.append(body)
        await self._event(body["event"])
        return JSONResponse({"ok": True})

    async def _watch(self, ws: WebSocket) -> None:
        if (refusal := self._refusal(ws)) is not None:
            await ws.send_denial_response(refusal)
            return
        await ws.accept()
        await ws.send_json({"type": "connected", "clientId": "c", "projectId": "shop"})
        self._sockets.append(ws)
        try:
            while True:
                if (await ws.receive_json())["type"] == "get-state":
                    await ws.send_json(self._recovery())
        except (WebSocketDisconnect, RuntimeError):
            if ws in self._sockets:
                self._sockets.remove(ws)

    def _recovery(self) -> dict[str, Any]:
        text = json.dumps(self._first_state())
        return {"type": "state-recovery", "state": text, "sessionStatus": self.session["status"]}

    async def _tell(self, kind: str, data: dict[str, Any]) -> None:
        update = {"type": kind, "data": data, "timestamp": int(datetime.now(UTC).timestamp() * 1000)}
        frame = {"type": "batch-update", "projectId": "shop", "sessionId": "s1", "updates": [update]}
        for ws in tuple(self._sockets):
            await ws.send_json(frame)

    # ------------------------------------------------------------------- events

    async def _event(self, event: dict[str, Any]) -> None:
        match event["type"]:
            case "start":
                await self._tell("build-started", {"buildId": "b1", "sessionId": "s1", "projectId": "shop"})
            case "tool-input-available" if event["toolName"] == "TodoWrite":
                await self._list(event["input"]["todos"], event["input"].get("phase"))
            case "tool-input-available":
                tool = {"toolCallId": event["toolCallId"], "name": event["toolName"], "input": event.get("input")}
                tool |= {"todoIndex": event.get("todoIndex", self._active), "state": "input-available"}
                self.tools[event["toolCallId"]] = tool | {"startedAt": moment(), "endedAt": None}
                if tool["todoIndex"] < 0:
                    await self._tell_tool(event["toolCallId"])
            case "tool-output-available" | "tool-error" if event["toolCallId"] in self.tools:
                state = "error" if event["type"] == "tool-error" else "output-available"
                ended = {"state": state, "output": event.get("output", event.get("error")), "endedAt": moment()}
                self.tools[event["toolCallId"]] |= ended
                if event.get("toolName"):
                    await self._tell_tool(event["toolCallId"])
            case _:
                pass

    @property
    def _active(self) -> int:
        return next((todo["todoIndex"] for todo in self.todos if todo["status"] == "in_progress"), -1)

    async def _list(self, todos: list[dict[str, Any]], phase: str | None) -> None:
        now = moment()
        self.todos = [{"todoIndex": n, **todo, "createdAt": now, "updatedAt": now} for n, todo in enumerate(todos)]
        told = {"todos": todos, "activeTodoIndex": self._active} | ({"phase": phase} if phase else {})
        await self._tell("todos-update", told)
        if todos and phase != "template" and all(todo["status"] == "completed" for todo in todos):
            self.session |= {"status": "completed", "endedAt": now}

    async def _tell_tool(self, ident: str) -> None:
        tool = self.tools[ident]
        known = {name: tool[name] for name in ("name", "todoIndex", "input", "state")}
        await self._tell("tool-call", {"id": ident, **known, "output": tool.get("output")})
