"""`db`: the database of a data folder, looked after."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .. import runtime
from ..errors import NoAnswer, StoreError
from ..model.text import clean_line
from ..settings import data_dir
from .audit import note
from .completing import projects
from .finding import problems_of
from .options import Server, UsageProblem, data_option, find_server, server_option, settings
from .output import any_text, tell, write_line
from .spans import Length

if TYPE_CHECKING:
    from ..store.contract import Expiry

_data_option = data_option("The data folder.  [default: the user's]")


@click.group("db")
def command() -> None:
    """Look after the files in which builds are kept, or move them to PostgreSQL, which has tools of its own."""
    any_text()


@command.command("check")
@_data_option
def check(data: Path | None) -> int:
    """Say whether the database is whole, reading all of it. A server may run meanwhile.

    Exit codes: 0 it is; 1 it is damaged; 2 there is none, or it cannot be read.
    """
    from ..store.sqlite.maintenance import faults

    folder = _folder(data)
    try:
        found = faults(folder)
    except StoreError as error:
        raise UsageProblem(str(error)) from None
    for fault in found or (f"{folder} is whole",):
        write_line(fault)
    return 1 if found else 0


@command.command("vacuum")
@_data_option
def vacuum_database(data: Path | None) -> int:
    """Give back the room of what was deleted. Not while a server runs: stop it before.

    It needs as much free room as the database takes.
    """
    from ..store.sqlite.maintenance import vacuum

    try:
        before, after = vacuum(_folder(data))
    except StoreError as error:
        raise UsageProblem(str(error)) from None
    write_line(f"{before / 1e6:.1f} MB before, {after / 1e6:.1f} MB now")
    return 0


@command.command("copy")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER")
@click.argument("url", required=False, metavar="[URL]")
def copy(folder: Path, url: str | None) -> int:
    """Move the builds of the data FOLDER to PostgreSQL at URL (default: the setting `store`), while no server runs.

    Numbers, versions and the epoch stay, so watchers go on where they were. The folder keeps all it has, and is
    marked: no server opens it again. The schema of the URL must not have builds yet.

    Exit codes: 0 moved; 2 it was not, and nothing has changed, unless the message says otherwise.
    """
    from ..store.opening import LIBRARY, parse_store

    try:
        address = parse_store(url or settings().settings.store)
        from ..store.copying import copy_to_postgres

        copied = asyncio.run(copy_to_postgres(folder, address, _tell_rows))
    except StoreError as error:
        raise UsageProblem(str(error)) from None
    except ImportError:
        raise UsageProblem(LIBRARY) from None
    write_line(f"{copied.builds} builds with {copied.entries} entries are now in {copied.target}")
    return 0


@command.command("reopen")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER")
def reopen(folder: Path) -> int:
    """Serve the data FOLDER again after `db copy` moved its builds to a database that is lost, or never got them.

    What the database took since is not in the folder. The folder gets an epoch of its own: watchers begin anew.

    Exit codes: 0 it can be served; 2 nothing has changed.
    """
    from ..store.sqlite.maintenance import reopen_folder

    try:
        place = reopen_folder(folder)
    except StoreError as error:
        raise UsageProblem(str(error)) from None
    note(folder, "reopen", f"moved to {place} before")
    write_line(f"{folder} can be served again; what {place} took since is not in it")
    return 0


def _tell_rows(table: str, rows: int, total: int) -> None:
    tell(f"{table}: {rows} of {total}")


_DAY = 24 * 3600 * 1000
_LISTED = 10_000


@command.command("prune")
@click.option(
    "--older-than",
    "days",
    type=Length("d"),
    required=True,
    metavar="TIME",
    help="Builds of which nothing came for so long: 90d, 12h, or a number of days.",
)
@click.option("--keep", type=click.IntRange(1), default=1, metavar="N", help="The newest N of each project stay.  [1]")
@click.option("--project", metavar="P", shell_complete=projects, help="Of this project only.")
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
@_data_option
@server_option
def prune(days: float, keep: int, project: str | None, dry_run: bool, data: Path | None, server: str | None) -> int:
    """Delete builds that ended long ago, as `serve` does by itself (setting retention_days).

    Never one that goes on, is damaged, or is the newest of its project. A server that has the folder does it while it
    runs; --server names another one.

    Exit codes: 0 deleted, or nothing to delete; 2 wrong usage, or nothing is kept; 3 no link to the server.
    """
    from ..store.contract import Expiry

    before = time.time_ns() // 1_000_000 - round(days * _DAY)
    folder = _folder(data)
    running = _server_of(folder, server)
    if running is None and data is None and settings().settings.store:
        raise UsageProblem("builds are in a database (setting store): a server of it prunes, --server URL names one")
    expiry = Expiry(before, keep, project or "")
    if running is not None:
        return _prune_by(running, expiry, dry_run)
    return _prune_alone(folder, expiry, dry_run)


def _server_of(folder: Path, named: str | None) -> Server | None:
    """The server that does it: the one that is named, or that has the folder."""
    if named:
        return find_server(named)
    own = (local for local in runtime.local_servers() if Path(local.data_dir) == folder.resolve())
    return next((find_server(local.url) for local in own), None)


def _prune_by(server: Server, expiry: Expiry, dry_run: bool) -> int:
    from ..client import rest

    async def run() -> None:
        project = (await rest.resolve(server.address, expiry.project_id)).id if expiry.project_id else ""
        which = server.address, expiry.before, expiry.keep, project
        if dry_run:
            rows = await rest.list_prunable(*which)
            _tell_expired([(row.project_id, row.build_id, row.entries) for row in rows])
            return
        builds = entries = 0
        while (pruned := await rest.prune_some(*which)).deleted:
            builds, entries = builds + pruned.deleted, entries + pruned.entries
            _tell_progress(builds)
        write_line(f"deleted {builds} builds with {entries} entries")

    with problems_of(server):
        try:
            asyncio.run(run())
        except NoAnswer as error:
            if error.status != 404:
                raise
            raise UsageProblem(f"{server.address.base} is of an older version and cannot prune: restart it") from None
    return 0


def _prune_alone(folder: Path, expiry: Expiry, dry_run: bool) -> int:
    from ..store.sqlite import maintenance

    try:
        if dry_run:
            rows = maintenance.prunable(folder, expiry, _LISTED)
            _tell_expired([(row.key.project_id, row.key.build_id, row.entries) for row in rows])
            return 0
        pruned = maintenance.prune_folder(folder, expiry, _tell_progress)
    except StoreError as error:
        raise UsageProblem(str(error)) from None
    if pruned.builds:
        note(folder, "prune", f"{pruned.builds} builds", expiry.project_id)
    room = f"; {pruned.room / 1e6:.1f} MB of the file are free for what comes (`db vacuum` gives them back)"
    write_line(f"deleted {pruned.builds} builds with {pruned.entries} entries{room if pruned.room else ''}")
    return 0


def _tell_expired(rows: list[tuple[str, str, int]]) -> None:
    for project_id, build_id, entries in rows:
        write_line(f"{clean_line(project_id, 60)}  {clean_line(build_id, 60)}  {entries} entries")
    write_line(f"would delete {len(rows)} builds with {sum(entries for _, _, entries in rows)} entries")


def _tell_progress(builds: int) -> None:
    tell(f"{builds} builds deleted …")


def _folder(data: Path | None) -> Path:
    return data_dir(settings().settings) if data is None else data
