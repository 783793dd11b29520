"""`hooks`: an agent's settings, so that it tells of itself."""

from __future__ import annotations

import difflib
import errno
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from ..agents.common.hook_settings import NEWEST, Entries, Version
from ..agents.registry import agent_kinds
from ..errors import BadSettings
from ..folders import make_private
from ..hooks import spool
from ..hooks.install import Hook, hook_settings, installed, settings_file, with_hook, without_hooks
from ..model.text import REPLACEMENT, clean_line
from ..wire.address import Address
from .options import UsageProblem, settings
from .output import any_text, tell, write_line

AGENTS: tuple[str, ...] = tuple(kind.name for kind in agent_kinds() if kind.hook_settings is not None)
ANSWER = 2.0
"""Seconds in which a server has to say whether it asks for a token."""
VARIABLE = "SENTRYVIBE_TOKEN"
"""Of an agent's environment: the token that its hooks send. In its settings stands the name alone."""

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _where(command: _Command) -> _Command:
    """`AGENT`, `--user|--project` and `--yes`."""
    command = click.option("--yes", "-y", is_flag=True, help="Do not ask.")(command)
    command = click.option(
        "--user/--project", "users", default=True, help="The user's settings, or those of this directory.  [user]"
    )(command)
    return click.argument("agent", type=click.Choice(AGENTS))(command)


@click.group("hooks")
def command() -> None:
    """Let the hooks of Claude Code, Codex, Gemini CLI or opencode tell what the agent does.

    They tell at once when it waits for a permission or an answer, which no session file does. `follow` tells the rest.
    """
    any_text()


@command.command("install")
@_where
@click.option(
    "--http/--command", "by_http", default=None, help="A URL, or a command.  [default: a command; a URL with --server]"
)
@click.option("--server", metavar="URL", help="Server of the URL.  [default: the local one]")
def install(agent: str, users: bool, yes: bool, by_http: bool | None, server: str | None) -> int:
    """Add hooks to an agent's settings, after showing the change.

    The agent runs a command, which leaves a note for the local server and takes less than 50 ms whether one runs or
    not; it prints nothing and always succeeds. With --http Claude Code (2.1.63 or newer) calls a server's URL itself,
    and shows its user an error at every event while that server does not answer. A server that asks for a token gets
    the one in the agent's environment variable SENTRYVIBE_TOKEN.

    opencode gets a plugin, a file of its own, which leaves the same notes.

    Codex asks once whether it may trust new hooks. Agents that run already must be started again.
    """
    shape = hook_settings(agent).shape
    version = (_version(agent) if isinstance(shape, Entries) and shape.by_version else None) or NEWEST
    if by_http or (by_http is None and server is not None):
        if not isinstance(shape, Entries) or shape.url_since is None:
            raise UsageProblem(f"hooks of {agent} cannot be a URL; leave --http and --server out")
        address = _server(server)
        variable = VARIABLE if _wants_token(address) else ""
        if variable:
            tell(f"{address.base} asks for a token: start {agent} with it in the environment variable {VARIABLE}")
        hook = Hook(agent, url=address.http("hooks", agent), variable=variable, version=max(version, shape.url_since))
    elif server is not None:
        raise UsageProblem("a command leaves its notes to the local server; --server needs --http")
    else:
        calls = _our_command(agent) if isinstance(shape, Entries) else spool.folder()
        hook = Hook(agent, command=calls, version=version)
    return _change(agent, users, yes, lambda text: with_hook(text, hook), "installed already")


@command.command("remove")
@_where
def remove(agent: str, users: bool, yes: bool) -> int:
    """Take out of an agent's settings what `install` added, and nothing else."""
    return _change(agent, users, yes, lambda text: without_hooks(text, agent), "not installed")


@command.command("show")
def list_hooks() -> int:
    """List which settings call us, and for what."""
    mask, calls = _masking(), 0
    for agent in AGENTS:
        for place in (None, Path.cwd()):
            path = settings_file(agent, place)
            try:
                targets = installed(_read(path), agent)
            except BadSettings as error:
                tell(f"{path}: {error}")
                continue
            for target in dict.fromkeys(targets.values()):
                calls += 1
                events = ", ".join(event for event, called in targets.items() if called == target)
                write_line(clean_line(f"{agent:<7} {path}  {mask(target)}  ({events})", 4_000))
                for gone in _missing_files(target):
                    tell(f"{gone} is not there any more, so this hook does nothing: run `hooks install {agent}` again")
    if not calls:
        tell(f"no settings of an agent call us, yours or those of {Path.cwd()}: `hooks install AGENT` adds that")
    return 0


