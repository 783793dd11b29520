"""kill -9 at any moment: what was acknowledged is there, once, in order; the rest is whole or not there."""

from __future__ import annotations

import http.client
import json
import random
import sqlite3
import threading
import time
from collections.abc import Callable

from ..patience import PATIENCE

ROUNDS = 20


class Poster:
    """Posts numbered tool calls of one build, one request at a time, and remembers which were acknowledged."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.acknowledged: list[int] = []
        self.tried = 0
        self.has_enough = threading.Event()

    def post_until_it_breaks(self, enough: int) -> None:
        """`has_enough` is set by so many acknowledgements; it goes on until the server is gone."""
        self.has_enough.clear()
        least = len(self.acknowledged) + enough
        link = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        try:
            while True:
                self._post(link, self.tried)
                self.acknowledged.append(self.tried)
                self.tried += 1
                if len(self.acknowledged) >= least:
                    self.has_enough.set()
        except (OSError, http.client.HTTPException):
            pass
        finally:
            link.close()

    def _post(self, link: http.client.HTTPConnection, number: int) -> None:
        body = json.dumps([self._event(number, "start"), self._event(number, "end")])
        link.request("POST", "/api/build-events", body, {"Content-Type": "application/json"})
        answer = link.getresponse()
        said = answer.read()
        assert answer.status == 200, said

    @staticmethod
    def _event(number: int, what: str) -> dict:
        start = {"type": "tool-input-available", "toolCallId": f"t{number}", "toolName": "Bash", "input": {"n": number}}
        end = {"type": "tool-output-available", "toolCallId": f"t{number}", "output": number}
        return {
            "projectId": "p",
            "sessionId": "s",
            "eventId": f"{number}-{what}",
            "event": start if what == "start" else end,
        }


def post_until_killed(server, poster: Poster, enough: int, later: float = 0.0) -> None:
    """The server dies a little after it has acknowledged enough, whatever it is at."""

    def kill() -> None:
        assert poster.has_enough.wait(PATIENCE)
        time.sleep(later)
        server.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    poster.post_until_it_breaks(enough)
    killer.join()


def test_nothing_acknowledged_is_lost_over_twenty_kills(server) -> None:
    rng = random.Random(20)
    poster = Poster(server.port)
    for round_number in range(ROUNDS):
        if round_number:
            server.start()
        post_until_killed(server, poster, rng.randrange(2, 30), rng.uniform(0, 0.01))
    server.start()
    tools = server.state("p")["planningTools"]
    numbers = [tool["input"]["n"] for tool in tools]
    assert numbers == list(range(len(numbers)))
    assert len(poster.acknowledged) > ROUNDS
    assert set(poster.acknowledged) <= set(numbers)
    assert all(tool["state"] == "output-available" for tool in tools), "an array is kept whole or not at all"
    server.stop()
    _assert_log_is_sound(server.data)


def _assert_log_is_sound(data) -> None:
    (path,) = data.glob("*.db")
    db = sqlite3.connect(path)
    try:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        logs = "SELECT place >> 32 AS log, count(*), min(place), max(place) FROM entries GROUP BY log"
        for log, count, lowest, highest in db.execute(logs):
            assert (lowest - (log << 32), highest - (log << 32)) == (1, count), f"log {log} has holes"
    finally:
        db.close()


def test_a_restart_keeps_the_epoch_and_the_versions(server) -> None:
    poster = Poster(server.port)
    before = server.get("/healthz")["epoch"]
    post_until_killed(server, poster, 5)
    server.start()
    assert server.get("/healthz")["epoch"] == before
    version = server.state("p")["stateVersion"]
    again = Poster(server.port)
    again._post(link := http.client.HTTPConnection("127.0.0.1", server.port), 0)
    link.close()
    assert server.state("p")["stateVersion"] == version, "a repeat changes nothing, also after a restart"


def test_two_servers_never_share_a_data_directory(make_server: Callable) -> None:
    import subprocess
    import sys

    one = make_server()
    one.start()
    second = subprocess.run(
        [sys.executable, "-m", "sentryvibe_tui", "serve", "--port", "0", "--data", str(one.data)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert second.returncode == 1
    assert str(one.data) in second.stderr
    assert "Traceback" not in second.stderr
