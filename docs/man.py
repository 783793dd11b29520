"""The manual page, made from the command line's own help.

python docs/man.py            writes docs/sentryvibe-tui.1
python docs/man.py --check    exits 1 when it is not up to date
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from sentryvibe_tui import __version__
from sentryvibe_tui.cli import COMMANDS, PROGRAM
from sentryvibe_tui.cli.commands import group
from sentryvibe_tui.report.exit_codes import EXPLAINED
from sentryvibe_tui.settings import SETTINGS

PAGE = Path(__file__).parent / f"{PROGRAM}.1"
SUMMARY = "builds of coding agents in your terminal: live, kept, and from several terminals at once"


def text() -> str:
    """What the page has to hold (man(7))."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    yield f'.TH {PROGRAM.upper()} 1 "" "{PROGRAM} {__version__}" "User Commands"'
    yield from (".nh", ".ad l")
    yield from (".SH NAME", f"{_plain(PROGRAM)} \\- {_plain(SUMMARY)}")
    yield from (".SH SYNOPSIS", f".B {_plain(PROGRAM)}", "[\\fICOMMAND\\fR]", "[OPTIONS]")
    yield from (".SH DESCRIPTION", _plain(inspect.cleandoc(DESCRIPTION).strip()))
    yield ".SH COMMANDS"
    for name in COMMANDS:
        context = click.Context(group, info_name=PROGRAM)
        command = group.get_command(context, name)
        assert command is not None
        yield from _command(command, click.Context(command, context, info_name=name))
    yield ".SH OPTIONS"
    yield from _options(group, click.Context(group, info_name=PROGRAM))
    yield from (".SH EXIT STATUS", "Of demo, ingest, watch and show:")
    for code, meaning in EXPLAINED:
        yield from (".TP", f".B {code}", _plain(meaning))
    yield from (".SH ENVIRONMENT", "Each of them wins over the setting of its name in the config file:")
    for name, setting in SETTINGS.items():
        yield from (".TP", f".B {setting.variable}", f"The setting {_plain(name)}.")
    yield from (".TP", ".B SENTRYVIBE_CONFIG", "Another config file.")
    yield from (".SH FILES", f"{_plain(f'`{PROGRAM} config`')} prints where the config file, data and logs are.")


DESCRIPTION = """
    Shows what a coding agent is doing while it builds something: the todo list, every tool call under the todo it
    belongs to, what the agent says, errors, time and cost. The agent's output goes in at one end; any number of
    terminals watch it at the other. Builds are kept, and a watcher that loses its link catches up without missing or
    repeating anything. Without a command all agents of this machine are shown, sorted by who needs you.
"""


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    name, usage = context.command_path.partition(" ")[2], " ".join(command.collect_usage_pieces(context))
    yield f".SS {_plain(name)} {_plain(usage)}"
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        is_laid_out = paragraph.startswith("\b\n")
        words = _plain(paragraph.removeprefix("\b\n"))
        yield from (".PP", *((".nf", words, ".fi") if is_laid_out else (words,)))
    yield from _options(command, context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            part = command.get_command(context, name)
            assert part is not None
            yield from _command(part, click.Context(part, context, info_name=name))


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    """Without `--help`, which each has."""
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if record is not None and isinstance(parameter, click.Option):
            yield from (".TP", f".B {_plain(record[0])}", _plain(re.sub(r"\s+", " ", record[1])))


def _plain(words: str) -> str:
    """`words` as roff: nothing in them is a request or an escape."""
    escaped = words.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^(?=[.'])", r"\\&", escaped, flags=re.MULTILINE)


def main(arguments: list[str]) -> int:
    is_stale = not PAGE.exists() or PAGE.read_text() != text()
    if "--check" in arguments:
        print(f"{PAGE} is not up to date" if is_stale else "", end="\n" if is_stale else "")
        return int(is_stale)
    PAGE.write_text(text())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
