"""`ingest`: an agent's output becomes a build."""

from __future__ import annotations

import asyncio
import signal
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem
from msgspec import Struct
from msgspec.structs import replace

from ..agents.detect import AutoReader, format_names
from ..errors import UnknownFormat
from ..model.events import About
from ..model.text import clean_line
from ..report import exit_codes
from ..settings import data_dir
from ..sources.event_ids import EventLabeler
from ..sources.ingest.input import AgentInput
from ..sources.ingest.pace import ReplayPace
from ..sources.price_table import load_beside
from ..sources.sessions import roots, without_subagents
from ..wire.envelope import EventEnvelope
from ..wire.projects import project_id
from .completing import files as paths
from .completing import projects
from .intake import pieces
from .options import EXIT_CODES, NoLink, Server, UsageProblem, find_server, redactor, server_option, settings
from .output import any_text, tell
from .spans import Length

if TYPE_CHECKING:
    from ..client.publisher import Publisher

GLANCE = 1.0
"""Seconds between two looks whether a server that is waited for still answers."""

LAST_WORDS = 3.0
"""Seconds given to the report that a build was interrupted."""


class FormatName(click.ParamType[str]):
    """A format or a family of formats. Agents from elsewhere are looked for when a name is given, or all are shown."""

    name = "format"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value != "auto" and value not in format_names():
            self.fail(f"{value!r} is not one of {', '.join(map(repr, format_names()))}.", param, ctx)
        return value

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return f"[{'|'.join(format_names())}]"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(name) for name in format_names() if name.startswith(incomplete)]


