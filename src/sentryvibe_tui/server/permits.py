"""What a principal may do: its role against the method, and its project against every way to a build
(docs/protocol.md#access)."""

from __future__ import annotations

from typing import cast
from urllib.parse import quote

from ..principals import Principal, Role
from .asgi import HTTPError, Scope, query

PRINCIPAL = "sentryvibe.principal"
"""Where a request's scope has its principal."""

_LISTS = frozenset({"/ws", "/api/builds", "/api/builds/events"})
"""Ways that `projectId` in the query narrows down."""
_ELSEWHERE = frozenset({"/healthz", "/readyz", "/api/projects", "/api/build-events", "/api/build-heartbeats"})
"""Ways that look at the project themselves, or have none."""
_OF_PROJECT = ("/api/projects/", "/api/sessions/")
_OF_ONE = frozenset({"/ws", "/healthz", "/readyz", "/api/projects", "/api/builds"})
"""Of those that look at the project, or at nothing, the ways open to who may see one build."""


def permit(principal: Principal, scope: Scope) -> None:
    """Let `scope` be the principal's, narrowed down to what it may see. Raises HTTPError (403)."""
    scope[PRINCIPAL] = principal
    require(principal, _required(scope))
    if principal.project:
        _narrow(principal, scope)


def require(principal: Principal, role: Role) -> None:
    """Raises HTTPError (403) for a principal that may not do what `role` stands for."""
    if not principal.may(role):
        raise HTTPError(403, f"the token {principal.name} may {principal.role} and not {role}")


def principal_of(scope: Scope) -> Principal:
    return cast("Principal", scope[PRINCIPAL])


def permitted(scope: Scope, project_id: str) -> str:
    """`project_id`, when the principal may see it. Raises HTTPError (403)."""
    principal = principal_of(scope)
    if principal.project not in ("", project_id):
        raise foreign(principal)
    return project_id


def foreign(principal: Principal) -> HTTPError:
    only = f"the build {principal.build}" if principal.build else f"the project {principal.project}"
    return HTTPError(403, f"the token {principal.name} is for {only} only", field="projectId")


def _required(scope: Scope) -> Role:
    if scope["type"] == "websocket":
        return "publish" if scope["path"] == "/ws/runner" else "watch"
    if scope["method"] in ("GET", "HEAD"):
        return "watch"
    return "publish" if scope["method"] == "POST" else "admin"


def _narrow(principal: Principal, scope: Scope) -> None:
    path: str = scope["path"]
    if principal.build and not (path in _OF_ONE or path.startswith(_OF_PROJECT)):
        raise foreign(principal)
    if path in _LISTS:
        if principal.build and query(scope).get("scope") == "builds":
            raise foreign(principal)
        if query(scope).get("projectId", "") not in ("", principal.project):
            raise foreign(principal)
        first = f"projectId={quote(principal.project, safe='')}"  # of several the first one counts
        scope["query_string"] = b"&".join(filter(None, (first.encode(), scope.get("query_string", b""))))
    elif path not in _ELSEWHERE and not path.startswith(_OF_PROJECT):
        raise foreign(principal)
