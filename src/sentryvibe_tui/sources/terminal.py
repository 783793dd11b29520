"""The terminal in which an agent runs, and the way there: a tmux pane, or a window that takes commands (`WAYS`).

The process is the one that the agent's register names for the session (`AgentKind.processes`), else the one of its
program in its directory. Linux and macOS: `ps`, `tmux` and the environment of the process tell the rest.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from ..agents.registry import AgentKind, agent_kinds
from ..errors import SentryVibeError
from ..model.summary import BuildSummary
from ..model.text import clean_line
from .processes import CommandRunner, RunningProcess, directory_of_pid, output_of, running_processes


class Pane(Struct, frozen=True):
    """A pane of tmux: `%3`, `/dev/pts/4`, `work:2.1`."""

    id: str
    tty: str
    place: str


class NoTerminal(SentryVibeError):
    """Why there is no way to an agent's terminal, in words for a person."""


def go_to_terminal(
    build: BuildSummary,
    environ: Mapping[str, str],
    run: CommandRunner = output_of,
    directory_of: Callable[[int], str] | None = None,
    environ_of: Callable[[int], Mapping[str, str]] | None = None,
) -> str:
    """Brings the terminal of the agent to the front; where that is, like `tmux work:2.1`. Raises NoTerminal."""
    process, name = _process_of(build, environ, run, directory_of or directory_of_pid)
    variables = (environ_of or _environ_of)(process.pid)
    pane = _pane_of(f"/dev/{process.tty}", variables, run)
    if pane is not None:
        return _to_pane(pane, variables, environ, run)
    way = next((way for way in WAYS if way.variable in variables and way.value in ("", variables[way.variable])), None)
    place = f"/dev/{process.tty}" + (f" in {way.name}" if way is not None else "")
    command = way.command(variables, f"/dev/{process.tty}") if way is not None else ()
    if way is None or not command:
        hint = way.hint(variables) if way is not None else ""
        raise NoTerminal(f"{name} runs on {place}: {hint or 'no way leads there from here, go there by hand'}")
    try:
        run(command)
    except (OSError, subprocess.SubprocessError):
        raise NoTerminal(f"{name} runs on {place}, but `{' '.join(command[:3])}` does not go there") from None
    return place


def _process_of(
    build: BuildSummary, environ: Mapping[str, str], run: CommandRunner, directory_of: Callable[[int], str]
) -> tuple[RunningProcess, str]:
    """The process of an agent on this machine, which has a terminal, and the agent's name. Raises NoTerminal."""
    if build.host:
        raise NoTerminal(f"it runs on {clean_line(build.host, 60)}: its terminal is not here")
    kind = next((kind for kind in agent_kinds() if kind.agent_id == build.agent_id), None)
    name = kind.title if kind is not None else clean_line(build.agent_id, 40) or "the agent"
    try:
        processes = running_processes(run)
    except (OSError, subprocess.SubprocessError):
        raise NoTerminal("`ps` does not say which processes run") from None
    matches = _of_session(build, kind, environ, processes) or _of_directory(build, kind, processes, directory_of)
    if not matches:
        raise NoTerminal(f"no process of {name} was found in {clean_line(build.cwd, 120) or 'its directory'}")
    ttys = sorted({process.tty for process in matches if process.tty})
    if not ttys:
        raise NoTerminal(f"{name} (process {matches[0].pid}) has no terminal")
    if len(ttys) > 1:
        places = {pane.tty: f"tmux {pane.place}" for pane in _panes({}, run)}
        listed = ", ".join(places.get(f"/dev/{tty}", f"/dev/{tty}") for tty in ttys)
        raise NoTerminal(f"{name} runs there more than once: {listed}")
    return next(process for process in matches if process.tty), name


# --------------------------------------------------------------------------- tmux


def _pane_of(tty: str, variables: Mapping[str, str], run: CommandRunner) -> Pane | None:
    """The pane of tmux on a terminal: of the server that the agent runs in, else of the usual one."""
    return next((pane for pane in _panes(variables, run) if pane.tty == tty), None)


def _to_pane(pane: Pane, variables: Mapping[str, str], environ: Mapping[str, str], run: CommandRunner) -> str:
    server, session = _server(variables), pane.place.partition(":")[0]
    is_same = not server or server[1] == environ.get("TMUX", "").partition(",")[0]
    if not environ.get("TMUX") or not is_same:
        where = "this terminal is not in tmux" if not environ.get("TMUX") else "this terminal is in another tmux"
        attach = shlex.join(("tmux", *(() if is_same else server), "attach", "-t", session))
        raise NoTerminal(f"it runs in tmux {pane.place}, but {where}: {clean_line(attach, 200)}")
    try:
        run(("tmux", *server, "switch-client", "-t", pane.id))
    except (OSError, subprocess.SubprocessError):
        raise NoTerminal(f"tmux does not go to {pane.place}") from None
    return f"tmux {pane.place}"


def _server(variables: Mapping[str, str]) -> tuple[str, ...]:
    """Options that name the tmux server of an agent; none for the usual one."""
    socket = variables.get("TMUX", "").partition(",")[0]
    return ("-S", socket) if socket else ()


