"""How a command says in its exit status what became of the build."""

from __future__ import annotations

from ..model.state import Status

COMPLETED = 0
UNSUCCESSFUL = 1
"""The build failed, was cancelled or interrupted; or the command itself failed."""
USAGE = 2
NO_LINK = 3
"""No server could be reached, or it refused for good."""
INTERRUPTED = 130
"""The user left, or pressed ctrl+c, while the build ran."""
PIPE_CLOSED = 141
"""Whoever read the output went away, as for any Unix command in a pipe."""

EXPLAINED = (
    (COMPLETED, "the build completed"),
    (UNSUCCESSFUL, "the build failed, was cancelled or interrupted"),
    (USAGE, "wrong usage, or no such project"),
    (NO_LINK, "no link to a server"),
    (INTERRUPTED, "left, or stopped with ctrl+c, while the build ran"),
)


def of_build(status: Status) -> int:
    """The exit status for a build that ended so. An active one was left without its end: no success."""
    return COMPLETED if status == "completed" else UNSUCCESSFUL
