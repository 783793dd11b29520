"""`db`: the database of a data folder, looked after."""

from __future__ import annotations

from pathlib import Path

import click

from ..errors import StoreError
from ..settings import data_dir
from .options import UsageProblem, settings
from .output import any_text, write_line

_data_option = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="The data folder.  [default: the user's]",
)


@click.group("db")
def command() -> None:
    """Look after the files in which builds are kept. PostgreSQL has tools of its own."""
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


def _folder(data: Path | None) -> Path:
    return data_dir(settings().settings) if data is None else data
