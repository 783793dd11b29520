"""Paths whose parts are ids of any kind: they are routed as they travel, quoted, and unquoted afterwards."""

from __future__ import annotations

from urllib.parse import quote, unquote

from .asgi import HTTPError, Scope


def with_quoted_path(scope: Scope) -> Scope:
    """A scope for the router: a slash inside of a part is told from those between, and no part has a line break."""
    raw: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    return {**scope, "path": raw.decode("latin-1")}


def part_of(scope: Scope, name: str) -> str:
    """A part of the path as its route names it. Raises HTTPError (404) for what no id can be."""
    part = unquote(scope["path_params"][name])
    if "\0" in part:
        raise HTTPError(404, "no such path")
    return part
