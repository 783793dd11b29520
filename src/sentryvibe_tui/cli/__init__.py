"""The command line. `main` answers `--help` and `--version` itself, so that they cost no more than Python's start."""

from __future__ import annotations

import os
import sys

PROGRAM = "sentryvibe-tui"
COMPLETE = "_SENTRYVIBE_TUI_COMPLETE"
"""The environment variable by which a shell asks for completions."""

ALONE = "overview"
"""The command that the program is without one."""

COMMANDS = {
    "demo": "Watch three invented agents, to see what this is.",
    "serve": "Keep builds, take in events and tell watchers of them.",
    "run": "Run a coding agent and publish what it does.",
    "follow": "Publish what agents that run already are doing.",
    "hooks": "Let an agent's hooks tell what it does.",
    "ingest": "Publish a coding agent's output as a build.",
    "watch": "Watch a project's build as it happens.",
    "show": "Print the state of a build once.",
    "ls": "List projects and their builds.",
    "status": "Print all agents in one line, for a status bar or a prompt.",
    "wait": "Wait until an agent needs you, rests, ends or fails.",
    "token": "Let others use a server, each with a token of their own.",
    "share": "Print a line that opens a project on another machine.",
    "audit": "Print who changed or wanted what of a server, and from where.",
    "delete": "Delete builds that have ended.",
    "discard": "Delete a build that cannot be read any more.",
    "db": "Check, prune or compact the database, or move it to PostgreSQL.",
    "config": "Print the settings and where each comes from.",
    "completion": "Let bash, zsh or fish complete command lines.",
}

OVERVIEW = f"""\
Usage: {PROGRAM} [COMMAND] [OPTIONS]

  All coding agents of this machine on one screen, sorted by who needs you:
  live, kept, and from several terminals at once.

  Without a command it shows them; nothing needs to be installed or
  configured. --server URL shows those of another machine beside them; --theme,
  --ascii and --no-animation say how it looks.

Commands:
{chr(10).join(f"  {name:<12}{text}" for name, text in COMMANDS.items())}

  {PROGRAM} COMMAND --help tells more of each.

Options:
  -V, --version  Print the version.
  -h, --help     Print this.

Exit codes of demo, ingest, watch and show:
  0    the build completed (show: the state was printed)
  1    it failed, was cancelled or interrupted
  2    wrong usage, or no such project
  3    no link to a server
  130  left, or stopped with ctrl+c, while the build ran
"""


def main() -> None:
    """The console script: run the command in `sys.argv` and exit with its status."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["hook"]:
        from ..hooks import spool

        sys.exit(spool.main(arguments[1:]))
    completing = COMPLETE in os.environ
    if not completing and arguments in (["--help"], ["-h"], ["help"]):
        sys.stdout.write(OVERVIEW)
        sys.exit(0)
    if not completing and arguments in (["--version"], ["-V"]):
        from ..version import __version__

        sys.stdout.write(f"{PROGRAM} {__version__}\n")
        sys.exit(0)
    if not completing and arguments[:1] == ["status"] and sys.platform != "win32":
        from .status_line import quick

        code = quick(arguments[1:])
        if code is not None:
            sys.exit(code)
    if sys.platform == "win32":
        sys.stderr.write(f"{PROGRAM}: Windows itself is not supported; install and run it in WSL (`wsl --install`)\n")
        sys.exit(2)
    from .commands import run

    looks_only = bool(arguments) and arguments[0].startswith("--") and arguments[0] != "--help"
    alone = not completing and (not arguments or looks_only)
    sys.exit(run([ALONE, *arguments] if alone else arguments))
