"""A server that is killed while another serves the same schema: nothing acknowledged is lost or doubled."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

import pytest

from ..services import drop_schemas, need_postgres, new_schema, with_schema

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
