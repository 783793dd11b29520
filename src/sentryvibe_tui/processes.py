"""Which processes live. A pid is given to another process some day: the time of its start tells them apart."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from pathlib import Path


def started_at(pid: int) -> str:
    """When a process began, in the system's own measure; "" when there is none, or the system does not say so here.

    On Linux these are clock ticks since the boot (proc_pid_stat(5), field 22).
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read(4096).rpartition(b")")[2].split()
    except OSError:
        return ""
    return fields[19].decode() if len(fields) > 19 and fields[0] not in (b"Z", b"X") else ""


def is_alive(pid: int, start: str = "") -> bool:
    """Whether the process `pid` that began at `start` lives; any of that pid where `start` cannot be compared."""
    if os.path.isdir("/proc/self"):
        began = started_at(pid)
        return bool(began) and (not start.isdigit() or began == start)
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


@cache
def pid_domain() -> str:
    """Where our pids count: `linux:<machine id>:pid:[<inode of the namespace>]`; "" where that cannot be told."""
    machine = ""
    with suppress(OSError):
        machine = Path("/etc/machine-id").read_text().strip()
    try:
        return f"linux:{machine}:{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def is_elsewhere(domain: str, own: str) -> bool:
    """Whether pids of `domain` say nothing in `own`: they are a container's, or another machine's."""
    machine, known, namespace = domain.partition(":pid:")
    own_machine, own_known, own_namespace = own.partition(":pid:")
    if not known or not own_known:
        return False
    return namespace != own_namespace or (own_machine != "linux:" != machine and machine != own_machine)


def open_links(pid: int | str) -> set[str]:
    """What a process has open (Linux); what it closes meanwhile is passed over. Raises OSError when it is gone."""
    targets: set[str] = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        with suppress(FileNotFoundError):
            targets.add(os.readlink(f"/proc/{pid}/fd/{name}"))
    return targets


def shows_files(pid: int) -> bool:
    """Whether `open_links` tells all that a process has open, by the names that files have here (Linux)."""
    try:
        os.listdir(f"/proc/{pid}/fd")
        return os.readlink(f"/proc/{pid}/ns/mnt") == os.readlink("/proc/self/ns/mnt")
    except OSError:  # gone, or another user's
        return False
