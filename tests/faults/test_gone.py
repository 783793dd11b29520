"""The data directory goes away under a server: nothing is acknowledged, and no second server takes its place."""

from __future__ import annotations

import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable

import pytest

from ..patience import PATIENCE


def post(server, number: int) -> tuple[int, dict]:
    event = {"type": "plan", "text": f"{number}"}
    body = json.dumps({"projectId": "p", "sessionId": "s", "eventId": f"{number}", "event": event}).encode()
    request = urllib.request.Request(f"{server.url}/api/build-events", body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.mark.parametrize("comes_back", [False, True])
def test_a_directory_deleted_or_replaced_is_noticed_before_the_next_answer(
    make_server: Callable, comes_back: bool
) -> None:
    server = make_server()
    server.start()
    assert post(server, 0)[0] == 200
    copy = server.data.with_name("copy")
    shutil.copytree(server.data, copy)
    shutil.rmtree(server.data)
    if comes_back:
        copy.rename(server.data)
    status, answer = post(server, 1)
    assert status == 503
    assert str(server.data) in answer["error"]
    assert "while the server runs" in server.log.read_text()
    second = make_server(home=server.data.parent)
    assert f"in use by another server (process {server.pid})" in second.refuse()
    assert server.get("/healthz")["ok"]
    assert server.stop() == 0
    second.start()
    assert post(second, 1)[0] == 200
