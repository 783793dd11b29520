"""`run`: an agent is started and what it does becomes a build."""

from __future__ import annotations

import asyncio
import logging
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..client.rest import ProjectRef
from ..settings import Settings, data_dir
from ..sources.run.argv import prepare_argv
from ..tui.display import DisplayOptions
from ..wire.address import Address
from ..wire.projects import ProjectName, project_named, project_of
from .completing import projects
from .options import UsageProblem, find_server, redactor, server_option, settings
from .output import tell
from .screen import display_options, has_terminal, look_options, show

if TYPE_CHECKING:
    from ..agents.common.command import Prepared

_COMMAND = f"{__name__}.command"


class _AfterDashes(click.Command):
    """Everything behind the first `--` is another program's command line."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        place = args.index("--") if "--" in args else len(args)
        ctx.meta[_COMMAND] = tuple(args[place + 1 :])
        return super().parse_args(ctx, args[:place])


@click.command("run", cls=_AfterDashes, options_metavar="[OPTIONS]")
@click.argument("project", required=False, metavar="[PROJECT] -- COMMAND...", shell_complete=projects)
@server_option
@click.option("--watch", "watches", is_flag=True, help="Open the screen on it, instead of printing its text.")
@click.option("--acp", "is_acp", is_flag=True, help="An editor speaks to it in the Agent Client Protocol.")
@look_options
@click.pass_context
def command(
    ctx: click.Context, project: str | None, server: str | None, watches: bool, is_acp: bool, flags: DisplayOptions
) -> int:
    """Run COMMAND and publish what it does as a build of PROJECT (default: the directory's name).

    \b
      sentryvibe-tui run -- claude -p "fix the tests"
      sentryvibe-tui run shop -- codex exec "add a cart"
      sentryvibe-tui run --acp -- copilot --acp

    Known agents are asked for an output that can be read, unless the command line already says which; any other
    command is a build of one call, or of what its output tells when that is in a known format. Its text goes to
    stdout, its stderr to stderr; it gets stdin and signals as if it had been started directly, and its exit code is
    ours.

    With --acp it stands between an editor and any agent of the Agent Client Protocol: give it to the editor as the
    agent's command. Every byte passes; each session is a build, of PROJECT or of its directory's name.

    Without a server it serves by itself for as long as it runs.
    """
    argv: tuple[str, ...] = ctx.meta[_COMMAND]
    if not argv:
        raise UsageProblem("no command: put it behind `--`, like sentryvibe-tui run -- claude -p …")
    if not argv[0]:
        raise UsageProblem("the command behind `--` is empty")
    if is_acp and watches:
        raise UsageProblem("--watch needs the terminal that --acp leaves to the editor: watch from another one")
    if watches and not has_terminal():
        raise UsageProblem("--watch needs a terminal")
    if is_acp:
        named = None if project is None or not project.strip() else project_named(project)
        return _relayed(argv, named, find_server(server).named, settings().settings)
    ready = prepare_argv(argv)
    if ready.interactive and has_terminal():
        raise UsageProblem(
            f"{argv[0]} would open a screen of its own: start it as usual and use `sentryvibe-tui follow`"
        )
    if ready.added:
        tell(f"added {' '.join(ready.added)} to the command, so that its output can be read")
    name = project_of(str(Path.cwd())) if project is None or not project.strip() else project_named(project)
    ours, found = settings().settings, find_server(server)
    look = display_options(ours, flags) if watches else None
    return asyncio.run(_run(ready, name, found.named, ours, look))


def _relayed(argv: tuple[str, ...], name: ProjectName | None, server: Address | None, preferences: Settings) -> int:
    """The agent's exit status. Whether anything can be published makes no difference to it."""
    from ..sources.run.relay import Relay
    from ..sources.run.relay_publishing import publish_relay

    relay = Relay(argv, name, redactor(preferences))
    return asyncio.run(relay.run(lambda: asyncio.create_task(publish_relay(relay, server, preferences, tell)), tell))


async def _run(
    ready: Prepared, name: ProjectName, server: Address | None, preferences: Settings, look: DisplayOptions | None
) -> int:
    from ..client.watch import Watch
    from ..errors import CannotServe
    from ..server.embedded import kept_served, server_here
    from ..sources.run.command import Run
    from ..sources.run.watched import WatchedRun

    outbox, masks = data_dir(preferences) / "outbox", redactor(preferences)
    try:
        async with server_here(server, preferences, tell) as address:
            run = Run(ready, name, mirrors=look is None, redactor=masks)
            if look is None:
                async with nullcontext() if server else kept_served(run, address, preferences, tell):
                    return await run.run(address, outbox, tell)
            log = logging.getLogger("sentryvibe_tui.run")
            work = asyncio.create_task(run.run(address, outbox, log.warning))
            watch = Watch(address, ProjectRef(name.id, name.name), wait=True, probe=True)
            async with nullcontext() if server else kept_served(WatchedRun(run, watch), address, preferences, log.info):
                with suppress(asyncio.CancelledError):
                    await show(watch, name.name, look, preferences)
                if not work.done():
                    tell(f"{ready.argv[0]} goes on; its text follows")
                    run.mirror()
                return await work
    except (CannotServe, OSError) as error:
        raise click.ClickException(str(error)) from None
