"""Two servers behind a balancer, of which one is stopped: publishers and watchers go over to the other."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from sentryvibe_tui.client.publisher import Publisher
from sentryvibe_tui.client.watch import Watch
from sentryvibe_tui.client.watching import Changed, Snapshot
from sentryvibe_tui.model.events import About, TextAdded

from ..patience import PATIENCE
from ..services import drop_schemas, need_postgres, new_schema, with_schema

PUBLISHERS, WATCHERS, EVENTS = 4, 6, 60


@pytest.fixture
def servers(make_server: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Any]]:
    need_postgres()
    schema = new_schema()
    monkeypatch.setenv("SENTRYVIBE_STORE", with_schema(schema))
    one, other = make_server(), make_server()
    one.start()
    other.start()
    yield one, other
    one.kill()
    other.kill()
    drop_schemas(schema)


def _readiness(url: str) -> int:
    """The status of /readyz; 0: nobody answers."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=PATIENCE) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


async def _balance(proxy: Any, servers: tuple[Any, Any], answers: list[int]) -> None:
    """Sends to the first server until that is not ready, as a balancer does; its answers are noted."""
    while (status := await asyncio.to_thread(_readiness, servers[0].url)) == 200:
        pass
    answers.append(status)
    proxy.target = servers[1].port


async def _publish(url: str, name: str, folder: Path) -> None:
    async with Publisher(url, About("p", name, name), folder / name) as publisher:
        for number in range(EVENTS):
            publisher.publish(TextAdded("x", f"<{number}>"))
            await asyncio.sleep(0.03)
        assert await publisher.drain(PATIENCE)


async def _watch(url: str, session: str) -> str:
    """The words of the session's build, once they are all there."""
    watch = Watch(url, "p", session, wait=True)
    async with asyncio.timeout(PATIENCE * 2):
        async for event in watch.events():
            if isinstance(event, Changed | Snapshot):
                words = "".join(note.text for note in event.state.notes())
                if words.endswith(f"<{EVENTS - 1}>"):
                    await watch.aclose()
                    return words
    raise AssertionError("the watch ended")


async def test_one_of_two_servers_stops_and_nothing_is_lost(
    servers: tuple[Any, Any], proxy_to: Callable[..., Any], tmp_path: Path
) -> None:
    answers: list[int] = []
    async with proxy_to(servers[0].port, seed=1) as proxy:
        names = [f"s{number}" for number in range(PUBLISHERS)]
        balancing = asyncio.create_task(_balance(proxy, servers, answers))
        watching = [asyncio.create_task(_watch(proxy.url, names[n % PUBLISHERS])) for n in range(WATCHERS)]
        publishing = [asyncio.create_task(_publish(proxy.url, name, tmp_path)) for name in names]
        await asyncio.sleep(0.5)
        begun = time.monotonic()
        code = await asyncio.to_thread(servers[0].stop)
        assert (code, time.monotonic() - begun < 10) == (0, True)
        await asyncio.gather(*publishing)
        whole = "".join(f"<{number}>" for number in range(EVENTS))
        assert await asyncio.gather(*watching) == [whole] * WATCHERS
        with suppress(asyncio.CancelledError):
            await balancing
    assert answers == [503]


def test_a_second_signal_ends_it_at_once(servers: tuple[Any, Any]) -> None:
    process: subprocess.Popen[str] = servers[0]._process
    process.send_signal(signal.SIGTERM)
    until = time.monotonic() + PATIENCE
    while _readiness(servers[0].url) != 503 and time.monotonic() < until:
        pass
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 128 + signal.SIGTERM
