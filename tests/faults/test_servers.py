"""Servers over one schema of which parts are killed: nothing acknowledged is lost or doubled, nobody misses anything.

`kill_rounds` is the same for an hour, with 50 builds and 200 watchers.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

import pytest

from ..services import drop_schemas, need_postgres, new_schema, with_schema
from .cluster import need_cluster
from .kill_rounds import FAULTS, kill_rounds

ROUNDS = 3


@pytest.fixture
def store() -> Iterator[str]:
    need_postgres()
    schema = new_schema()
    yield with_schema(schema)
    drop_schemas(schema)


def _post(url: str, name: str) -> bool:
    said = {"type": "text-delta", "id": "x", "delta": f"<{name}>"}
    body = {"projectId": "p", "sessionId": "s", "buildId": "b", "eventId": name, "event": said}
    request = urllib.request.Request(
        f"{url}/api/build-events", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=30):
            return True
    except (OSError, urllib.error.URLError):
        return False


def test_killed_servers_lose_and_double_nothing(
    make_server: Callable, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENTRYVIBE_STORE", store)
    one, other = make_server(), make_server()
    one.start()
    other.start()
    acknowledged: list[str] = []
    for turn in range(ROUNDS):
        killing = threading.Timer(0.15, one.kill)
        killing.start()
        for number in range(60):
            name = f"{turn}-{number}"
            servers = (one, other) if number % 2 else (other, one)
            if any(_post(server.url, name) for server in servers):  # at the other one, as a publisher would
                acknowledged.append(name)
        killing.join()
        one.start()
    assert len(acknowledged) == ROUNDS * 60
    for server in (one, other):
        state = server.state("p")
        words = "".join(note["text"] for notes in state["textByTodo"].values() for note in notes)
        assert words == "".join(f"<{name}>" for name in acknowledged)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("servers", [2, 4])
async def test_whatever_part_fails_every_watcher_has_what_was_acknowledged(servers: int) -> None:
    need_cluster()
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not on this machine")
    rounds = int(os.environ.get("SENTRYVIBE_TEST_ROUNDS", len(FAULTS)))
    faults = await kill_rounds(rounds, seed=servers, builds=8, watchers=16, each=len(FAULTS), servers=servers)
    assert sum(faults.values()) == rounds
