"""`follow`: agents that run already."""

from __future__ import annotations

import asyncio
import signal
from contextlib import nullcontext
from pathlib import Path

import click

from ..settings import data_dir
from ..sources.follow.follower import LIVE_SECONDS, Follow, Pace
from ..sources.follow.session_reader import SETTLED
from ..sources.follow.witnesses import witnesses
from ..sources.processes import without_process
from ..sources.sessions import roots
from ..wire.address import Address
from .options import find_server, redactor, server_option, settings
from .output import any_text, tell
from .spans import Length


@click.command("follow")
@click.argument("path", type=click.Path(exists=True, file_okay=False, path_type=Path), default=".")
@click.option("--all", "everywhere", is_flag=True, help="Follow the sessions of all directories.")
@server_option
@click.option(
    "--live",
    type=Length("m"),
    default=LIVE_SECONDS / 60,
    show_default=True,
    metavar="MINUTES",
    help="Sessions written to within that time are followed, and all that are written to from now on.",
)
@click.option(
    "--settled",
    type=Length("s"),
    default=SETTLED,
    show_default=True,
    metavar="SECONDS",
    help="Silence after which a turn is over that only looks so; one whose file says its end is over at once.",
)
def command(path: Path, everywhere: bool, server: str | None, live: float, settled: float) -> int:
    """Publish what Claude Code, Codex, Gemini CLI, opencode, GitHub Copilot CLI, Qwen Code and pi are doing in PATH,
    with no set-up.

    Reads the session files and the database that they write anyway (CLAUDE_CONFIG_DIR, CODEX_HOME, GEMINI_CLI_HOME,
    COPILOT_HOME, QWEN_HOME and PI_CODING_AGENT_DIR move them), of the directory PATH and those below it. Each session
    becomes a build of the project that is called after its directory. Goes on until ctrl+c or SIGTERM, and may be
    started again at any time.

    Without a server it serves by itself for as long as it runs.
    """
    any_text()
    chosen = find_server(server)
    pace = Pace(live=live * 60, settled=settled)
    directory = None if everywhere else path.resolve()
    return asyncio.run(_followed(chosen.named, directory, pace))


async def _followed(server: Address | None, directory: Path | None, pace: Pace) -> int:
    from ..errors import CannotServe
    from ..server.embedded import kept_served, server_here

    preferences = settings().settings
    outbox, masks = data_dir(preferences) / "outbox", redactor(preferences)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        async with server_here(server, preferences, tell) as address:
            follow = Follow(address, outbox, roots(), directory, tell, pace, masks, witnesses(), without_process)
            work = asyncio.create_task(follow.run())
            tell(f"following {directory or 'all sessions'}; ctrl+c stops")
            async with nullcontext() if server else kept_served(follow, address, preferences, tell):
                await asyncio.wait([work, asyncio.create_task(stop.wait())], return_when=asyncio.FIRST_COMPLETED)
                if work.done():
                    work.result()
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)
    except (CannotServe, OSError) as error:
        raise click.ClickException(str(error)) from None
    return 0