def _masking() -> Callable[[str], str]:
    """An agent's settings hold secrets of its user, such as variables for its commands: none is printed."""
    from ..agents.redact import Redactor

    return Redactor().text


def _missing_files(target: str) -> list[str]:
    """Files that a command of ours needs and that are missing: such a hook is silent."""
    try:
        program, *rest = shlex.split(target)
    except ValueError:  # someone's own wording
        return []
    files = [program, *(word for word in rest if word.endswith("/spool.py"))]
    return [file for file in files if os.path.isabs(file) and not os.path.exists(file)]


def _change(agent: str, users: bool, yes: bool, change: Callable[[str], str], unchanged: str) -> int:
    path = settings_file(agent, None if users else Path.cwd())
    try:
        before = _read(path)
        after = change(before)
    except BadSettings as error:
        raise click.ClickException(f"{path} is left as it is: {error}") from None
    if after == before:
        tell(f"{unchanged}: {path}")
        return 0
    target = path.resolve()
    if target != path:
        tell(f"{path} leads to {target}, which is the file that is changed")
    masked = _masking()
    for line in difflib.unified_diff(_lines(before), _lines(after), str(target), str(target), n=2, lineterm=""):
        write_line(masked(line))
    if not yes:
        if not sys.stdin.isatty():
            raise UsageProblem("nothing was changed: there is nobody to ask; --yes changes it")
        if not click.confirm(f"Change {clean_line(str(target))}?", err=True):
            return 0
        if _read(path) != before:
            raise click.ClickException(f"{path} was changed meanwhile and is left as it is; try again")
    _write(path, after)
    tell(f"changed {target}")
    return 0


def _lines(text: str) -> list[str]:
    """Lines as an editor shows them; a carriage return inside of one is no line's end."""
    lines = text.removesuffix("\n").split("\n") if text else []
    return [line.removesuffix("\r").replace("\r", REPLACEMENT) for line in lines]


def _read(path: Path) -> str:
    """Nothing for a file that is not there. Raises BadSettings for one that cannot be read."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(f"it cannot be read: {error}") from None


def _write(path: Path, text: str) -> None:
    """In one step, and through links. A file of ours alone goes when nothing is left in it."""
    path = path.resolve()
    try:
        make_private(path.parent)
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
        if not mode & 0o200 or (path.exists() and not os.access(path, os.W_OK)):
            raise PermissionError(errno.EACCES, "it is read-only")
        if not text:
            path.unlink()
            return
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        with open(
            os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8", newline=""
        ) as out:
            out.write(text)
        fresh.chmod(mode)
        fresh.replace(path)
    except OSError as error:
        raise click.ClickException(f"{path} cannot be changed: {error.strerror}") from None


def _server(named: str | None) -> Address:
    """The server named, else the place where `serve` listens: a hook calls there tomorrow, too."""
    from ..errors import BadAddress
    from ..wire.address import parse_address

    preferences = settings().settings
    host = "127.0.0.1" if preferences.host in ("0.0.0.0", "::", "") else preferences.host
    try:
        server = parse_address(named or f"http://{f'[{host}]' if ':' in host else host}:{preferences.port}")
    except BadAddress as error:
        raise UsageProblem(f"--server: {error}") from None
    if server.socket:
        raise UsageProblem("--server: a URL leads to no socket; hooks that are commands find its server")
    if server.login:
        raise UsageProblem(
            "--server: no password is written into an agent's settings; hooks that are commands need none"
        )
    return server


def _wants_token(server: Address) -> bool:
    """Whether that server asks for one: it is set here, or the server says so when it is asked without."""
    import httpx

    ours = settings().settings
    if ours.token or ours.token_file:
        return True
    try:
        return httpx.get(server.http("projects"), timeout=ANSWER).status_code == 401
    except httpx.HTTPError:
        return False


def _our_command(agent: str) -> str:
    """Python with one file: found from anywhere, and nothing is loaded that a hook does not need.

    Silent and successful whatever happens, also when this program is gone: an agent shows its user every error of a
    hook, and a Python that does not find its file ends with 2, which tells an agent to stop what it does.
    """
    return f"{shlex.quote(sys.executable)} -I -S {shlex.quote(spool.__file__)} {agent} 2>/dev/null || :"


def _version(agent: str) -> Version | None:
    """What the agent says of itself; None when it is not there."""
    program = shutil.which(agent)
    if program is None:
        return None
    try:
        output = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", output)
    return cast("Version", tuple(map(int, found.groups()))) if found else None
