"""The commands over a server that keeps its builds in PostgreSQL."""

import json
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from ..services import drop_schemas, need_postgres, new_schema, with_schema

pytestmark = pytest.mark.e2e


@pytest.fixture
def store() -> Iterator[str]:
    """The URL of a schema that is not there yet."""
    need_postgres()
    schema = new_schema()
    yield with_schema(schema)
    drop_schemas(schema)


def _build(claude: Any) -> bytes:
    return b"".join(
        [
            claude.init,
            claude.todos(1, ("Read it", "completed"), ("Fix it", "in_progress")),
            claude.calls(2, "Bash", command="npm test"),
            claude.gets(2, "boom\nexit code 1", is_error=True),
            claude.text(3, "That did not work."),
        ]
    )


def test_a_build_is_ingested_watched_shown_and_there_after_a_restart(desk: Any, claude: Any, store: str) -> None:
    server, url = desk.serve("--port", "0", "--store", store)
    agent = desk.start("ingest", "Shop", "--format", "claude")
    agent.feed(_build(claude))
    watch = desk.start("watch", "shop", "--jsonl", "--wait")
    watch.until("That did not work.")
    before = desk.state("shop")
    assert [todo["status"] for todo in before["todos"]] == ["completed", "in_progress"]

    assert server.stop(signal.SIGTERM) == 0
    server, _ = desk.serve("--port", url.rpartition(":")[2], "--store", store)
    agent.feed(claude.text(4, "Now it does.") + claude.done)
    assert agent.end() == 0
    watch.until("Now it does.")
    assert watch.end() == 0
    after = desk.state("shop")
    assert (after["status"], after["todos"]) == ("completed", before["todos"])
    said = [line for line in watch.lines if "That did not work." in line and json.loads(line)["type"] == "text"]
    assert len(said) == 1, "what was seen before the restart is not told anew"
    assert server.stop(signal.SIGTERM) == 0
    assert not list(desk.folder.glob("**/builds.db"))


def test_why_it_cannot_start_is_said_without_the_password(desk: Any) -> None:
    refused = desk.run("serve", "--port", "0", "--store", "postgresql://me:secret@127.0.0.1:9/none")
    assert refused.returncode == 1
    assert b"the database cannot be reached" in refused.stderr
    assert b"secret" not in refused.stderr
