"""`audit`: who changed or wanted what, when, and from where."""

from __future__ import annotations

import pwd
import time
from pathlib import Path

import click
import msgspec

from ..audit import AUDIT, AuditLog, AuditRecord, local_user
from ..model.text import clean_line
from ..settings import data_dir
from .options import UsageProblem, data_option, settings
from .output import any_text, tell, write_line


@click.command("audit")
@click.argument("project", required=False, default="")
@click.option("--since", metavar="TIME", help="Since then: 90s, 30m, 2h, 3d, 1w, or a date (2026-11-28).")
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object a line: at, what, who, project, to, from, count."
)
@data_option("The server's data folder.")
def command(project: str, since: str | None, as_json: bool, data: Path | None) -> int:
    """Print what was done about a server's tokens and builds, the oldest first: tokens added and revoked, lines shared,
    builds deleted, and who was refused. With PROJECT (its id) only what was done to that.

    Each server writes to its own data folder; run this where the server runs, as the same user.
    """
    from .ls import moment

    any_text(utf8=as_json)
    from_then = 0 if since is None else moment(since, time.time_ns() // 1_000_000)
    log = AuditLog(_folder(data) / AUDIT)
    try:
        for record in log.records(from_then, project):
            write_line(msgspec.json.encode(record).decode() if as_json else _line(record))
    except OSError as error:
        raise UsageProblem(f"the audit log cannot be read: {error}") from None
    return 0


def note(data: Path, what: str, target: str, project: str = "") -> None:
    """Keep what this command did. That it cannot is told, and undoes nothing."""
    record = AuditRecord(time.time_ns() // 1_000_000, what, local_user(), project, target, "here")
    try:
        AuditLog(data / AUDIT).append((record,))
    except OSError as error:
        tell(f"the audit log cannot be written: {error}")


def _folder(data: Path | None) -> Path:
    return data_dir(settings().settings) if data is None else data


def _line(record: AuditRecord) -> str:
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.at / 1000))
    times = f" ({record.count} times)" if record.count > 1 else ""
    words = (record.who or "-", record.what, record.project, record.target)
    return clean_line(f"{at}  {_named(record.origin) or '-'}  {'  '.join(filter(None, words))}{times}", 1_000)


def _named(origin: str) -> str:
    """`user 1000 (anna)`: a number with the name that this machine has for it."""
    kind, _, number = origin.partition(" ")
    if kind != "user" or not number.isdecimal():
        return origin
    try:
        return f"{origin} ({pwd.getpwuid(int(number)).pw_name})"
    except (KeyError, OverflowError):
        return origin
