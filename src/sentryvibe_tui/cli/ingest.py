"""`ingest`: an agent's output becomes a build."""

from __future__ import annotations

import asyncio
import signal
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..agents.detect import READERS, UnknownFormat
from ..agents.reading import Reader
from ..model.text import clean_line
from ..report import exit_codes
from ..settings import data_dir
from ..wire.events import Posted
from .intake import pieces
from .options import EXIT_CODES, NoLink, Refused, Server, find_server, project_id, server_option, settings
from .output import any_text, tell
from .posting import Posting

if TYPE_CHECKING:
    from ..client.publisher import Publisher

BACKLOG = 4096
"""Events on the way above which a reachable server is waited for."""

LAST_WORDS = 3.0
"""Seconds given to the report that a build was interrupted."""


@click.command("ingest", epilog=EXIT_CODES)
@click.argument("project")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path), default="-")
@server_option
@click.option(
    "--format",
    "kind",
    type=click.Choice(sorted(READERS)),
    default="auto",
    show_default=True,
    help="What the input is; auto tells by its first lines.",
)
@click.option("--session", metavar="ID", help="The build's session.  [default: the agent's own session id]")
@click.option(
    "--timeout",
    type=click.FloatRange(0),
    default=60.0,
    show_default=True,
    help="Seconds to go on trying when the input has ended and the server cannot be reached.",
)
def command(project: str, file: Path, server: str | None, kind: str, session: str | None, timeout: float) -> int:
    """Publish a coding agent's output as a build of PROJECT, as it comes.

    Reads FILE, or stdin when there is none or it is `-`. For a running agent:

    \b
      claude -p "…" --output-format stream-json --verbose | sentryvibe-tui ingest PROJECT

    Reading the same input again changes nothing. An input that ends without saying how the build ended leaves it
    interrupted.
    """
    any_text()
    if not project.strip():
        raise Refused("the project's name is empty")
    source = None if str(file) == "-" else file
    posting = Posting(project_id(project), clean_line(project), session or uuid.uuid4().hex, fixed=bool(session))
    intake = _Intake(READERS[kind](), posting, source, timeout)
    return asyncio.run(intake.run(find_server(server), data_dir(settings().settings) / "outbox"))


class _Intake:
    """One input on its way into a server."""

    def __init__(self, reader: Reader, posting: Posting, path: Path | None, timeout: float) -> None:
        self._reader, self._posting, self._path, self._timeout = reader, posting, path, timeout
        self._terminated = False

    async def run(self, server: Server, outbox: Path) -> int:
        """Exit status by the build's outcome. Raises NoLink, Refused."""
        from ..client.publisher import Publisher

        self._on_sigterm()
        try:
            async with Publisher(server.address, self._posting.about, outbox, report=tell) as publisher:
                try:
                    await self._read(publisher)
                except asyncio.CancelledError:
                    self._publish(publisher, self._posting.ended("interrupted", "ingest was stopped"))
                    await publisher.drain(LAST_WORDS)
                    if self._terminated:
                        return 128 + signal.SIGTERM
                    raise
                if not await publisher.drain(self._timeout):
                    raise NoLink(f"{publisher.depth} events wait in {outbox}: {server.absence}")
                if publisher.parked:
                    tell(f"the server refused {publisher.parked} events; they are kept in {outbox}")
        except UnknownFormat as error:
            raise Refused(clean_line(str(error))) from None
        except OSError as error:
            raise click.ClickException(f"cannot read the input: {error}") from None
        outcome = self._posting.outcome
        return exit_codes.UNSUCCESSFUL if outcome is None else exit_codes.of_build(outcome)

    async def _read(self, publisher: Publisher) -> None:
        async for piece in pieces(self._path):
            events = self._posting.label(self._reader.feed(piece), past=self._path is not None)
            self._publish(publisher, events)
            if publisher.depth > BACKLOG and (self._path is not None or not publisher.last_error):
                await publisher.drain(self._timeout)
        self._publish(publisher, self._posting.label(self._reader.finish(), past=True))
        self._publish(publisher, self._posting.ended("interrupted", "the input ended without an end of the build"))

    def _publish(self, publisher: Publisher, events: Iterable[Posted]) -> None:
        for posted in events:
            publisher.about = posted.about
            publisher.publish(posted.event, posted.at, posted.event_id)

    def _on_sigterm(self) -> None:
        """SIGTERM stops as ctrl+c does: the build's interruption is still reported."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def stop() -> None:
            self._terminated = True
            if task is not None:
                task.cancel()

        loop.add_signal_handler(signal.SIGTERM, stop)
