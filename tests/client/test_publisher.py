"""The publisher against a scripted server: what arrives, in which order, and what stays behind."""

import asyncio
import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sentryvibe_tui.client import publisher as module
from sentryvibe_tui.client.limits import PublisherLimits
from sentryvibe_tui.client.outbox import Outbox, Waiting
from sentryvibe_tui.client.publisher import Publisher
from sentryvibe_tui.errors import OutboxUnusable
from sentryvibe_tui.model.events import About, BuildStarted, TextAdded
from sentryvibe_tui.model.facts import BuildEnded
from sentryvibe_tui.wire.address import Address
from sentryvibe_tui.wire.envelope import EventEnvelope

from ..patience import PATIENCE

ABOUT = About("shop", "s1", "b1")


class Scripted:
    """Answers posts with the statuses of `script`, then with 200; `refuses` events whose text holds a word."""

    def __init__(self) -> None:
        self.script: list[tuple[int, str]] = []
        self.refuses = ""
        self.differs = ""
        self.says = b'{"error":"scripted"}'
        self.takes_arrays = True
        self.bodies: list[list[dict]] = []
        self.beats: list[dict] = []
        self.beat_status = 404
        self.posts = 0
        self._answered = asyncio.Condition()

    async def until(self, holds) -> None:
        """Waits for answers until it does."""
        async with asyncio.timeout(PATIENCE), self._answered:
            await self._answered.wait_for(holds)

    async def refuse(self, count: int) -> None:
        """Waits until so many more posts were answered; those of now are refused."""
        seen = self.posts
        await self.until(lambda: self.posts >= seen + count)

    async def handle(self, reader, writer) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                size = int(
                    next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))[15:]
                )
                status, extra, body = self.answer(head, json.loads(await reader.readexactly(size)))
                answer = f"HTTP/1.1 {status} X\r\n{extra}Content-Length: {len(body)}\r\n\r\n".encode() + body
                writer.write(answer)
                await writer.drain()
                async with self._answered:
                    self._answered.notify_all()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def answer(self, head: bytes, body) -> tuple[int, str, bytes]:
        if b"build-heartbeats" in head:
            self.beats.append(body)
            return self.beat_status, "", b"{}"
        self.posts += 1
        if self.script:
            status, extra = self.script.pop(0)
            return status, extra, self.says
        events = body if isinstance(body, list) else [body]
        bad = isinstance(body, list) and not self.takes_arrays
        if bad or (self.refuses and any(self.refuses in json.dumps(event) for event in events)):
            return 400, "", b'{"error":"no such thing"}'
        if self.differs and any(self.differs in json.dumps(event) for event in events):
            return 409, "", b'{"error":"event came before with another body","field":"eventId"}'
        self.bodies.append(events)
        return 200, "", json.dumps({"accepted": len(events)} if self.takes_arrays else {"ok": True}).encode()

    @property
    def texts(self) -> list[str]:
        return [event["event"].get("delta") for body in self.bodies for event in body if "delta" in event["event"]]

    @property
    def ids(self) -> list[str]:
        return [event["eventId"] for body in self.bodies for event in body]


