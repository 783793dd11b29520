"""How shells complete our command lines: click's scripts, two of them mended, and where each shell looks for one."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from click.shell_completion import FishComplete, ZshComplete, add_completion_class, get_completion_class
from msgspec import Struct

from ..folders import data_folder
from . import COMPLETE, PROGRAM

if TYPE_CHECKING:
    import click

Shell = Literal["bash", "zsh", "fish"]
SHELLS: tuple[Shell, ...] = get_args(Shell)

_WITHOUT_COMPINIT = (
    f"{PROGRAM}: completion needs compinit: put `autoload -Uz compinit && compinit` above its line in .zshrc"
)


@add_completion_class
class Fish(FishComplete):
    """click's splits at every comma and shows a help only up to its first."""

    source_template = FishComplete.source_template.replace('string split ","', 'string split -m1 ","')


@add_completion_class
class Zsh(ZshComplete):
    """click's fails with `command not found: compdef` in a shell without compinit."""

    def source(self) -> str:
        head, _, rest = super().source().partition("\n")
        words = shlex.quote(_WITHOUT_COMPINIT)
        return f"{head}\n\nif (( $+functions[compdef] )); then\n{rest}\nelse\n    print -ru2 -- {words}\nfi\n"


class Place(Struct, frozen=True):
    """Where a script goes, and the file with a line that reads it; None where the shell finds it by itself."""

    script: Path
    startup: Path | None = None

    @property
    def line(self) -> str:
        path = shlex.quote(str(self.script))
        return f"[ -r {path} ] && . {path}  # completion of {PROGRAM}"


def shell_named(name: str) -> Shell | None:
    """The shell of that name, None for another one."""
    return next((shell for shell in SHELLS if shell == name), None)


def completion_script(group: click.Command, shell: Shell) -> str:
    """What makes `shell` complete the command lines of `group`."""
    kind = get_completion_class(shell)
    assert kind is not None
    return kind(group, {}, PROGRAM, COMPLETE).source()


def script_place(shell: Shell, environ: Mapping[str, str], home: Path) -> Place:
    """Where the script of `shell` belongs."""
    match shell:
        case "fish":
            config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
            return Place(config / "fish/completions" / f"{PROGRAM}.fish")
        case "zsh":
            return Place(_own("zsh"), Path(environ.get("ZDOTDIR") or home) / ".zshrc")
        case "bash":
            return Place(_own("bash"), home / ".bashrc")


def _own(shell: Shell) -> Path:
    return data_folder() / f"completion.{shell}"
