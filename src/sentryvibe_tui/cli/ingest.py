"""`ingest`: an agent's output becomes a build."""

from __future__ import annotations

import asyncio
import signal
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from ..agents.detect import format_names
from ..errors import OutboxUnusable, UnknownFormat
from ..model.text import clean_line
from ..report import exit_codes
from ..settings import data_dir
from ..sources.sessions import roots, without_subagents
from ..wire.projects import ProjectName, project_id
from .completing import complete_files, projects
from .options import EXIT_CODES, NoLink, Server, UsageProblem, find_server, redactor, server_option, settings
from .output import any_text, tell
from .spans import Length, Speed

if TYPE_CHECKING:
    from ..sources.ingest.intake import InputResult, Intake, Undelivered


class FormatName(click.ParamType[str]):
    """A format or a family of formats. Agents from elsewhere are looked for when a name is given."""

    name = "format"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value != "auto" and value not in format_names():
            self.fail(f"{value!r} is not one of {', '.join(map(repr, format_names()))}.", param, ctx)
        return value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(name) for name in format_names() if name.startswith(incomplete)]


class FormatOption(click.Option):
    """Its help names all formats: agents from elsewhere are looked for when it is shown."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        record = super().get_help_record(ctx)
        return record and (record[0], f"{record[1]}  One of {', '.join(format_names())}.")


@click.command("ingest", epilog=EXIT_CODES)
@click.argument("project", shell_complete=projects)
@click.argument("files", nargs=-1, metavar="[FILE]...", shell_complete=complete_files)
@server_option
@click.option(
    "--format",
    "kind",
    cls=FormatOption,
    type=FormatName(),
    metavar="NAME",
    default="auto",
    show_default=True,
    help="What the input is; auto tells by its first lines.",
)
@click.option("--session", metavar="ID", help="The build's session.  [default: the agent's own session id]")
@click.option("--replay", is_flag=True, help="Publish at the pace at which it happened, as if it happened now.")
@click.option(
    "--speed",
    type=Speed(),
    default=1.0,
    show_default=True,
    help="With --replay: times as fast.",
)
@click.option(
    "--timeout",
    type=Length("s"),
    default=60.0,
    show_default=True,
    help="Seconds to go on trying when the input has ended and the server cannot be reached.",
)
def command(
    project: str,
    files: tuple[str, ...],
    server: str | None,
    kind: str,
    session: str | None,
    replay: bool,
    speed: float,
    timeout: float,
) -> int:
    """Publish a coding agent's output as a build of PROJECT, as it comes.

    Reads each FILE, or stdin when there is none or it is `-`; FILE may be a pattern like `logs/*.jsonl`. Each becomes
    a build, with the subagents that its session has in files of their own. For a running agent:

    \b
      claude -p "…" --output-format stream-json --verbose | sentryvibe-tui ingest PROJECT

    Reading the same input again changes nothing. An input that ends without saying how the build ended leaves it
    interrupted. With several files the exit status is 0 when all builds completed.
    """
    any_text()
    if not project.strip():
        raise UsageProblem("the project's name is empty")
    sources = _sources(files or ("-",))
    if session and len(sources) > 1:
        raise UsageProblem("--session is for one input; each file is a build of its own")
    preferences, server_named = settings().settings, find_server(server)
    from ..sources.ingest.intake import InputKind, Intake, IntakeTiming

    name = ProjectName(project_id(project), clean_line(project))
    format_name = "" if kind == "auto" else kind
    inputs = InputKind(name, roots(), session or "", format_name, redactor(preferences))
    timing = IntakeTiming(speed if replay else None, timeout)
    outbox = data_dir(preferences) / "outbox"
    return asyncio.run(_run(Intake(server_named.address, outbox, inputs, timing, tell), sources, server_named, outbox))


def _sources(files: tuple[str, ...]) -> list[Path | None]:
    """Paths (also of pipes and devices), None for stdin. A name that exists stands for itself, whatever characters it
    has; else it is a pattern. Raises UsageProblem."""
    paths_in: list[Path | None] = []
    for name in files:
        if name == "-":
            paths_in.append(None)
        elif Path(name).exists() and not Path(name).is_dir():
            paths_in.append(Path(name))
        elif matching := sorted(path for path in glob(name, recursive=True) if Path(path).is_file()):
            paths_in.extend(map(Path, matching))
        else:
            raise UsageProblem(f"no file {clean_line(name)!r}" + (", only a directory" if Path(name).is_dir() else ""))
    return without_subagents(list(dict.fromkeys(paths_in)))


async def _run(intake: Intake, sources: list[Path | None], server: Server, outbox: Path) -> int:
    """Exit status by the builds' outcomes. SIGTERM stops as ctrl+c does: the build's interruption is still reported.
    Raises NoLink, UsageProblem."""
    from ..sources.ingest.intake import Undelivered, UnreadableInput

    is_terminated, task = False, asyncio.current_task()

    def stop() -> None:
        nonlocal is_terminated
        is_terminated = True
        if task is not None:
            task.cancel()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
    try:
        result = await intake.run(sources)
    except asyncio.CancelledError:
        if is_terminated:
            return 128 + signal.SIGTERM
        raise
    except UnknownFormat as error:
        raise UsageProblem(clean_line(str(error))) from None
    except (OutboxUnusable, UnreadableInput) as error:
        raise click.ClickException(str(error)) from None
    except Undelivered as error:
        why = _refusal(error, server) or server.absence
        raise NoLink(f"{error.waiting} events wait in {outbox}: {why}") from None
    if result.all_parked:
        tell(f"the server refused {result.all_parked} events; they are kept in {outbox}")
    return max(exit_codes.UNSUCCESSFUL if result.parked else 0, *map(_exit_code, result.inputs))


def _exit_code(result: InputResult) -> int:
    if result.is_unknown:
        return exit_codes.USAGE
    if result.refused or result.outcome is None:
        return exit_codes.UNSUCCESSFUL
    return exit_codes.of_build(result.outcome)


def _refusal(undelivered: Undelivered, server: Server) -> str:
    """Why a server that answers takes nothing; "" when it is not there, or only in trouble."""
    reason, base = undelivered.reason, server.address.base
    if undelivered.status in (401, 403):
        return server.refusal(reason)
    is_answer = reason.startswith("HTTP ")
    if undelivered.status == 404 or (is_answer and undelivered.is_original):
        project = clean_line(undelivered.project_id)
        return (
            f"{base} does not know project {project!r} or this session ({reason}): an original server takes events "
            "of what it began itself; open the project there, and name its session with --session"
        )
    return f"{base} answers, but takes nothing ({reason})" if is_answer else ""
