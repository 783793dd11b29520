"""The commands for click: each is a module of this package, imported when it is asked for."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from importlib import import_module

import click

from ..report import exit_codes
from ..version import __version__
from . import ALONE, COMMANDS, COMPLETE, OVERVIEW, PROGRAM
from .imports import uncollected
from .output import CannotWrite, PipeClosed, tell, write_error


class Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in (*COMMANDS, ALONE):
            ctx.fail(f"No such command {cmd_name!r}{_instead_of(cmd_name)}")
        with uncollected():
            command: click.Command = import_module(f"{__package__}.{cmd_name}").command
        return command

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write(OVERVIEW)


def _instead_of(name: str) -> str:
    from difflib import get_close_matches  # only to report a mistake

    near = get_close_matches(name, COMMANDS, n=1)
    return f". Did you mean {near[0]!r}?" if near else f"; there are {', '.join(COMMANDS)}."


group = click.version_option(__version__, "-V", "--version", prog_name=PROGRAM, message="%(prog)s %(version)s")(
    Commands(name=PROGRAM, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
)


def run(arguments: Sequence[str]) -> int:
    """The exit status of a command line."""
    if COMPLETE in os.environ:
        import_module(f"{__package__}.shells")  # click then takes our scripts for its own
    try:
        code = group.main(list(arguments), prog_name=PROGRAM, standalone_mode=False)
    except click.UsageError as error:
        shown = io.StringIO()
        error.show(shown)
        write_error(shown.getvalue())
        return error.exit_code
    except click.ClickException as error:
        tell(error.message)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return exit_codes.INTERRUPTED
    except PipeClosed:
        return exit_codes.PIPE_CLOSED
    except CannotWrite as error:
        tell(f"cannot write to stdout: {error}")
        return exit_codes.UNSUCCESSFUL
    return code if isinstance(code, int) else 0
