"""Inputs as large, dirty and hostile as they come: bounded memory, true sizes, and what was not understood is told."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ..patience import PATIENCE

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="peaks of memory are read from /proc"),
]

MOST = 200
"""MiB of memory that reading may take, and serving too."""
MUCH = 2 * MOST << 20
"""Bytes that would show if they were kept."""
MEASURED = """
import atexit, sys
from pathlib import Path
from sentryvibe_tui.cli import main
status = Path(sys.argv.pop(1))
atexit.register(lambda: status.write_text(Path("/proc/self/status").read_text()))
main()
"""


def _peak(status: str) -> float:
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _record(kind: str, number: int, *blocks: dict[str, Any]) -> bytes:
    message = {"role": kind, "id": f"m{number}", "content": blocks}
    known = {"sessionId": "s", "cwd": "/w", "timestamp": "2026-01-01T00:00:00.000Z", "isSidechain": False}
    return json.dumps({**known, "type": kind, "uuid": f"{kind}{number}", "message": message}).encode() + b"\n"


def call(number: int, given: Any = "true") -> bytes:
    return _record("assistant", number, {"type": "tool_use", "id": f"t{number}", "name": "Bash", "input": given})


def result(number: int, content: Any) -> bytes:
    return _record("user", number, {"type": "tool_result", "tool_use_id": f"t{number}", "content": content})


PROMPT = _record("user", 0, {"type": "text", "text": "do it"})
DONE = call(0) + result(0, "ok")


@pytest.fixture
def ingested(desk: Any) -> Callable[..., tuple[dict[str, Any], bytes]]:
    """Ingests pieces of bytes as a file (an int is a hole of so many); the state, and what was said on stderr."""

    def ingest(*pieces: bytes | int | Iterator[bytes], code: int = 1) -> tuple[dict[str, Any], bytes]:
        server, url = desk.serve()
        path, status = desk.folder / "input.jsonl", desk.folder / "status"
        with path.open("wb") as file:
            for piece in pieces:
                if isinstance(piece, int):
                    file.truncate(file.tell() + piece)
                    file.seek(piece, 1)
                else:
                    file.writelines([piece] if isinstance(piece, bytes) else piece)
        command = [sys.executable, "-c", MEASURED, str(status), "ingest", "p", str(path), "--server", url]
        done = subprocess.run(command, capture_output=True, timeout=2 * PATIENCE, check=False)
        assert done.returncode == code, done.stderr
        state = desk.state("p", "--server", url) if code == 1 else {}
        assert _peak(status.read_text()) < MOST
        assert _peak(Path(f"/proc/{server.popen.pid}/status").read_text()) < MOST
        return state, done.stderr

    return ingest


def _tools(state: dict[str, Any]) -> list[dict[str, Any]]:
    return [tool for tools in [*state["toolsByTodo"].values(), state.get("planningTools", [])] for tool in tools]


def _left_out(state: dict[str, Any]) -> list[str]:
    return [note["text"] for note in state["notes"] if note["text"].startswith("not read")]


Ingested = Callable[..., tuple[dict[str, Any], bytes]]


def test_lines_of_ten_and_of_thirty_megabytes(ingested: Ingested) -> None:
    large = result(1, "x y " * 2_500_000)
    state, _ = ingested(PROMPT, call(1), large, call(2), result(2, "x y " * 7_500_000), DONE)
    ended = {tool["id"]: tool for tool in _tools(state)}
    assert ended["t1"]["outputBytes"] == 10_000_002
    assert ended["t2"]["state"] == "interrupted"
    assert ended["t0"]["state"] == "output-available"
    assert _left_out(state) == ["not read: 1 lines that are too long"]


def test_pictures_are_told_by_their_size(ingested: Ingested) -> None:
    picture = base64.b64encode(bytes(3_000_000)).decode()
    source = {"type": "base64", "media_type": "image/png", "data": picture}
    shown = [{"type": "image", "source": source}, {"type": "text", "text": "seen"}]
    state, _ = ingested(PROMPT, *(call(number) + result(number, shown) for number in range(20)))
    assert {tool["output"] for tool in _tools(state)} == {"<image/png 3.0 MB>\nseen"}


def test_hundreds_of_thousands_of_lines_of_noise_are_counted(ingested: Ingested) -> None:
    state, _ = ingested(PROMPT, (b"npm WARN %d\n" % number for number in range(300_000)), DONE)
    assert _left_out(state) == ["not read: 300000 lines that are no JSON"]
    assert len(_tools(state)) == 1


def test_hundreds_of_thousands_of_records_of_kinds_nobody_knows_are_counted(ingested: Ingested) -> None:
    state, _ = ingested(PROMPT, (b'{"type":"k%d"}\n' % (number % 1000) for number in range(300_000)), DONE)
    assert _left_out(state)[0].startswith("not read: 300000 records of unknown kind (… ×223200, k0 ×300, ")
    assert len(_tools(state)) == 1


def test_much_of_nothing_in_the_middle_is_one_line_too_long(ingested: Ingested) -> None:
    state, _ = ingested(PROMPT, MUCH, b"\n", DONE)
    assert _left_out(state) == ["not read: 1 lines that are too long"]
    assert len(_tools(state)) == 1


def test_a_line_without_an_end_is_read_without_keeping_it(ingested: Ingested) -> None:
    state, _ = ingested(
        PROMPT, DONE, b'{"type":"user","message":"', (b"x" * 1_000_000 for _ in range(MUCH // 1_000_000))
    )
    assert _left_out(state) == ["not read: 1 lines that are too long"]
    assert len(_tools(state)) == 1


def test_much_of_nothing_is_no_format(ingested: Ingested) -> None:
    _, said = ingested(MUCH, code=2)
    assert b"cannot tell the format of the input" in said
    assert said.count(b"\n") == 1


def test_deep_and_wide_values(ingested: Ingested) -> None:
    def given(value: bytes) -> Any:
        return lambda number: call(number, "VALUE").replace(b'"VALUE"', value) + result(number, "ok")

    values = [
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        b"[" * 90 + b"]" * 90,
        b"[" + b",".join([b"1"] * 5_000_000) + b"]",
        b"[" + b",".join([b'{"a":{}}'] * 1_500_000) + b"]",
    ]
    state, _ = ingested(PROMPT, *(given(value)(number) for number, value in enumerate(values)))
    assert _left_out(state) == ["not read: 2 lines that are no JSON; 1 lines that are too long"]
    sizes = {tool["id"]: tool.get("inputBytes") for tool in _tools(state)}
    assert sizes == {"t0": None, "t1": None, "t2": None, "t3": 10_000_001, "t4": None}


def test_dirt_between_and_inside_of_lines(ingested: Ingested) -> None:
    dirty = result(3, "DIRT").replace(b"DIRT", b"a\xff\xfe\xed\xa0\x80b\\ud800c\\u0000d\x1b[31m")
    state, _ = ingested(
        PROMPT.replace(b"\n", b"\r\n"),
        b"\0" * 5_000 + b"\n",
        call(1) + result(1, "\x1b[31mred\x1b[0m \x1b]52;c;AAAA\x07 \x9b31m"),
        call(2).rstrip() + result(2, "glued"),
        call(3) + dirty,
        call(4) + result(4, "cut")[:90] + b"\n",
        DONE,
    )
    states = {tool["id"]: tool["state"] for tool in _tools(state)}
    assert states == dict.fromkeys(("t0", "t1", "t2", "t3"), "output-available") | {"t4": "interrupted"}
    outputs = {tool["id"]: tool.get("output") for tool in _tools(state)}
    assert outputs["t2"] == "glued"
    assert outputs["t3"].startswith("a\ufffd")
    assert _left_out(state) == ["not read: 1 lines that are no JSON"]


def test_a_message_of_many_calls_without_results(ingested: Ingested) -> None:
    blocks = ({"type": "tool_use", "id": f"c{number}", "name": "Bash", "input": {}} for number in range(8_000))
    state, _ = ingested(PROMPT, _record("assistant", 1, *blocks), DONE)
    assert len(_tools(state)) == 8_001


def test_a_value_deeper_than_some_pythons_can_read_is_left_out_or_kept_as_its_text(ingested: Ingested) -> None:
    value = b'{"a":' * 5_000 + b"1" + b"}" * 5_000
    state, _ = ingested(PROMPT, call(0, "VALUE").replace(b'"VALUE"', value) + result(0, "ok"), DONE)
    (tool,) = _tools(state)
    assert tool["output"] == "ok"
    if _left_out(state):
        assert _left_out(state) == ["not read: 1 lines that are no JSON"]
    else:
        assert tool["inputBytes"] >= len(value)
