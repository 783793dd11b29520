"""The process table: who lives, and what must not be left behind."""

from __future__ import annotations

from pathlib import Path

import psutil

PATIENCE = 10.0


def lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.NoSuchProcess:
        return False


def of_home(home: Path) -> list[psutil.Process]:
    """All processes that were started with this HOME, daemons of their own session included."""
    listed: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("HOME") == str(home):
                listed.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return listed


def end_all(home: Path) -> None:
    """Ends them: asked first, then killed; a second look takes what they started meanwhile."""
    for _ in range(2):
        listed = of_home(home)
        for process in listed:
            _signal(process, psutil.Process.terminate)
        _, alive = psutil.wait_procs(listed, PATIENCE)
        for process in alive:
            _signal(process, psutil.Process.kill)
        psutil.wait_procs(alive, PATIENCE)


def _signal(process: psutil.Process, send: object) -> None:
    try:
        send(process)  # type: ignore[operator]
    except psutil.NoSuchProcess:
        return


def sleeper(home: Path) -> bool:
    """Whether a command that an agent put into the background runs: in the plays that is a `sleep`."""
    for process in psutil.process_iter(["name"]):
        try:
            if process.info["name"] == "sleep" and process.environ().get("HOME") == str(home):
                return True
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return False
