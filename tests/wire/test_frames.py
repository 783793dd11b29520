"""Frames of both ages, and frames of nobody."""

import gzip
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentryvibe_tui.model.state import Agent, BuildState
from sentryvibe_tui.model.updates import BuildBegan, Entry
from sentryvibe_tui.wire.frames import (
    MAX_FRAME,
    Alive,
    Batch,
    Broken,
    Connected,
    GetState,
    Heartbeat,
    HeartbeatAck,
    Recovery,
    RecoveryFailed,
    Subscribe,
    Unknown,
    compressed,
    decode_asked,
    decode_frame,
    encode_connected,
    encode_get_state,
    encode_heartbeat,
    encode_recovery,
    unpacked,
)
from sentryvibe_tui.wire.state import decode_state
from sentryvibe_tui.wire.times import LATEST, iso, millis


def test_ours_there_and_back() -> None:
    state = BuildState(id="b", project_id="p", session_id="s", version=3, agent=Agent(model="sonnet"), next_key=0)
    assert decode_frame(encode_recovery(state, "e", 1), 0) == Recovery(state, "s", "active", "e")
    assert decode_frame(compressed(encode_recovery(state, "e", 1)), 0) == Recovery(state, "s", "active", "e")
    assert decode_frame(encode_recovery(None, "e", 1), 0) == Recovery(None, epoch="e")
    assert decode_frame(encode_connected("c", "p", "", "e", "0.1", 1), 0) == Connected("e", 2, "0.1", "c")
    mark = Heartbeat("e", "b", 7, 2)
    assert decode_frame(encode_heartbeat(mark, 1), 0) == mark
    assert decode_asked(encode_get_state("b", 7, "e")) == GetState("b", 7, "e")
    assert encode_get_state() == b'{"type":"get-state"}'


ORIGINAL = {
    '{"type":"connected","clientId":"c","projectId":"p","timestamp":1}': Connected("", 1, "", "c"),
    '{"type":"state-recovery","state":null,"timestamp":1}': Recovery(None),
    '{"type":"state-recovery-failed","error":"no"}': RecoveryFailed("no"),
    '{"type":"heartbeat","timestamp":1}': Heartbeat(),
    '{"type":"heartbeat-ack","timestamp":1}': HeartbeatAck(),
    '{"type":"state-response","message":"soon"}': Unknown("state-response"),
    '{"type":"batch-update","projectId":"p","sessionId":"s","updates":[{"type":"build-started",'
    '"data":{"buildId":"b","sessionId":"s","projectId":"p"},"timestamp":5},{"type":"dance","data":null}]}': Batch(
        "p", "s", "", (Entry(0, 5, (BuildBegan("b", "s", "p"),)),), 1
    ),
}


@pytest.mark.parametrize(("text", "frame"), ORIGINAL.items(), ids=lambda value: str(value)[:40])
def test_the_originals_frames(text, frame) -> None:
    assert decode_frame(text, 9) == frame


@pytest.mark.parametrize(
    "data",
    [
        "",
        "{",
        "[]",
        "3",
        '{"type":5}',
        b"\x1f\x8bgarbage",
        b"\xff\xfe",
        "\ud800",
        '{"type":"batch-update","updates":[{"type":7}]}',
        '{"type":"state-recovery","state":{"todos":7}}',
        gzip.compress(b"{", mtime=0),
    ],
)
def test_nothing_a_server_sends_raises(data) -> None:
    frame = decode_frame(data, 0)
    assert isinstance(frame, Unknown | Broken)
    assert frame.reason


@given(st.binary() | st.text())
def test_no_bytes_raise_on_either_side(data) -> None:
    decode_frame(data, 0)
    decode_asked(data)


def test_what_a_watcher_asks() -> None:
    assert decode_asked('{"type":"heartbeat","timestamp":1}') == Alive()
    assert decode_asked('{"type":"subscribe","projectId":"p"}') == Subscribe("p")
    assert decode_asked('{"type":"subscribe"}') == Unknown("", decode_asked('{"type":"subscribe"}').reason)


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2026-11-22T18:51:32.613Z", 1795373492613),
        (1795373492613, 1795373492613),
        (1.5, 1),
        (None, None),
        ("soon", None),
        (-5, None),
        (10**18, None),
        ("1969-01-01T00:00:00Z", None),
        (float("nan"), None),
        (float("inf"), None),
        (10**30, None),
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00+00:01", None),
        ("9998-12-31T23:59:59.999Z", LATEST),
        (LATEST, LATEST),
        (LATEST + 1, None),
        ("9999-12-31T23:59:59-23:59", None),
        ("0001-01-01T00:00:00+23:59", None),
    ],
)
def test_dates_in_any_form(time, expected) -> None:
    assert millis(time) == expected


@given(st.integers(0, LATEST))
def test_dates_there_and_back(at: int) -> None:
    assert millis(iso(at)) == at


@pytest.mark.parametrize(("at", "shown"), [(-1, 0), (LATEST + 1, LATEST), (10**30, LATEST)])
def test_a_moment_that_is_no_date_is_shown_as_the_nearest(at: int, shown: int) -> None:
    assert iso(at) == iso(shown)


def test_a_state_of_the_original_with_every_oddity() -> None:
    state = decode_state(
        b"""{"id":"b","projectId":"p","projectName":null,"agentId":"claude-code","claudeModelId":"m","isActive":false,
        "todos":[{"content":"x","status":"completed","activeForm":null}],"activeTodoIndex":-1,"startTime":1795373492613,
        "toolsByTodo":{"0":[{"id":"a","name":"Bash","state":"output-available","input":null,"output":"ok",
        "startTime":"2026-11-22T18:51:32.613Z"},{"id":"w","name":"TodoWrite","state":"output-available"}],"odd":[]},
        "planningTools":[{"id":"p1","name":"Glob","state":"error","startTime":"2026-11-22T18:51:30.000Z"}],
        "textByTodo":{"0":[{"id":"t","text":"hi","timestamp":1795373492700}]},"codex":null,"buildPlan":{"any":"shape"}}"""
    )
    assert [item.id for item in state.items()] == ["p1", "a", "t"]
    assert (state.status, state.started_at, state.error_count, state.codex) == ("completed", 1795373492613, 1, None)
    assert state.tool("a").todo == state.todos[0].key


def test_a_call_of_v1_with_an_output_and_an_end_is_finished() -> None:
    tool = b'{"id":"a","name":"Edit","state":"input-available","output":"ok","endTime":"2026-11-22T18:51:32.613Z"}'
    state = decode_state(b'{"id":"b","toolsByTodo":{"-1":[' + tool + b"]}}")
    assert (state.tool("a").state, state.open_tools) == ("output-available", frozenset())


def test_a_compressed_frame_is_unpacked_within_bounds() -> None:
    text = encode_recovery(None, "e", 1)
    whole = compressed(text)
    assert unpacked(whole) == text
    for broken in (whole[:-1], whole[:10], whole + b"x", whole[:10] + b"\xff" * 8, b"\x1f\x8b", whole + whole):
        assert isinstance(decode_frame(broken, 0), Broken)


@pytest.mark.parametrize("claimed", [4, MAX_FRAME - 1, MAX_FRAME + 1])
def test_a_bomb_takes_no_more_than_it_says(claimed: int) -> None:
    bomb = gzip.compress(bytes(32 * 1024 * 1024))[:-4] + claimed.to_bytes(4, "little")
    tracemalloc.start()
    try:
        frame = decode_frame(bomb, 0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(frame, Broken)
    assert peak < min(claimed, 2 * 32 * 1024 * 1024) + 1024 * 1024
