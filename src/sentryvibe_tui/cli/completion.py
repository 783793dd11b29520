"""`completion`: command lines completed by the shell."""

from __future__ import annotations

import os
from pathlib import Path

import click

from .options import UsageProblem
from .output import tell, write_line
from .shells import SHELLS, Place, Shell, completion_script, script_place, shell_named


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS), required=False)
@click.option("--install", is_flag=True, help="Put it where the shell reads it, after asking.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
def command(shell: Shell | None, install: bool, yes: bool) -> int:
    """Print what makes SHELL complete commands, options, projects and themes.

    SHELL is bash (4.4 or newer), zsh or fish; the one that you use if it is left out. With --install it is kept in a
    file, and the shell's start-up file gets a line that reads it; fish needs no line. New shells then complete.

    Without --install: eval "$(sentryvibe-tui completion zsh)"
    """
    from .commands import group

    chosen = shell or _login_shell()
    text = completion_script(group, chosen)
    if not install:
        write_line(text)
        return 0
    where = script_place(chosen, os.environ, Path.home())
    _announce(where)
    if not yes:
        click.confirm("Go on?", abort=True, err=True)
    _put(where, text)
    tell(f"new {chosen} shells complete {click.get_current_context().find_root().info_name}")
    return 0


def _login_shell() -> Shell:
    """Raises UsageProblem."""
    shell = shell_named(Path(os.environ.get("SHELL", "")).name)
    if shell is None:
        raise UsageProblem(f"which shell? Say one of {', '.join(SHELLS)}")
    return shell


def _announce(where: Place) -> None:
    tell(f"writes {where.script}")
    if where.startup is not None and where.line not in _lines(where.startup):
        tell(f"adds to {where.startup}: {where.line}")


def _put(where: Place, text: str) -> None:
    """Raises UsageProblem where a file cannot be written."""
    try:
        where.script.parent.mkdir(parents=True, exist_ok=True)
        where.script.write_text(text)
        if where.startup is not None and where.line not in (before := _lines(where.startup)):
            with where.startup.open("a") as file:
                file.write(("\n" if before and before[-1] else "") + where.line + "\n")
    except OSError as error:
        raise UsageProblem(f"{error.filename or where.script} cannot be written: {error.strerror}") from None


def _lines(path: Path) -> list[str]:
    """The last one is "" when the file ends with a line end."""
    try:
        return path.read_text(errors="replace").split("\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UsageProblem(f"{path} cannot be read: {error.strerror}") from None
