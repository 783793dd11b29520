"""Payloads of command hooks, on their way: each is a file that the next server here takes up.

A hook holds up its agent. So this file is also a program of its own, which wants neither site-packages nor any module
beside it; it talks to nobody and always succeeds.
"""

import os
import sys
import time

LIMIT = 20_000
"""Files that wait at most; without a server for so long, what follows is dropped and the drop is marked."""
FULL = "full"
STALE = 3600.0
"""Seconds after which a file that was never finished will not be."""

_COUNT_EVERY = 64
_LONGEST = 40


def folder() -> str:
    """Beside the builds, wherever the config file puts those: a hook reads no config file."""
    configured = os.environ.get("SENTRYVIBE_DATA_DIR")
    if not configured:
        usual = "~/Library/Application Support" if sys.platform == "darwin" else "~/.local/share"
        configured = os.path.join(os.environ.get("XDG_DATA_HOME", "").strip() or usual, "sentryvibe-tui")
    return os.path.join(os.path.expanduser(configured), "hooks")


def main(arguments: list[str]) -> int:
    """`hook AGENT`: keeps the payload on stdin. An agent is never disturbed: the answer is 0.

    Whether hooks are taken of that agent is the server's to know.
    """
    agent = arguments[0] if arguments else ""
    if not is_agent(agent):
        sys.stderr.write("usage: sentryvibe-tui hook AGENT < payload   (claude, codex, gemini …)\n")
        return 2
    try:
        put_payload(folder(), agent, _stdin())
    except OSError as error:
        sys.stderr.write(f"sentryvibe-tui: the hook's payload is lost: {error}\n")
    return 0


def is_agent(name: str) -> bool:
    """Whether it can be an agent's name: lower case letters and hyphens."""
    return name.replace("-", "").isalpha() and name.isascii() and name.islower() and len(name) <= _LONGEST


def is_whole(name: str) -> bool:
    """Whether a file of that name in the spool holds a payload that was written to its end."""
    number, dot, agent = name.rpartition(".")
    return bool(dot) and bool(number) and is_agent(agent)


def put_payload(where: str, agent: str, payload: bytes) -> None:
    """Appears in the spool whole, in the order of time. Raises OSError."""
    name = os.path.join(where, f"{time.time_ns():020d}-{os.getpid()}")
    if os.path.exists(os.path.join(where, FULL)):
        return
    try:
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileNotFoundError:
        _make_private(where)
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        while payload:
            payload = payload[os.write(file, payload) :]
    except OSError:
        os.unlink(name)
        raise
    finally:
        os.close(file)
    os.rename(name, f"{name}.{agent}")
    if os.getpid() % _COUNT_EVERY == 0 and len(os.listdir(where)) > LIMIT:
        os.close(os.open(os.path.join(where, FULL), os.O_WRONLY | os.O_CREAT, 0o600))


def _make_private(where: str) -> None:
    """For the user alone, with what is missing above it, whatever the umask is."""
    if where and not os.path.isdir(where):
        _make_private(os.path.dirname(where))
        try:
            os.mkdir(where, 0o700)
        except FileExistsError:  # another hook was quicker
            return


def _stdin() -> bytes:
    pieces: list[bytes] = []
    while piece := os.read(0, 1 << 20):
        pieces.append(piece)
    return b"".join(pieces)


if __name__ == "__main__":
    os._exit(main(sys.argv[1:]))  # Python's own tidying up would take a sixth of all the time
