"""`token`: who else may use this user's server, and for what."""

from __future__ import annotations

import time
from pathlib import Path

import click

from ..errors import BadTokenFile
from ..model.text import clean_line
from ..principals import ROLES, TOKENS, NamedTokens, Role
from ..settings import data_dir
from .audit import note
from .options import UsageProblem, data_option, settings
from .output import any_text, tell, write_line
from .spans import span

_data_option = data_option("The server's data folder.  [default: the user's]")


@click.group("token")
def command() -> None:
    """Let others use a server, each with a token of their own.

    The server asks for tokens when it was started with --token-file, whose one may everything. Changes are in force
    within a second, also for links that are open. Run this where the server runs, as the same user.
    """
    any_text()


def _is_project(text: str) -> bool:
    from ..wire.ids import is_id

    try:
        text.encode()
    except UnicodeEncodeError:  # bytes of the command line that are no text
        return False
    return is_id(text)


@command.command("add")
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(ROLES),
    required=True,
    help="watch: read. publish: read and post events. answer: read, and answer agents. admin: everything.",
)
@click.option("--project", default="", metavar="ID", help="Only this project's builds.")
@click.option("--expires", metavar="TIME", help="Valid for so long: 90s, 30m, 2h, 3d, 1w.  [default: until revoked]")
@_data_option
def add(name: str, role: Role, project: str, expires: str | None, data: Path | None) -> int:
    """Make a token for NAME and print it. It is shown this once: only a check sum is kept.

    Its bearer puts it into SENTRYVIBE_TOKEN or the setting `token`.
    """
    if name != clean_line(name, 80) or not name:
        raise UsageProblem("a token's name is a line of at most 80 characters")
    if project and not _is_project(project):
        raise UsageProblem("--project: a project's id is UTF-8 of at most 512 characters")
    now = time.time_ns() // 1_000_000
    try:
        token = _tokens(data).add(name, role, now, project, _end(expires, now))
    except BadTokenFile as error:
        raise UsageProblem(str(error)) from None
    note(_folder(data), "token-add", f"{name}: {role}" + (f", for {expires}" if expires else ""), project)
    write_line(token)
    tell("keep it: it is not shown again")
    return 0


@command.command("ls")
@_data_option
def ls(data: Path | None) -> int:
    """List tokens: name, role, project, and until when each is valid."""
    now = time.time_ns() // 1_000_000
    try:
        records = _tokens(data).records()
    except BadTokenFile as error:
        raise UsageProblem(str(error)) from None
    for record in records:
        until = "until revoked" if not record.expires_at else f"until {_local(record.expires_at)}"
        state = until if record.is_valid(now) else f"expired {_local(record.expires_at)}"
        what = clean_line(record.project or "all projects", 60) + (f", build {record.build}" if record.build else "")
        write_line(f"{record.name:<20}  {record.role:<7}  {what:<20}  {state}")
    if not records:
        tell("no tokens")
    return 0


@command.command("revoke")
@click.argument("name")
@_data_option
def revoke(name: str, data: Path | None) -> int:
    """Take NAME's token back: it lets nobody in any more, and links that it opened end."""
    try:
        if not _tokens(data).revoke(name):
            raise UsageProblem(f"no token is called {clean_line(name, 80)!r}; `sentryvibe-tui token ls` lists them")
    except BadTokenFile as error:
        raise UsageProblem(str(error)) from None
    note(_folder(data), "token-revoke", name)
    return 0


def _tokens(data: Path | None) -> NamedTokens:
    return NamedTokens(_folder(data) / TOKENS)


def _folder(data: Path | None) -> Path:
    return data_dir(settings().settings) if data is None else data


def _end(expires: str | None, now: int) -> int:
    """Epoch ms; 0 without one. Raises UsageProblem."""
    if expires is None:
        return 0
    length = span(expires)
    if not length:
        raise UsageProblem(f"--expires {expires!r}: like 90s, 30m, 2h, 3d, 1w")
    return now + length


def _local(at: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at / 1000))