# --------------------------------------------------------------------------- other terminals


class TerminalWay(Struct, frozen=True):
    """A terminal that its programs know by a `variable` (of that `value`, where one is named).

    `command` leads there, from the agent's environment and tty; () where it cannot. `hint`: what a person does then.
    """

    name: str
    variable: str
    command: Callable[[Mapping[str, str], str], tuple[str, ...]]
    value: str = ""
    hint: Callable[[Mapping[str, str]], str] = lambda _: ""


def _nowhere(*_: object) -> tuple[str, ...]:
    return ()


def _kitty(variables: Mapping[str, str], _: str) -> tuple[str, ...]:
    listens, window = variables.get("KITTY_LISTEN_ON", ""), variables["KITTY_WINDOW_ID"]
    return ("kitten", "@", "--to", listens, "focus-window", "--match", f"id:{window}") if listens else ()


def _wezterm(variables: Mapping[str, str], _: str) -> tuple[str, ...]:
    return ("wezterm", "cli", "activate-pane", "--pane-id", variables["WEZTERM_PANE"])


def _apple(script: str) -> Callable[[Mapping[str, str], str], tuple[str, ...]]:
    """`script` is told the tty as its argument."""
    return lambda _, tty: ("osascript", "-e", script, tty)


_ITERM = """on run argv
tell application "iTerm2"
repeat with w in windows
repeat with t in tabs of w
repeat with s in sessions of t
if tty of s is item 1 of argv then
select w
select t
select s
activate
return
end if
end repeat
end repeat
end repeat
end tell
error "no such session"
end run"""
_TERMINAL = """on run argv
tell application "Terminal"
repeat with w in windows
repeat with t in tabs of w
if tty of t is item 1 of argv then
set selected of t to true
set index of w to 1
activate
return
end if
end repeat
end repeat
end tell
error "no such tab"
end run"""

WAYS = (
    TerminalWay(
        "screen", "STY", _nowhere, hint=lambda variables: clean_line(shlex.join(("screen", "-x", variables["STY"])), 80)
    ),
    TerminalWay(
        "zellij",
        "ZELLIJ_SESSION_NAME",
        _nowhere,
        hint=lambda variables: clean_line(shlex.join(("zellij", "attach", variables["ZELLIJ_SESSION_NAME"])), 80),
    ),
    TerminalWay(
        "kitty",
        "KITTY_WINDOW_ID",
        _kitty,
        hint=lambda _: "kitty takes commands with `allow_remote_control` and `listen_on`",
    ),
    TerminalWay("wezterm", "WEZTERM_PANE", _wezterm),
    TerminalWay("iTerm", "TERM_PROGRAM", _apple(_ITERM), "iTerm.app"),
    TerminalWay("Terminal", "TERM_PROGRAM", _apple(_TERMINAL), "Apple_Terminal"),
    TerminalWay("VS Code", "TERM_PROGRAM", _nowhere, "vscode"),
)
"""What runs inside of another stands first."""


# --------------------------------------------------------------------------- processes


def _of_session(
    build: BuildSummary, kind: AgentKind | None, environ: Mapping[str, str], processes: Sequence[RunningProcess]
) -> list[RunningProcess]:
    """What the agent's register says, where that process has a terminal: a daemon has none."""
    pid = kind.processes(environ).get(build.session_id) if kind is not None and kind.processes is not None else None
    return [process for process in processes if process.pid == pid and process.tty]


def _of_directory(
    build: BuildSummary,
    kind: AgentKind | None,
    processes: Sequence[RunningProcess],
    directory_of: Callable[[int], str],
) -> list[RunningProcess]:
    """Processes of its program in its directory, those with a terminal if any has one."""
    if kind is None or not build.cwd:
        return []
    names = {kind.name, *kind.programs}
    where = os.path.realpath(build.cwd)
    candidates = ((one, directory_of(one.pid)) for one in processes if names & one.names())
    # a process whose directory nobody tells is not at home where we are
    found = [one for one, directory in candidates if directory and os.path.realpath(directory) == where]
    return [one for one in found if one.tty] or found


def _panes(variables: Mapping[str, str], run: CommandRunner) -> list[Pane]:
    form = "#{pane_id}\t#{pane_tty}\t#{session_name}:#{window_index}.#{pane_index}"
    try:
        output = run(("tmux", *_server(variables), "list-panes", "-a", "-F", form))
    except (OSError, subprocess.SubprocessError):
        return []
    rows = (line.split("\t") for line in output.splitlines())
    return [Pane(*row) for row in rows if len(row) == 3]


def _environ_of(pid: int) -> Mapping[str, str]:
    """The environment that a process of this user began with; {} where the system does not say."""
    try:
        if sys.platform == "darwin":
            words = output_of(("ps", "-wwEo", "command=", "-p", str(pid))).split()
        else:
            with open(f"/proc/{pid}/environ", "rb") as file:
                words = file.read().decode("utf-8", "replace").split("\0")
    except (OSError, subprocess.SubprocessError):
        return {}
    return dict(name_value for word in words if len(name_value := tuple(word.split("=", 1))) == 2)
