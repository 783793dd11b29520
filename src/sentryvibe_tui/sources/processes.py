"""Which processes run on this machine, where each works, and which sessions of agents have none any more.

Linux and macOS: `ps` lists them, `/proc` or `lsof` say where they work.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePath

from msgspec import Struct

from ..agents.common.session_files import Session
from ..agents.registry import AgentKind, agent_kind

TIMEOUT = 3.0
"""Seconds that `tmux` and `ps` may take."""
WORDS = 4
"""Words of a command line that are looked at."""
INTERPRETERS = ("node", "bun", "deno", "python")
"""Programs that are named before the agent's own: `node --flag /usr/bin/codex`."""


class RunningProcess(Struct, frozen=True):
    """`tty` as `ps` has it: `pts/4`, `ttys003`; "" for none."""

    pid: int
    tty: str
    words: tuple[str, ...]

    def names(self) -> set[str]:
        """`claude` for `/usr/bin/claude` and for `node --flag /usr/lib/claude.js`."""
        paths = [PurePath(word) for word in self.words[:WORDS] if not word.startswith("-")]
        programs = paths if paths and paths[0].name.startswith(INTERPRETERS) else paths[:1]
        return {path.name for path in programs} | {path.stem for path in programs}


CommandRunner = Callable[[Sequence[str]], str]
"""Runs a command; its output. Raises OSError, subprocess.SubprocessError."""


def output_of(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, check=True, timeout=TIMEOUT)
    return done.stdout.decode("utf-8", "replace")


def running_processes(run: CommandRunner = output_of) -> list[RunningProcess]:
    """All of this machine. Raises OSError, subprocess.SubprocessError."""
    return list(_parsed_processes(run(("ps", "-axo", "pid=,tty=,args="))))


def _parsed_processes(text: str) -> Iterator[RunningProcess]:
    for line in text.splitlines():
        pid, _, rest = line.strip().partition(" ")
        tty, _, words = rest.strip().partition(" ")
        if pid.isdigit():
            yield RunningProcess(
                int(pid), "" if tty.startswith("?") or tty == "-" else tty, tuple(words.split(maxsplit=WORDS))
            )


def directory_of_pid(pid: int) -> str:
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


# --------------------------------------------------------------------------- sessions without a process


def without_process(
    sessions: Sequence[Session],
    environ: Mapping[str, str] = os.environ,
    run: CommandRunner = output_of,
    directory_of: Callable[[int], str] = directory_of_pid,
) -> set[Path]:
    """The files of those sessions that certainly no process has any more.

    That is so where the agent's register names no process for the session, and each process that mentions the agent
    works elsewhere, or has other sessions or none by the register. Of an agent without a register, of a directory that
    is not on this machine, and of a process that hides where it works, nothing is certain.
    """
    kinds = {name: agent_kind(name) for name in {session.agent for session in sessions}}
    registers = {name: kind.processes(environ) for name, kind in kinds.items() if kind.processes is not None}
    candidates = [
        session
        for session in sessions
        if session.agent in registers
        and session.id not in registers[session.agent]
        and os.path.isdir(session.directory)
    ]
    try:
        processes = running_processes(run) if candidates else []
    except (OSError, subprocess.SubprocessError):
        return set()
    suspects = {
        name: [directory_of(process.pid) for process in _mentions(kinds[name], processes, {*register.values()})]
        for name, register in registers.items()
    }
    return {
        session.path
        for session in candidates
        if not any(_is_near(where, session.directory) for where in suspects[session.agent])
    }


def _mentions(kind: AgentKind, processes: Sequence[RunningProcess], others: set[int]) -> Iterator[RunningProcess]:
    """Processes that may be the agent's, also when an SDK runs it (`node …/claude-agent-sdk/cli.js`)."""
    names = (kind.name, *kind.programs)
    for process in processes:
        line = " ".join(process.words[:WORDS]).lower()
        if process.pid in others or "<defunct>" in line or not any(name in line for name in names):
            continue
        if process.names().isdisjoint(names) or not kind.shows(process.pid):
            yield process


def _is_near(where: str, directory: str) -> bool:
    """Whether a process that works in `where` ("" for unknown) may be at work in `directory`: above and below count."""
    if not where:
        return True
    place, home = PurePath(os.path.realpath(where)), PurePath(os.path.realpath(directory))
    return place.is_relative_to(home) or home.is_relative_to(place)
