"""The terminal in which an agent runs: the tmux pane on its process' tty, and the way there.

The process is the one that the agent's register names for the session (`AgentKind.process`), else the one of its
program in its directory. Linux and macOS: `ps` and `tmux` tell the rest.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePath

from msgspec import Struct

from ..agents.registry import AgentKind, agent_kinds
from ..errors import SentryVibeError
from ..model.summary import BuildSummary
from ..model.text import clean_line

TIMEOUT = 3.0
"""Seconds that `tmux` and `ps` may take."""
WORDS = 4
"""Words of a command line that are looked at."""
INTERPRETERS = ("node", "bun", "deno", "python")
"""Programs that are named before the agent's own: `node --flag /usr/bin/codex`."""


class Pane(Struct, frozen=True):
    """A pane of tmux: `%3`, `/dev/pts/4`, `work:2.1`."""

    id: str
    tty: str
    place: str


class TerminalProcess(Struct, frozen=True):
    """`tty` as `ps` has it: `pts/4`, `ttys003`; "" for none."""

    pid: int
    tty: str
    words: tuple[str, ...]


class NoTerminal(SentryVibeError):
    """Why there is no way to an agent's terminal, in words for a person."""


CommandRunner = Callable[[Sequence[str]], str]
"""Runs a command; its output. Raises OSError, subprocess.SubprocessError."""


def output_of(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, check=True, timeout=TIMEOUT)
    return done.stdout.decode("utf-8", "replace")


def go_to_terminal(
    build: BuildSummary,
    environ: Mapping[str, str],
    run: CommandRunner = output_of,
    directory_of: Callable[[int], str] | None = None,
) -> str:
    """Takes this terminal's tmux to the pane of the agent; where that is. Raises NoTerminal."""
    pane = pane_of(build, environ, run, directory_of or _directory_of)
    if not environ.get("TMUX"):
        session = pane.place.partition(":")[0]
        raise NoTerminal(f"it runs in tmux {pane.place}, but this terminal is not in tmux: tmux attach -t {session}")
    try:
        run(("tmux", "switch-client", "-t", pane.id))
    except (OSError, subprocess.SubprocessError):
        raise NoTerminal(f"tmux does not go to {pane.place}") from None
    return pane.place


def pane_of(
    build: BuildSummary, environ: Mapping[str, str], run: CommandRunner, directory_of: Callable[[int], str]
) -> Pane:
    """The pane in which the agent of a build on this machine runs. Raises NoTerminal."""
    if build.host:
        raise NoTerminal(f"it runs on {clean_line(build.host, 60)}: its terminal is not here")
    kind = next((kind for kind in agent_kinds() if kind.agent_id == build.agent_id), None)
    name = kind.title if kind is not None else clean_line(build.agent_id, 40) or "the agent"
    processes = _processes(run)
    matches = _of_session(build, kind, environ, processes) or _of_directory(build, kind, processes, directory_of)
    if not matches:
        raise NoTerminal(f"no process of {name} was found in {clean_line(build.cwd, 120) or 'its directory'}")
    ttys = {f"/dev/{process.tty}" for process in matches if process.tty}
    if not ttys:
        raise NoTerminal(f"{name} (process {matches[0].pid}) has no terminal")
    panes = [pane for pane in _panes(run) if pane.tty in ttys]
    if not panes:
        raise NoTerminal(f"{name} runs on {', '.join(sorted(ttys))}, which is no tmux pane: go there by hand")
    if len(panes) > 1:
        raise NoTerminal(f"{name} runs there more than once: tmux {', '.join(pane.place for pane in panes)}")
    return panes[0]


def _of_session(
    build: BuildSummary, kind: AgentKind | None, environ: Mapping[str, str], processes: Sequence[TerminalProcess]
) -> list[TerminalProcess]:
    """What the agent's register says, where that process has a terminal: a daemon has none."""
    pid = kind.process(environ, build.session_id) if kind is not None and kind.process is not None else None
    return [process for process in processes if process.pid == pid and process.tty]


def _of_directory(
    build: BuildSummary,
    kind: AgentKind | None,
    processes: Sequence[TerminalProcess],
    directory_of: Callable[[int], str],
) -> list[TerminalProcess]:
    """Processes of its program in its directory, those with a terminal if any has one."""
    if kind is None or not build.cwd:
        return []
    names = {kind.name, *kind.programs}
    where = os.path.realpath(build.cwd)
    candidates = ((one, directory_of(one.pid)) for one in processes if names & _names(one))
    # a process whose directory nobody tells is not at home where we are
    found = [one for one, directory in candidates if directory and os.path.realpath(directory) == where]
    return [one for one in found if one.tty] or found


def _names(process: TerminalProcess) -> set[str]:
    """`claude` for `/usr/bin/claude` and for `node --flag /usr/lib/claude.js`."""
    paths = [PurePath(word) for word in process.words[:WORDS] if not word.startswith("-")]
    told = paths if paths and paths[0].name.startswith(INTERPRETERS) else paths[:1]
    return {path.name for path in told} | {path.stem for path in told}


def _processes(run: CommandRunner) -> list[TerminalProcess]:
    try:
        output = run(("ps", "-axo", "pid=,tty=,args="))
    except (OSError, subprocess.SubprocessError):
        raise NoTerminal("`ps` does not say which processes run") from None
    return list(_parsed_processes(output))


def _parsed_processes(text: str) -> Iterator[TerminalProcess]:
    for line in text.splitlines():
        pid, _, rest = line.strip().partition(" ")
        tty, _, words = rest.strip().partition(" ")
        if pid.isdigit():
            yield TerminalProcess(
                int(pid), "" if tty.startswith("?") or tty == "-" else tty, tuple(words.split(maxsplit=WORDS))
            )


def _panes(run: CommandRunner) -> list[Pane]:
    form = "#{pane_id}\t#{pane_tty}\t#{session_name}:#{window_index}.#{pane_index}"
    try:
        output = run(("tmux", "list-panes", "-a", "-F", form))
    except (OSError, subprocess.SubprocessError):
        return []
    rows = (line.split("\t") for line in output.splitlines())
    return [Pane(*row) for row in rows if len(row) == 3]


def _directory_of(pid: int) -> str:
    """Where a process works; "" where the system does not say."""
    if sys.platform == "darwin":
        try:
            lines = output_of(("lsof", "-a", "-d", "cwd", "-Fn", "-p", str(pid))).splitlines()
        except (OSError, subprocess.SubprocessError):
            return ""
        return next((line[1:] for line in lines if line.startswith("n")), "")
    try:
        return os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return ""