@click.command("ingest", epilog=EXIT_CODES)
@click.argument("project", shell_complete=projects)
@click.argument("files", nargs=-1, metavar="[FILE]...", shell_complete=paths)
@server_option
@click.option(
    "--format",
    "kind",
    type=FormatName(),
    default="auto",
    show_default=True,
    help="What the input is; auto tells by its first lines.",
)
@click.option("--session", metavar="ID", help="The build's session.  [default: the agent's own session id]")
@click.option("--replay", is_flag=True, help="Publish at the pace at which it happened, as if it happened now.")
@click.option(
    "--speed",
    type=click.FloatRange(0, min_open=True),
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
    preferences = settings().settings
    masks, places = redactor(preferences), roots()

    def taken_up(path: Path | None) -> _Input:
        posting = EventLabeler(
            project_id(project), clean_line(project), session or uuid.uuid4().hex, fixed=bool(session)
        )
        reader = AutoReader("" if kind == "auto" else kind)
        file = path if path is not None and path.is_file() else None
        return _Input(reader, AgentInput(reader, posting, file, None if masks is None else masks.copy(), places), path)

    intake = _Intake(find_server(server), data_dir(preferences) / "outbox", timeout, speed if replay else None)
    return asyncio.run(intake.run(project_id(project), [partial(taken_up, path) for path in sources]))


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


class _Input(Struct, frozen=True):
    reader: AutoReader
    source: AgentInput
    path: Path | None


class _Intake:
    """Inputs on their way into a server, one after another."""

    def __init__(self, server: Server, outbox: Path, timeout: float, speed: float | None) -> None:
        self._server, self._outbox, self._timeout, self._speed = server, outbox, timeout, speed
        self._terminated = False
        self._formats: set[str] = set()

    async def run(self, project_id: str, inputs: Sequence[Callable[[], _Input]]) -> int:
        """Exit status by the builds' outcomes. Raises NoLink, UsageProblem."""
        from ..client.publisher import Publisher
        from ..errors import OutboxUnusable

        self._on_sigterm()
        load_beside()
        at = ""
        statuses: list[int] = []
        try:
            about = About(project_id, "", "")
            async with Publisher(self._server.address, about, self._outbox, report=tell) as publisher:
                parked_before = publisher.parked
                for taken_up in inputs:
                    source = taken_up()
                    at = f"{source.path}: " if len(inputs) > 1 else ""
                    try:
                        await self._read(source, publisher, at)
                    except asyncio.CancelledError:
                        for posted in source.source.posting.ended("interrupted", "ingest was stopped"):
                            publisher.send(posted)
                        await publisher.drain(LAST_WORDS)
                        raise
                    except UnknownFormat as error:
                        if not at:
                            raise
                        tell(clean_line(f"{at}{error}"))
                        statuses.append(exit_codes.USAGE)
                    if source.reader.counts.refused:
                        statuses.append(exit_codes.UNSUCCESSFUL)
                    outcome = source.source.posting.outcome
                    statuses.append(exit_codes.UNSUCCESSFUL if outcome is None else exit_codes.of_build(outcome))
                await self._arrived(publisher)
                if publisher.parked:
                    tell(f"the server refused {publisher.parked} events; they are kept in {self._outbox}")
                if publisher.parked > parked_before:
                    statuses.append(exit_codes.UNSUCCESSFUL)
        except asyncio.CancelledError:
            if self._terminated:
                return 128 + signal.SIGTERM
            raise
        except UnknownFormat as error:
            raise UsageProblem(clean_line(str(error))) from None
        except OutboxUnusable as error:
            raise click.ClickException(str(error)) from None
        except OSError as error:
            raise click.ClickException(f"cannot read the input: {at}{error}") from None
        return max(statuses)

    async def _read(self, source: _Input, publisher: Publisher, at: str) -> None:
        agent_input, is_file = source.source, source.path is not None and source.path.is_file()
        pace = None if self._speed is None else ReplayPace(self._speed)
        refused = 0

        async def pass_on(events: Iterable[EventEnvelope]) -> None:
            for posted in events:
                if pace is not None:
                    await asyncio.sleep(pace.wait(posted.at))
                publisher.send(posted if pace is None else replace(posted, at=None))
                if publisher.is_busy:
                    await self._make_room(publisher, is_file)

        async for piece in pieces(source.path, is_file=is_file):
            await pass_on(agent_input.feed(piece))
            self._tell_format(source.reader, at)
            refused = self._tell_refused(source.reader, refused, at)
        while parts := list(agent_input.subagents()):
            for path, part in parts:
                async for piece in pieces(path, is_file=True):
                    await pass_on(part.feed(piece))
                await pass_on(part.finish())
        await pass_on(agent_input.finish())
        self._tell_format(source.reader, at)
        self._tell_refused(source.reader, refused, at)
        if not agent_input.posting.has_build:
            tell(clean_line(f"{at}no build begins in it"))
        await pass_on(agent_input.posting.ended("interrupted", "the input ended without an end of the build"))

    def _tell_format(self, reader: AutoReader, at: str) -> None:
        """What was decided, once it is; of several inputs the first of each format."""
        if reader.format not in ("", reader.family) and reader.format not in self._formats:
            self._formats.add(reader.format)
            tell(clean_line(f"{at}read as {reader.format}"))

    def _tell_refused(self, reader: AutoReader, before: int, at: str) -> int:
        """Which events are left out, beyond the first `before`; how many there are now."""
        refused = reader.counts.refused
        for why in refused[before:]:
            tell(clean_line(f"{at}refused: {why}"))
        return len(refused)

    async def _make_room(self, publisher: Publisher, is_file: bool) -> None:
        """A file can wait for the server, also some time for one out of reach. What writes to a pipe is held up only
        by a server that answers. Raises NoLink."""
        until = time.monotonic() + self._timeout
        while publisher.is_busy and (is_file or not publisher.last_error):
            if await publisher.calm(GLANCE):
                break
            if not publisher.last_error:
                until = time.monotonic() + self._timeout
            elif publisher.refusal or time.monotonic() > until:
                raise self._absent(publisher)

    async def _arrived(self, publisher: Publisher) -> None:
        """Waits until the server has everything. Raises NoLink: it is out of reach, or takes nothing."""
        until = time.monotonic() + self._timeout
        while not await publisher.drain(min(GLANCE, max(0.0, until - time.monotonic()))):
            if publisher.refusal or time.monotonic() >= until:
                raise self._absent(publisher)

    def _absent(self, publisher: Publisher) -> NoLink:
        why = self._refused(publisher) or self._server.absence
        return NoLink(f"{publisher.depth} events wait in {self._outbox}: {why}")

    def _refused(self, publisher: Publisher) -> str:
        """Why a server that answers takes nothing; "" when it is not there, or only in trouble."""
        reason, base = clean_line(publisher.last_error), self._server.address.base
        if publisher.refusal in (401, 403):
            return self._server.refusal(reason)
        is_answer = reason.startswith("HTTP ")
        if publisher.refusal == 404 or (is_answer and publisher.is_original):
            project = clean_line(publisher.about.project_id)
            return (
                f"{base} does not know project {project!r} or this session ({reason}): an original server takes events "
                "of what it began itself; open the project there, and name its session with --session"
            )
        return f"{base} answers, but takes nothing ({reason})" if is_answer else ""

    def _on_sigterm(self) -> None:
        """SIGTERM stops as ctrl+c does: the build's interruption is still reported."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def stop() -> None:
            self._terminated = True
            if task is not None:
                task.cancel()

        loop.add_signal_handler(signal.SIGTERM, stop)
