"""The ASGI application: which path is which endpoint, and how errors are answered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.routing import Route, Router

from ..agents.redact import Redactor
from ..audit import AuditRecord
from ..bus.bus import Bus
from ..errors import BadTokenFile, EventDiffers, StoreUnavailable
from ..principals import Principal
from ..store.contract import Accepted, BuildKey, Store
from ..version import __version__
from ..wire.json import encode
from . import rest
from .asgi import HTTPError, Receive, Scope, Send, answer, answer_packed, query, refuse
from .auditor import Auditor
from .builds import list_builds, status, stream_builds, watch_builds
from .caller import caller_of
from .context import ServerContext
from .draining import STOPPING
from .feed_start import host_name
from .guard import Guard
from .hooks import Hooks
from .ingest import EventIngest, accepted_text, agent_heartbeat, check_body, read_body
from .links import Links
from .measured import gauges
from .metrics import CONTENT_TYPE
from .paths import part_of, with_quoted_path
from .permits import PRINCIPAL, permit, permitted, principal_of, require
from .retention import delete_some, list_expired, retain
from .runners import Runners
from .settings import ServerLimits
from .sse import stream
from .watch import watch
from .watchers import listing

log = logging.getLogger("sentryvibe_tui.server")

EVENTS = "/api/build-events"
_RETRY_AFTER = 1
_WATCHED_OVER = frozenset({"/healthz", "/metrics"})
"""What is answered to the end: whether the process lives, and what it counted."""
_READY_WITHIN = 2.0
_REVOKED_WITHIN = 0.5


class App:
    """One server over one store. `host` is the address it listens on. `start` before the first request.

    `bus`: of a store that is a `SharedStore`.
    """

    def __init__(self, store: Store, settings: ServerLimits, host: str = "127.0.0.1", bus: Bus | None = None) -> None:
        self.context = ServerContext(store, settings, bus)
        redactor = Redactor(settings.redact_patterns) if settings.redact else None
        self.hooks = Hooks(store, self.context.now, redactor, settings)
        self._intake = EventIngest(store, self.context.now)
        self._runners = Runners(store, self.context.now)
        self._guard = Guard(host, settings)
        self._links = Links()
        self._auditor = Auditor(settings.audit, self.context.now)
        self._tasks: tuple[asyncio.Task[None], ...] = ()
        self._is_draining = False
        self._router = self._routes()

    async def start(self) -> None:
        await self.context.start()
        retention = retain(self.context, self.context.settings.retention_days, self._pruned)
        self._tasks = (
            asyncio.create_task(self._revoke(), name="revoked tokens"),
            asyncio.create_task(retention, name="retention"),
            asyncio.create_task(self._auditor.run(), name="audit"),
        )

    def drain(self) -> None:
        """What comes from now on is refused, and watchers leave; what is under way ends as it would."""
        self._is_draining = True
        self.context.dismiss(STOPPING)

    async def stop(self) -> None:
        self.drain()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._auditor.finish()
        await self.context.stop()

    async def _revoke(self) -> None:
        """Links end with their tokens."""
        while True:
            await asyncio.sleep(_REVOKED_WITHIN)
            try:
                self._links.end(self._guard.valid_tokens())
            except BadTokenFile:  # the guard logs it
                self._links.interrupt()
            except Exception:  # the next round looks again: nobody's link may outlive its token
                log.exception("links of revoked tokens may still be open")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            principal = self._admit(scope)
            if principal.id and (scope["type"] == "websocket" or scope["method"] == "GET"):
                await self._links.hold(principal, scope, send, self._serve(scope, receive, send))
            else:
                await self._serve(scope, receive, send)
        except (HTTPError, StoreUnavailable, EventDiffers) as error:
            refused = self.refusal(error)
            if scope["path"] == EVENTS:
                self.context.metrics.refused(refused.status)
            self.audit_refusal(scope, refused)
            await refuse(scope, send, refused)

    def check_post(self, scope: Scope) -> Principal:
        """Who posts events, as far as the headers let them. Raises HTTPError."""
        scope[PRINCIPAL] = principal = self._guard.identify(scope)
        self._check_open()
        require(principal, "publish")
        check_body(scope, self.context.settings.max_body)
        return principal

    def audit_refusal(self, scope: Scope, refused: HTTPError) -> None:
        """Who was not let in, or wanted what it may not."""
        if refused.status in (401, 403, 429):
            principal = scope.get(PRINCIPAL)
            who = principal.name if isinstance(principal, Principal) else ""
            self._auditor.refused(who, caller_of(scope).place, str(refused))

    async def _audit(self, scope: Scope, what: str, project_id: str) -> None:
        """What a principal did to the build that its query names."""
        build, who = query(scope), principal_of(scope).name
        target = f"session {build.get('sessionId', '')}, build {build.get('buildId', '')}"
        record = AuditRecord(self.context.now(), what, who, project_id, target, caller_of(scope).place)
        await self._auditor.keep(record)

    def _pruned(self, key: BuildKey, who: str = "retention", place: str = "here") -> None:
        target = f"session {key.session_id}, build {key.build_id}"
        self._auditor.note(AuditRecord(self.context.now(), "prune", who, key.project_id, target, place))

    def refusal(self, error: BaseException) -> HTTPError:
        """How an error is answered; it is counted when it is the store's."""
        if isinstance(error, StoreUnavailable):
            self.context.metrics.unavailable(error.reason)
        return _refusal(error)

    def post(self, body: bytes, principal: Principal) -> Awaitable[Accepted]:
        """Keep posted events. Raises HTTPError for what is not taken; it or the answer StoreUnavailable."""
        return self._intake.keep(body, principal)

    def _admit(self, scope: Scope) -> Principal:
        """Who it is. Raises HTTPError for who may not do what is asked."""
        principal = self._guard.identify(scope)
        if scope["path"] not in _WATCHED_OVER:
            self._check_open()
        permit(principal, scope)
        return principal

    def _check_open(self) -> None:
        """Raises HTTPError while the server goes down: another one may take it."""
        if self._is_draining:
            raise HTTPError(503, STOPPING, retry_after=_RETRY_AFTER, is_last=True)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._watch(scope, receive, send)
        elif scope["path"] == EVENTS:
            await self._ingest(scope, receive, send)
        elif scope["path"] == "/ws":
            raise HTTPError(426, "this is a WebSocket, and the upgrade did not arrive")
        else:
            await self._router(with_quoted_path(scope), receive, send)

    async def _watch(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/ws/runner":
            await self._runners.serve(scope, receive, send, self.context.settings.max_body)
            return
        if scope["path"] != "/ws":
            raise HTTPError(404, "no such path")
        scoped = query(scope).get("scope") == "builds"
        await (watch_builds if scoped else watch)(scope, receive, send, self.context)

    async def _ingest(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            raise HTTPError(405, "events are posted")
        begun = self.context.metrics.clock()
        body = await read_body(scope, receive, self.context.settings.max_body)
        accepted = await self.post(body, principal_of(scope))
        self.context.metrics.appended(accepted, begun)
        await answer(send, accepted_text(accepted))

    def _routes(self) -> Router:
        store = self.context.store

        async def health(request: Request) -> bytes:
            return encode(
                {
                    "ok": True,
                    "epoch": store.epoch,
                    "version": __version__,
                    "watchers": self.context.hub.watchers,
                    "undated": self._intake.undated,
                    "unknown": self._intake.unknown + self._runners.unknown,
                    "runners": self._runners.connected,
                }
            )

        async def ready(request: Request) -> bytes:
            try:
                async with asyncio.timeout(_READY_WITHIN):
                    await store.project("")
            except TimeoutError:
                raise StoreUnavailable("the store does not answer") from None
            return encode({"ready": True})

        async def measures(scope: Scope, receive: Receive, send: Send) -> None:
            text = self.context.metrics.text(await gauges(self.context, self._runners.connected))
            await answer(send, text, kind=CONTENT_TYPE)

        async def watchers(request: Request) -> bytes:
            require(principal_of(request.scope), "admin")
            return listing(self.context, host_name())

        async def projects(request: Request) -> bytes:
            return await rest.projects(store, principal_of(request.scope))

        async def project(request: Request) -> bytes:
            return await rest.project(store, _project(request.scope), principal_of(request.scope))

        async def builds(request: Request) -> bytes:
            return await rest.builds(store, _project(request.scope), principal_of(request.scope))

        async def all_builds(request: Request) -> bytes:
            return await list_builds(store, query(request.scope), principal_of(request.scope))

        async def figures(request: Request) -> bytes:
            return await status(store, query(request.scope))

        async def feed(scope: Scope, receive: Receive, send: Send) -> None:
            await stream_builds(scope, receive, send, self.context)

        async def discard(request: Request) -> bytes:
            project_id = _project(request.scope)
            body = await rest.discard(self.context, project_id, query(request.scope))
            await self._audit(request.scope, "discard", project_id)
            return body

        async def delete(request: Request) -> bytes:
            body = await rest.delete(self.context, query(request.scope))
            await self._audit(request.scope, "delete", query(request.scope).get("projectId", ""))
            return body

        async def expired(request: Request) -> bytes:
            return await list_expired(self.context, query(request.scope))

        async def pruning(request: Request) -> bytes:
            who, place = principal_of(request.scope).name, caller_of(request.scope).place
            hear = partial(self._pruned, who=who, place=place)
            return await delete_some(self.context, query(request.scope), hear)

        async def messages(request: Request) -> bytes:
            parameters, only = query(request.scope), principal_of(request.scope)
            session_id = only.session or parameters.get("sessionId", "")
            return await rest.messages(
                store, _project(request.scope), session_id, only.build or parameters.get("buildId", "")
            )

        async def tool(request: Request) -> bytes:
            session_id, tool_id = part_of(request.scope, "session"), part_of(request.scope, "tool")
            build_id = query(request.scope).get("buildId", "")
            return await rest.tool(store, session_id, tool_id, build_id, principal_of(request.scope))

        async def heartbeat(request: Request) -> bytes:
            return await agent_heartbeat(request.scope, request.receive, self.context.agent_heartbeat)

        async def runner(request: Request) -> bytes:
            limit = self.context.settings.max_body
            return await self._runners.post(await read_body(request.scope, request.receive, limit))

        async def hook(scope: Scope, receive: Receive, send: Send) -> None:
            await self.hooks.post(scope, receive, part_of(scope, "agent"))
            await answer(send, b"")

        async def events(scope: Scope, receive: Receive, send: Send) -> None:
            await stream(scope, receive, send, self.context, _project(scope))

        async def missing(scope: Scope, receive: Receive, send: Send) -> None:
            raise HTTPError(404, "no such path")

        routes = [
            Route("/healthz", _json(health), methods=["GET"]),
            Route("/readyz", _json(ready), methods=["GET"]),
            Route("/metrics", _Plain(measures), methods=["GET"]),
            Route("/api/watchers", _json(watchers), methods=["GET"]),
            Route("/api/status", _json(figures), methods=["GET"]),
            Route("/api/builds", _json(all_builds), methods=["GET"]),
            Route("/api/builds", _json(delete), methods=["DELETE"]),
            Route("/api/builds/events", _Plain(feed), methods=["GET"]),
            Route("/api/builds/expired", _json(expired), methods=["GET"]),
            Route("/api/builds/expired", _json(pruning), methods=["DELETE"]),
            Route("/api/projects", _json(projects), methods=["GET"]),
            Route("/api/projects/{project:path}/builds", _json(builds), methods=["GET"]),
            Route("/api/projects/{project:path}/builds", _json(discard), methods=["DELETE"]),
            Route("/api/projects/{project:path}/messages", _json(messages), methods=["GET"]),
            Route("/api/projects/{project:path}/events", _Plain(events), methods=["GET"]),
            Route("/api/projects/{project:path}", _json(project), methods=["GET"]),
            Route("/api/sessions/{session}/tools/{tool:path}", _json(tool), methods=["GET"]),
            Route("/api/hooks/{agent}", _Plain(hook), methods=["POST"]),
            Route("/api/runner/events", _json(runner), methods=["POST"]),
            Route("/api/build-heartbeats", _json(heartbeat), methods=["POST"]),
        ]
        return Router(routes, redirect_slashes=False, default=missing)


def _refusal(error: BaseException) -> HTTPError:
    if isinstance(error, HTTPError):
        return error
    if isinstance(error, StoreUnavailable):
        return HTTPError(503, str(error), retry_after=_RETRY_AFTER)
    if isinstance(error, EventDiffers):
        return HTTPError(409, str(error), field="eventId")
    log.error("a request failed", exc_info=error)
    return HTTPError(500, "the server failed; its log says why")


def _project(scope: Scope) -> str:
    """The path's project. Raises HTTPError for one that the principal may not see."""
    return permitted(scope, part_of(scope, "project"))


class _Plain:
    """An ASGI endpoint for `Route`, which takes functions for request handlers."""

    def __init__(self, endpoint: Any) -> None:
        self._endpoint = endpoint

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._endpoint(scope, receive, send)


def _json(endpoint: Any) -> _Plain:
    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        await answer_packed(scope, send, await endpoint(Request(scope, receive, send)))

    return _Plain(handle)