@pytest.fixture
async def scripted():
    server = Scripted()
    listener = await asyncio.start_server(server.handle, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    yield server
    listener.close()


@pytest.fixture
def publish(tmp_path, scripted):
    """A publisher that waits little, and what it reported."""

    def make(**options) -> Publisher:
        options = {"chance": lambda: 0.0, "report": make.reports.append, "source": "f"} | options
        return Publisher(scripted.url, ABOUT, tmp_path, **options)

    make.reports = []
    return make


@pytest.fixture(autouse=True)
def quick(monkeypatch) -> None:
    monkeypatch.setattr(module, "delay", lambda attempt, chance: 10)


def say(publisher: Publisher, *texts: str) -> None:
    for text in texts:
        publisher.publish(TextAdded("n", text))


async def test_everything_arrives_in_order_with_stable_ids(scripted, publish) -> None:
    for _ in range(2):
        async with publish() as publisher:
            say(publisher, *map(str, range(1000)))
            assert await publisher.drain(20)
    assert scripted.texts == [str(n) for n in range(1000)] * 2
    assert scripted.ids == [f"f:{n}" for n in range(1, 1001)] * 2
    assert max(map(len, scripted.bodies)) <= 256


async def test_bodies_are_bounded_in_bytes(scripted, publish) -> None:
    async with publish() as publisher:
        say(publisher, *["x" * 100_000] * 12)
        assert await publisher.drain(20)
    assert len(scripted.texts) == 12
    assert max(map(len, scripted.bodies)) == 5


@pytest.mark.parametrize("status", [500, 503, 429, 408, 502, 401])
async def test_trouble_is_outlasted(scripted, publish, status) -> None:
    scripted.script = [(status, "")] * 5
    async with publish() as publisher:
        say(publisher, "a", "b", "c")
        assert await publisher.drain(20)
        assert publisher.last_error == ""
    assert scripted.texts == ["a", "b", "c"]
    assert len(publish.reports) == 1


@pytest.mark.parametrize("status", [200, 400, 409, 415, 422])
@pytest.mark.parametrize("body", [b"<html>Please log in</html>", b""], ids=["a page", "nothing"])
async def test_what_answers_in_the_place_of_a_server_takes_and_refuses_nothing(scripted, publish, status, body) -> None:
    scripted.script, scripted.says = [(status, "")] * 3, body
    async with publish() as publisher:
        say(publisher, "a", "b", "c")
        assert await publisher.drain(20)
        assert publisher.parked == 0
    assert scripted.texts == ["a", "b", "c"]
    assert len(publish.reports) == 1


async def test_a_body_too_large_for_something_between_is_set_aside(scripted, publish) -> None:
    scripted.script, scripted.says = [(413, "")], b"<html>"
    async with publish() as publisher:
        say(publisher, "a")
        assert await publisher.drain(20)
        assert publisher.parked == 1


async def test_an_event_whose_id_the_server_has_is_passed_over_and_told_once(scripted, publish) -> None:
    scripted.differs = "other"
    async with publish() as publisher:
        say(publisher, *map(str, range(20)), "other words", *map(str, range(20, 40)), "others")
        assert await publisher.drain(20)
        assert (publisher.depth, publisher.parked, publisher.differing, publisher.last_error) == (0, 0, 2, "")
    assert scripted.texts == [str(n) for n in range(40)]
    (told,) = publish.reports
    assert "stays" in told
    assert "event came before with another body" in told


async def test_the_sender_outlives_whatever_goes_wrong(scripted, publish, monkeypatch) -> None:
    async with publish() as publisher:
        post, errors = (
            publisher._client.post,
            [RuntimeError("odd"), UnicodeError("label too long"), OSError(24, "files")],
        )

        async def fragile(*args, **options):
            if errors:
                raise errors.pop(0)
            return await post(*args, **options)

        monkeypatch.setattr(publisher._client, "post", fragile)
        say(publisher, "a")
        assert await publisher.drain(20)
    assert scripted.texts == ["a"]
    assert "odd" in publish.reports[0]


@pytest.mark.parametrize(("asked", "waited"), [("1", 1.0), ("0", 0.01), ("9999999", 300.0)])
async def test_retry_after_is_honoured(scripted, publish, monkeypatch, asked, waited) -> None:
    waits: list[float] = []

    async def pause(_, seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(Publisher, "_pause", pause)
    scripted.script = [(429, f"Retry-After: {asked}\r\n")]
    async with publish() as publisher:
        say(publisher, "a")
        assert await publisher.drain(20)
    assert waits == [waited]


async def test_a_refused_event_is_set_aside_and_the_rest_goes_on(scripted, publish) -> None:
    scripted.refuses = "poison"
    async with publish() as publisher:
        say(publisher, *map(str, range(20)), "poison", *map(str, range(20, 40)))
        assert await publisher.drain(20)
        assert (publisher.depth, publisher.parked) == (0, 1)
    assert scripted.texts == [str(n) for n in range(40)]
    assert "HTTP 400 no such thing" in publish.reports[0]


async def test_an_original_server_gets_one_event_a_body(scripted, publish) -> None:
    scripted.takes_arrays = False
    async with publish() as publisher:
        say(publisher, *map(str, range(30)))
        assert await publisher.drain(20)
    assert scripted.texts == [str(n) for n in range(30)]
    assert {len(body) for body in scripted.bodies} == {1}


async def test_what_is_left_is_sent_by_the_next_run(scripted, publish, tmp_path) -> None:
    scripted.script = [(503, "")] * 10_000
    async with publish() as publisher:
        say(publisher, "a", "b")
        await scripted.refuse(2)
        assert publisher.depth == 2
        publisher.publish(TextAdded("n", "c"))
    scripted.script = []
    async with publish(source="g") as publisher:
        say(publisher, "d")
        assert await publisher.drain(20)
    assert scripted.texts == ["a", "b", "c", "d"]
    assert not list(tmp_path.glob("*.sqlite*"))


async def test_what_is_left_goes_to_the_server_that_has_the_same_builds_wherever_it_listens(
    scripted, publish, tmp_path
) -> None:
    for before in (Address("http://127.0.0.1:9", data_dir="/data"), Address(scripted.url)):
        async with Publisher(before, ABOUT, tmp_path, source=before.base) as publisher:
            publisher.server = Address("http://127.0.0.1:9")
            say(publisher, before.base)
    async with Publisher(Address(scripted.url, data_dir="/other"), About("elsewhere", "s", "b"), tmp_path) as publisher:
        assert publisher.depth == 0
    async with Publisher(Address(scripted.url, data_dir="/data"), ABOUT, tmp_path) as publisher:
        assert await publisher.drain(20)
    assert scripted.texts == ["http://127.0.0.1:9", scripted.url]


async def test_reading_the_same_input_again_keeps_one_of_each(scripted, publish) -> None:
    scripted.script = [(503, "")] * 10_000
    for _ in range(2):
        async with publish() as publisher:
            say(publisher, "a", "b")
            await scripted.refuse(2)
    scripted.script = []
    async with publish() as publisher:
        assert await publisher.drain(20)
    assert scripted.ids == ["f:1", "f:2"]


async def test_a_publisher_killed_in_the_middle_leaves_what_it_kept(scripted, publish, tmp_path) -> None:
    code = f"""
import asyncio, os, pathlib
from sentryvibe_tui.client.publisher import Publisher
from sentryvibe_tui.model.events import About, TextAdded
async def main():
    about, folder = About("shop", "s1", "b1"), pathlib.Path({str(tmp_path)!r})
    async with Publisher("{scripted.url}", about, folder, source="f") as p:
        p._post = lambda events: asyncio.Event().wait()
        for n in range(50): p.publish(TextAdded("n", str(n)))
        while p._outbox.depth < 50: await p._blocking(lambda: None)
        await p._blocking(lambda: None)  # counted before it is committed
        os._exit(9)
asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stderr=subprocess.DEVNULL)
    assert await process.wait() == 9
    async with publish() as publisher:
        assert await publisher.drain(20)
    assert scripted.texts == [str(n) for n in range(50)]


async def test_a_full_outbox_says_what_was_lost(scripted, publish) -> None:
    scripted.script = [(503, "")] * 10_000
    async with publish(limits=PublisherLimits(outbox_bytes=3_000)) as publisher:
        say(publisher, *["x" * 500] * 10)
        await scripted.refuse(2)
        assert publisher.dropped > 0
        assert publisher.depth + publisher.dropped == 10
        scripted.script = []
        assert await publisher.drain(20)
    assert scripted.bodies[-1][-1]["event"]["message"] == f"{publisher.dropped} events were lost: " + (
        "the publisher's outbox was full"
    )


async def test_two_publishers_of_one_project_do_not_share_an_outbox(scripted, publish) -> None:
    async with publish(source="f") as one, publish(source="g") as other:
        say(one, "a")
        say(other, "b")
        assert await one.drain(10)
        assert await other.drain(10)
    assert sorted(scripted.texts) == ["a", "b"]


@pytest.mark.parametrize(("status", "beats"), [(200, 3), (404, 1)])
async def test_heartbeats_tell_the_depth_until_a_server_knows_them_not(scripted, publish, status, beats) -> None:
    scripted.beat_status, scripted.script = status, [(503, "")] * 10_000
    async with publish(limits=PublisherLimits(heartbeat_every=0.05)) as publisher:
        publisher.publish(BuildStarted())
        await scripted.until(lambda: len(scripted.beats) >= beats)
        if status == 404:
            await publisher._tasks[1]
    assert len(scripted.beats) >= beats if status == 200 else len(scripted.beats) == 1
    assert scripted.beats[-1] == {"projectId": "shop", "sessionId": "s1", "buildId": "b1", "outbox": 1}


async def test_while_a_server_is_left_alone_new_events_still_reach_the_disk(scripted, publish, monkeypatch) -> None:
    monkeypatch.setattr(module, "delay", lambda attempt, chance: 10**9)
    scripted.script = [(503, "")]
    async with publish() as publisher:
        say(publisher, "a")
        await scripted.refuse(1)
        say(publisher, "b")
        async with asyncio.timeout(PATIENCE):
            while publisher._outbox.depth < 2:
                await publisher._blocking(lambda: None)


async def test_while_a_server_thinks_new_events_still_reach_the_disk(publish, monkeypatch) -> None:
    asked = asyncio.Event()

    async def never(_, events: object) -> None:
        asked.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(Publisher, "_post", never)
    async with publish() as publisher:
        say(publisher, "a")
        await asked.wait()
        say(publisher, "b")
        async with asyncio.timeout(PATIENCE):
            while publisher._outbox.depth < 2:
                await publisher._blocking(lambda: None)


async def test_a_disk_that_fails_for_a_moment_loses_and_disorders_nothing(scripted, publish, monkeypatch) -> None:
    calls = dict.fromkeys(("put", "first", "done"), 0)

    def fragile(name: str) -> None:
        real = getattr(Outbox, name)

        def work(self, *args):
            calls[name] += 1
            if calls[name] % 3 == 2:
                raise sqlite3.OperationalError("disk I/O error")
            return real(self, *args)

        monkeypatch.setattr(Outbox, name, work)

    for name in calls:
        fragile(name)
    async with publish(limits=PublisherLimits(disk_again=0.01)) as publisher:
        for number in range(2_000):
            say(publisher, str(number))
            if number % 100 == 0:
                await asyncio.sleep(0)
        assert await publisher.drain(20)
    assert min(calls.values()) > 2, "each of them failed at least once"
    firsts = list(dict.fromkeys(int(text) for text in scripted.texts))
    assert firsts == list(range(2_000))


async def test_who_can_wait_is_told_when_enough_is_on_the_way(scripted, publish) -> None:
    scripted.script = [(503, "")] * 10_000
    async with publish() as publisher:
        while not publisher.is_busy:
            say(publisher, "x" * 100_000)
        sent = publisher.depth
        assert sent * 100_000 < module.BACKLOG + 200_000
        assert not await publisher.calm(0.05)
        scripted.script = []
        assert await publisher.calm(20)
        assert 0 < len(scripted.texts) < sent
        assert publisher.depth > 0
        assert await publisher.drain(20)
    assert len(scripted.texts) == sent


async def test_every_build_that_runs_is_told_to_live_also_after_another_has_ended(scripted, publish) -> None:
    scripted.beat_status = 200
    async with publish(limits=PublisherLimits(heartbeat_every=0.01)) as publisher:
        for build in ("b1", "b2", "b3"):
            publisher.send(EventEnvelope(About("shop", "s1", build), BuildStarted()))
        publisher.publish(BuildEnded("completed"))
        assert await publisher.drain(20)
        await scripted.until(lambda: len(scripted.beats) >= 1)
        scripted.beats.clear()
        await scripted.until(lambda: len(scripted.beats) >= 6)
        assert {beat["buildId"] for beat in scripted.beats} == {"b1", "b2"}
        publisher.publish(BuildStarted())
        await scripted.until(lambda: any(beat["buildId"] == "b3" for beat in scripted.beats))
        for build in ("b1", "b2", "b3"):
            publisher.send(EventEnvelope(About("shop", "s1", build), BuildEnded("completed")))
        assert await publisher.drain(20)
        publisher.send(EventEnvelope(About("shop", "s1", "b4"), BuildStarted()))
        await scripted.until(lambda: scripted.beats[-1]["buildId"] == "b4")
        scripted.beats.clear()
        await scripted.until(lambda: len(scripted.beats) >= 3)
        assert {beat["buildId"] for beat in scripted.beats} == {"b4"}


async def test_no_failure_ends_the_signs_of_life(scripted, publish, monkeypatch) -> None:
    scripted.beat_status = 200
    async with publish(limits=PublisherLimits(heartbeat_every=0.01)) as publisher:
        usual, failures = publisher._client.post, [RuntimeError("what nobody thought of"), OSError("nor of that")]

        async def post(url, **what):
            if "heartbeats" in url and failures:
                raise failures.pop()
            return await usual(url, **what)

        monkeypatch.setattr(publisher._client, "post", post)
        publisher.publish(BuildStarted())
        await scripted.until(lambda: len(scripted.beats) >= 1)
        assert failures == []


async def test_publishing_never_waits(publish) -> None:
    loop = asyncio.get_running_loop()
    async with publish() as publisher:
        begun = loop.time()
        say(publisher, *["text"] * 2_000)
        assert loop.time() - begun < 1
        assert publisher.depth == 2_000
        assert await publisher.drain(20)


def test_an_outbox_takes_no_more_than_its_bound(tmp_path) -> None:
    box = Outbox(tmp_path, "u", "p", limits=PublisherLimits(outbox_bytes=5))
    assert box.put([Waiting("1", b"aaa"), Waiting("2", b"bbb"), Waiting("3", b"c")]) == 1
    assert [event.body for event in box.first(9, 99)] == [b"aaa", b"c"]
    box.done(box.first(1, 1))
    assert box.put([Waiting("2", b"bbb")]) == 0
    box.close()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("put"), st.lists(st.tuples(st.integers(0, 30), st.integers(1, 9)), max_size=8)),
            st.tuples(st.just("done"), st.tuples(st.integers(1, 5), st.integers(0, 20))),
            st.tuples(st.just("park"), st.none()),
            st.tuples(st.just("reopen"), st.none()),
        ),
        max_size=25,
    )
)
def test_an_outbox_is_a_bounded_queue_of_one_of_each(tmp_path_factory, steps) -> None:
    """Whatever of it is in memory, in one statement or in an earlier process' file."""
    folder, limits = tmp_path_factory.mktemp("outbox"), PublisherLimits(outbox_bytes=60, bytes_ahead=25, rows=3)
    box, queue = Outbox(folder, "u", "p", limits), dict[str, bytes]()
    for step, what in steps:
        if step == "put":
            refused = 0
            for name, size in what:
                if sum(map(len, queue.values())) + size > 60:
                    refused += 1
                else:
                    queue.setdefault(str(name), b"x" * size)
            assert box.put(Waiting(str(name), b"x" * size) for name, size in what) == refused
        elif step == "done":
            events = box.first(*what)
            assert [(event.id, event.body) for event in events] == list(queue.items())[: len(events)]
            assert bool(events) == bool(queue)
            box.done(events)
            for event in events:
                del queue[event.id]
        elif step == "park" and queue:
            (event,) = box.first(1, 1)
            box.park(event, "bad")
            del queue[event.id]
        elif step == "reopen":
            box.close()
            box = Outbox(folder, "u", "p", limits)
        assert (box.depth, box.size) == (len(queue), sum(map(len, queue.values())))
    box.close()


def left(folder, slot: int, *bodies: bytes) -> None:
    """An outbox that a publisher left behind, which was the `slot`-th at the same time."""
    before = [Outbox(folder, "u", "p") for _ in range(slot)]
    box = Outbox(folder, "u", "p")
    box.put([Waiting(f"{slot}-{number}", body) for number, body in enumerate(bodies)])
    for one in (box, *before):
        one.close()


def test_what_a_publisher_that_is_gone_left_is_taken_over_by_the_next(tmp_path) -> None:
    left(tmp_path, 2, b"c", b"d")
    box = Outbox(tmp_path, "u", "p")
    assert [event.body for event in box.first(10, 100)] == [b"c", b"d"]
    assert (box.depth, box.size) == (2, 2)
    assert [path.name[-8:] for path in tmp_path.glob("*.sqlite")] == ["0.sqlite"]
    box.close()


def test_what_is_taken_over_is_synced_before_the_other_copy_goes(tmp_path, monkeypatch) -> None:
    left(tmp_path, 1, b"a")
    said: list[str] = []
    real = sqlite3.connect

    def connect(*args: object, **named: object) -> sqlite3.Connection:
        db = real(*args, **named)  # type: ignore[arg-type]
        db.set_trace_callback(said.append)
        return db

    monkeypatch.setattr(sqlite3, "connect", connect)
    Outbox(tmp_path, "u", "p").close()
    steps = ("INSERT OR IGNORE INTO event", "COMMIT", "PRAGMA wal_checkpoint(FULL)", "DELETE FROM event")
    assert [step for words in said for step in steps if words.startswith(step)] == list(steps)


def test_what_other_projects_left_for_the_same_server_is_taken_over_too(tmp_path) -> None:
    left(tmp_path, 1, b"a", b"b")
    elsewhere, box = Outbox(tmp_path, "another server", "p"), Outbox(tmp_path, "u", "another project")
    assert (elsewhere.depth, [event.body for event in box.first(10, 100)]) == (0, [b"a", b"b"])
    elsewhere.close()
    box.close()


def test_what_a_publisher_that_runs_has_is_left_to_it(tmp_path) -> None:
    one = Outbox(tmp_path, "u", "p")
    one.put([Waiting("1", b"a")])
    other = Outbox(tmp_path, "u", "p")
    assert (one.depth, other.depth) == (1, 0)
    other.close()
    one.close()


def test_taking_over_keeps_the_bound(tmp_path) -> None:
    left(tmp_path, 1, b"too much", b"of it")
    small = Outbox(tmp_path, "u", "p", limits=PublisherLimits(outbox_bytes=3))
    assert small.depth == 0
    small.close()
    box = Outbox(tmp_path, "u", "p")
    assert [event.body for event in box.first(10, 100)] == [b"too much", b"of it"]
    box.close()


def test_taking_over_leaves_what_was_set_aside(tmp_path) -> None:
    first, second = Outbox(tmp_path, "u", "p"), Outbox(tmp_path, "u", "p")
    second.put([Waiting("1", b"bad"), Waiting("2", b"good")])
    second.park(second.first(1, 1)[0], "bad")
    second.close()
    first.close()
    for waits in (1, 0):
        box = Outbox(tmp_path, "u", "p")
        assert (box.depth, box.parked) == (waits, 0)
        box.done(box.first(10, 100))
        box.close()
    one, two = Outbox(tmp_path, "u", "p"), Outbox(tmp_path, "u", "p")
    assert (two.depth, two.parked) == (0, 1)
    two.close()
    one.close()


def test_a_damaged_outbox_of_another_is_no_reason_to_stop(tmp_path) -> None:
    left(tmp_path, 1, b"a")
    (path,) = tmp_path.glob("*-1.sqlite")
    path.write_bytes(b"nothing of the kind" * 100)
    box = Outbox(tmp_path, "u", "p")
    assert box.depth == 0
    assert path.exists()
    box.close()


@pytest.mark.parametrize(
    "spoil", [lambda data: b"nothing of the kind" * 100, lambda data: data[:5000]], ids=["odd", "cut"]
)
def test_a_damaged_outbox_is_moved_aside_and_told(tmp_path, spoil) -> None:
    box = Outbox(tmp_path, "u", "p")
    box.put([Waiting(str(number), b"x" * 1000) for number in range(50)])
    box.close()
    path = box.path
    path.write_bytes(spoil(path.read_bytes()))
    again = Outbox(tmp_path, "u", "p")
    assert (again.path, again.depth) == (path, 0)
    (aside,) = tmp_path.glob("*.damaged-*")
    assert str(aside) in again.damage
    assert again.put([Waiting("1", b"aa")]) == 0
    again.close()
    box = Outbox(tmp_path, "u", "p")
    assert (box.depth, box.damage) == (1, "")
    box.close()


async def test_a_publisher_tells_of_a_damaged_outbox_and_goes_on(tmp_path) -> None:
    box = Outbox(tmp_path, "http://127.0.0.1:9", "p")
    box.close()
    box.path.write_bytes(b"nothing of the kind" * 100)
    said: list[str] = []
    async with Publisher("http://127.0.0.1:9", About("p", "s", "b"), tmp_path, report=said.append) as publisher:
        publisher.publish(BuildStarted())
        assert "cannot be read" in said[0]
        assert publisher.depth == 1


def test_as_many_publishers_of_a_project_as_there_are(tmp_path) -> None:
    boxes = [Outbox(tmp_path, "u", "p") for _ in range(40)]
    assert len({box.path for box in boxes}) == 40
    for box in boxes:
        box.close()


def test_outbox_keeps_order_and_one_of_each(tmp_path) -> None:
    box = Outbox(tmp_path, "u", "p")
    assert box.put([Waiting("1", b"aa"), Waiting("2", b"bb"), Waiting("1", b"cc")]) == 0
    assert [event.id for event in box.first(10, 100)] == ["1", "2"]
    assert [event.id for event in box.first(10, 1)] == ["1"]
    box.park(box.first(1, 1)[0], "bad")
    box.close()
    again = Outbox(tmp_path, "u", "p")
    assert (again.depth, again.size, again.parked) == (1, 2, 1)
    again.close()


def test_what_was_set_aside_outlives_an_empty_outbox(tmp_path) -> None:
    box = Outbox(tmp_path, "u", "p")
    box.put([Waiting("one", b"1")])
    box.park(box.first(1, 99)[0], "no such thing")
    assert box.depth == 0
    box.close()
    again = Outbox(tmp_path, "u", "p")
    assert again.parked == 1
    again.close()


class Uncommitted:
    """A database that cannot commit, for a full disk."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def execute(self, sql: str, *values) -> sqlite3.Cursor:
        if sql == "COMMIT":
            raise sqlite3.OperationalError("database or disk is full")
        return self._db.execute(sql, *values)

    def __getattr__(self, name: str):
        return getattr(self._db, name)


def test_what_cannot_be_committed_leaves_the_outbox_as_it_was(tmp_path) -> None:
    """What is kept of it in memory, too."""
    box = Outbox(tmp_path, "u", "p")
    box.put([Waiting("one", b"1"), Waiting("two", b"22")])
    whole, box._db = box._db, Uncommitted(box._db)
    with pytest.raises(sqlite3.Error):
        box.put([Waiting("three", b"333")])
    with pytest.raises(sqlite3.Error):
        box.done(box.first(1, 99))
    box._db = whole
    assert [event.body for event in box.first(9, 99)] == [b"1", b"22"]
    assert (box.depth, box.size) == (2, 3)
    box.done(box.first(9, 99))
    box.close()


async def test_what_finds_no_room_in_memory_is_counted_at_once(publish, monkeypatch) -> None:
    """While the disk is slow nothing reaches the outbox, whose own bound does not help then."""
    async with publish(limits=PublisherLimits(outbox_bytes=2_000)) as publisher:
        monkeypatch.setattr(publisher._outbox, "put", lambda events: 1 / 0)
        for number in range(100):
            publisher.publish(TextAdded("x", f"{number}"))
        assert publisher._pending_size <= 2_000
        assert publisher.dropped == 100 - len(publisher._pending) > 0
        publisher._pending.clear()
        publisher._pending_size = 0
    assert any("full" in report for report in publish.reports)


async def test_an_event_larger_than_a_body_arrives_without_its_middle(scripted, publish) -> None:
    async with publish() as publisher:
        publisher.publish(TextAdded("x", "begin" + "x" * 2 * module.BODY_BYTES + "end"))
        assert await publisher.drain(20)
    (text,) = scripted.texts
    assert text.startswith("begin")
    assert text.endswith("end")
    assert len(text) <= module.CLIP_SIZE


async def test_an_outbox_that_cannot_be_closed_is_told_without_its_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    close = Outbox.close

    def failing(outbox: Outbox) -> None:
        close(outbox)
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(Outbox, "close", failing)
    with pytest.raises(OutboxUnusable, match=r"cannot close the outbox .*disk I/O error"):
        async with Publisher("http://127.0.0.1:9", About("p", "s", "b"), tmp_path):
            pass
