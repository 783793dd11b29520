"""What a shell offers to complete. Quick and silent: whatever goes wrong, it offers nothing."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import redirect_stderr
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from ..errors import BadAddress, BadJson
from ..wire.address import Address
from ..wire.json import decode
from .options import find_server

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

PATIENCE = 0.5
"""Seconds for connecting, and for every read."""

THEMES = (
    "sentry",
    "sentry-light",
    "auto",
    "sentry-contrast",
    "ansi-dark",
    "ansi-light",
    "atom-one-dark",
    "atom-one-light",
    "catppuccin-frappe",
    "catppuccin-latte",
    "catppuccin-macchiato",
    "catppuccin-mocha",
    "dracula",
    "flexoki",
    "gruvbox",
    "monokai",
    "nord",
    "rose-pine",
    "rose-pine-dawn",
    "rose-pine-moon",
    "solarized-dark",
    "solarized-light",
    "textual-dark",
    "textual-light",
    "tokyo-night",
)
"""Known without Textual, which takes long to load."""


_PLAIN = re.compile(r"\w[\w.-]*")
"""A word that every shell takes for itself: letters and digits of any script, and signs without a meaning."""


class _Row(Struct, frozen=True):
    id: str
    name: str | None = None
    slug: str | None = None


class _Listing(Struct, frozen=True):
    projects: list[_Row]


def themes(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in THEMES if name.startswith(incomplete)]


def projects(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Projects of the server that the command would use."""
    import http.client

    try:
        with redirect_stderr(io.StringIO()):
            named: str | tuple[str, ...] | None = ctx.params.get("server")
            server = find_server("".join(named[:1]) if isinstance(named, tuple) else named)
            return list(_words(_project_rows(server.address), incomplete.casefold()))
    except (click.ClickException, OSError, http.client.HTTPException, BadJson, BadAddress):
        return []


def projects_or_folders(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[str] | list[CompletionItem]:
    if not incomplete.startswith((".", "~")) and "/" not in incomplete:
        return projects(ctx, param, incomplete)
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="dir")]


def complete_files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]


def _words(rows: list[_Row], beginning: str) -> Iterator[str]:
    """One word for each project that begins so: its name, or its slug or id when a shell would read more in it."""
    for row in rows:
        named = (word for word in (row.name, row.slug, row.id) if word and _PLAIN.fullmatch(word))
        fitting = next((word for word in named if word.casefold().startswith(beginning)), None)
        if fitting is not None:
            yield fitting


def _project_rows(server: Address) -> list[_Row]:
    """Raises OSError, HTTPException, BadJson."""
    from urllib.parse import urlsplit

    from ..client.dial import connection

    link = connection(server, PATIENCE)
    try:
        path = urlsplit(server.http("projects")).path
        link.request("GET", path, headers={"Accept": "application/json", **server.headers})
        return decode(link.getresponse().read(), _Listing).projects
    finally:
        link.close()
