"""The programs in docs/api.md, run as they stand there against a real server."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

PAGE = Path(__file__).parents[2] / "docs/api.md"
PUBLISHING, FOLLOWING = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
PATIENCE = 60


def program(text: str, url: str) -> list[str]:
    assert text.count("http://127.0.0.1:4777") == 1
    return [sys.executable, "-W", "error", "-c", text.replace("http://127.0.0.1:4777", url)]


def test_a_build_is_published_in_fifteen_lines_and_twice_is_once(desk: Any, server: str) -> None:
    assert len([line for line in PUBLISHING.splitlines() if line]) <= 15
    for _ in range(2):
        done = subprocess.run(
            program(PUBLISHING, server), cwd=desk.folder, capture_output=True, text=True, timeout=PATIENCE, check=True
        )
        assert (done.stdout, done.stderr) == ("all acknowledged: True\n", "")
    state = desk.state("shop")
    assert (state["status"], state["stateVersion"], state["buildSummary"]) == ("completed", 5, "A cart, tested")
    assert [todo["status"] for todo in state["todos"]] == ["in_progress", "pending"]
    assert state["toolsByTodo"]["0"][0]["output"] == "12 passed"


def test_a_build_is_followed_in_fifteen_lines(desk: Any, server: str) -> None:
    assert len([line for line in FOLLOWING.splitlines() if line]) <= 15
    publishing = program(PUBLISHING, server)
    with subprocess.Popen(publishing, cwd=desk.folder, stdout=subprocess.DEVNULL) as publisher:
        done = subprocess.run(program(FOLLOWING, server), capture_output=True, text=True, timeout=PATIENCE, check=True)
        assert publisher.wait(PATIENCE) == 0
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "5 completed Add a cart"
