"""`ingest` of several files, and at the pace at which it happened."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from sentryvibe_tui.client.limits import PUBLISHER
from sentryvibe_tui.client.publisher import BACKLOG

from ..patience import PATIENCE

TRANSCRIPTS = Path(__file__).parent.parent / "data" / "transcripts"


def sessions(desk: Any, project: str) -> dict[str, dict[str, Any]]:
    (row,) = [row for row in json.loads(desk.run("ls", "--json").stdout)["projects"] if row["id"] == project]
    return {build["sessionId"]: build for build in row["builds"]}


def test_each_file_of_a_pattern_is_a_build(desk: Any, server: str) -> None:
    pattern = str(TRANSCRIPTS / "claude-session" / "irr-*.jsonl")
    done = desk.run("ingest", "all", pattern, str(TRANSCRIPTS / "codex-exec" / "heru-file-change.jsonl"))
    told = [line.rpartition(": ")[2] for line in done.stderr.decode().splitlines()]
    assert (done.returncode, told) == (1, ["read as claude-session", "read as codex-exec"])
    builds = sessions(desk, "all")
    assert len(builds) == 4
    assert {build["agentId"] for build in builds.values()} == {"claude-code", "openai-codex"}
    assert desk.run("ingest", "all", pattern).returncode == 1
    assert {key: build["version"] for key, build in sessions(desk, "all").items()} == {
        key: build["version"] for key, build in builds.items()
    }


def test_a_file_that_cannot_be_read_does_not_keep_the_others(desk: Any, server: str, claude: Any) -> None:
    good, bad = desk.folder / "a*[1].jsonl", desk.folder / "b.jsonl"
    good.write_bytes(claude.init + claude.done)
    bad.write_text("nothing of the kind\n")
    done = desk.run("ingest", "p", str(bad), str(good))
    assert done.returncode == 2
    assert f"{bad}: cannot tell the format" in done.stderr.decode()
    assert desk.state("p")["status"] == "completed"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("none*.jsonl",), "no file 'none*.jsonl'"),
        ((".",), "no file '.', only a directory"),
        (("--session", "s", "here", "-"), "each file is a build of its own"),
    ],
)
def test_mistakes_are_told(desk: Any, server: str, arguments: tuple[str, ...], told: str) -> None:
    (desk.folder / "here").touch()
    done = desk.run("ingest", "p", *arguments)
    assert (done.returncode, told in done.stderr.decode()) == (2, True), done.stderr


def test_another_format_than_named_publishes_nothing(desk: Any, server: str) -> None:
    recorded = TRANSCRIPTS / "codex-exec" / "heru-file-change.jsonl"
    done = desk.run("ingest", "p", "--format", "claude-stream", data=recorded.read_bytes())
    assert done.returncode == 2
    assert "the input is codex-exec, not claude-stream" in done.stderr.decode()
    assert json.loads(desk.run("ls", "--json").stdout)["projects"] == []


def test_a_session_comes_with_its_subagents(desk: Any, server: str) -> None:
    recorded = TRANSCRIPTS / "claude-session" / "irr-3-subagents"
    session = desk.folder / "session.jsonl"
    session.write_bytes((recorded / "main.jsonl").read_bytes())
    (desk.folder / "session").symlink_to(recorded)
    desk.run("ingest", "p", str(session))
    state = desk.state("p")
    calls = [call for todo in [*state["toolsByTodo"].values(), state.get("planningTools", [])] for call in todo]
    callers = {call["id"] for call in calls if call["name"] == "Agent"}
    assert len(callers) == 3
    assert {call.get("parentId") for call in calls} == {None, *callers}
    assert len(calls) == 3 + 4 + 1 + 3


def test_what_a_stream_of_codex_leaves_out_is_looked_up(
    desk: Any, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = TRANSCRIPTS / "codex-exec" / "agentcmd-0.46-stream-output-2.jsonl"
    thread = "019a2d7a-6455-7170-a661-c6d8b94c630a"
    day = desk.folder / "codex/sessions/2025/10/28"
    day.mkdir(parents=True)
    meta = {"type": "session_meta", "payload": {"id": thread, "cwd": "/w"}}
    turn = {"type": "turn_context", "payload": {"model": "gpt-5-codex", "cwd": "/w/shop"}}
    rollout = day / f"rollout-2025-10-28T19-27-00-{thread}.jsonl"
    rollout.write_text("".join(json.dumps(record) + "\n" for record in (meta, turn)))
    desk.run("ingest", "p", str(stream))
    assert "cwd" not in desk.state("p")
    monkeypatch.setenv("CODEX_HOME", str(desk.folder / "codex"))
    desk.run("ingest", "p", str(stream))
    state = desk.state("p")
    assert (state["claudeModelId"], state["cwd"], state["agentId"]) == ("gpt-5-codex", "/w/shop", "openai-codex")
    assert state["usage"]["costUsd"] > 0
    assert "unpriced" not in state["usage"]
    before = sessions(desk, "p")
    desk.run("ingest", "p", str(stream))
    assert sessions(desk, "p") == before


def test_a_replay_keeps_the_pace(desk: Any, server: str) -> None:
    def said(second: int, number: int) -> bytes:
        record = {
            "type": "assistant",
            "uuid": f"u{number}",
            "sessionId": "s",
            "timestamp": f"2026-01-01T10:00:{second:02}.000Z",
            "message": {"id": f"m{number}", "content": [{"type": "text", "text": f"text {number}"}]},
        }
        return json.dumps(record).encode() + b"\n"

    path = desk.folder / "s.jsonl"
    path.write_bytes(said(0, 1) + said(30, 2))
    before = time.time()
    assert desk.run("ingest", "p", str(path), "--replay", "--speed", "20").returncode == 0
    state = desk.state("p")
    first, second = (note["timestamp"] for note in state["textByTodo"]["-1"])
    assert 1.4 < _seconds(second) - _seconds(first) < 10
    assert _seconds(first) >= before - 1


def _seconds(stamp: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(stamp).timestamp()


def test_secrets_stay_here(desk: Any, server: str, claude: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "ghp_" + "a1B2" * 9
    path = desk.folder / "out.jsonl"
    path.write_bytes(claude.init + claude.text(1, f"it is {secret}") + claude.done)
    assert desk.run("ingest", "masked", str(path)).returncode == 0
    other = path.with_name("other.jsonl")
    other.write_bytes(path.read_bytes().replace(b"s-1", b"s-2"))
    assert desk.run("ingest", "masked", str(path), str(other)).returncode == 0
    for session in ("s-1", "s-2"):
        shown = json.dumps(desk.state("masked", "--session", session))
        assert secret not in shown
        assert '"masked 1 secret: ' in shown
    monkeypatch.setenv("SENTRYVIBE_REDACT", "0")
    assert desk.run("ingest", "plain", str(path)).returncode == 0
    assert secret in json.dumps(desk.state("plain"))


def test_each_build_tells_of_the_secrets_in_its_own_input(desk: Any, server: str, claude: Any) -> None:
    for name, said in (("a", "ghp_" + "a1B2" * 9), ("b", "nothing secret")):
        session = (claude.init + claude.text(1, said) + claude.done).replace(b"s-1", f"s-{name}".encode())
        (desk.folder / f"{name}.jsonl").write_bytes(session)
    assert desk.run("ingest", "p", "a.jsonl", "b.jsonl").returncode == 0
    assert "masked 1 secret:" in json.dumps(desk.state("p", "--session", "s-a"))
    assert "masked" not in json.dumps(desk.state("p", "--session", "s-b"))


def test_more_than_an_outbox_holds_arrives_whole(desk: Any, server: str, claude: Any) -> None:
    """A reader is faster than a server: what is on the way is bounded in bytes, not only in events."""
    count, output = 800, "0123456789abcdef" * 8192
    with (desk.folder / "large.jsonl").open("wb") as file:
        file.write(claude.init)
        for number in range(count):
            file.write(claude.calls(number, "Bash", command=f"step {number}") + claude.gets(number, output))
        file.write(claude.done)
    assert count * len(output) > 1.5 * PUBLISHER.outbox_bytes
    done = desk.run("ingest", "large", "large.jsonl")
    assert (done.returncode, done.stderr) == (0, b"sentryvibe-tui: read as claude-stream\n")
    state = desk.state("large")
    calls = [call for calls in [*state["toolsByTodo"].values(), state.get("planningTools", [])] for call in calls]
    assert len(calls) == count
    assert {call["outputBytes"] for call in calls} == {len(output) + 2}


def test_any_number_of_files_needs_few_descriptors(desk: Any, server: str, claude: Any) -> None:
    for number in range(100):
        session = (claude.init + claude.done).replace(b"s-1", b"s-%d" % number)
        (desk.folder / f"{number}.jsonl").write_bytes(session)
    limit = "import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)); "
    code = limit + "from sentryvibe_tui.cli import main; sys.argv[1:] = ['ingest', 'many', '*.jsonl']; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=desk.folder, capture_output=True, timeout=PATIENCE, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"sentryvibe-tui: 0.jsonl: read as claude-stream\n")
    assert desk.state("many", "--session", "s-99")["status"] == "completed"


def test_a_large_file_is_not_read_on_for_ever_when_no_server_is_there(desk: Any, claude: Any) -> None:
    """What was read waits in the outbox, bounded; the rest is still in the file."""
    large = claude.init + b"".join(claude.gets(number, "x" * 100_000) for number in range(200)) + claude.done
    (desk.folder / "large.jsonl").write_bytes(large)
    arguments = ("ingest", "p", "large.jsonl", "--timeout", "0.1", "--server", "http://127.0.0.1:9")
    done = desk.run(*arguments)
    assert done.returncode == 3
    assert b"events wait in" in done.stderr
    waiting = sum(path.stat().st_size for path in Path(os.environ["SENTRYVIBE_DATA_DIR"], "outbox").iterdir())
    assert BACKLOG < waiting < len(large) / 2


def test_a_named_pipe_is_read_as_it_comes(desk: Any, server: str, claude: Any) -> None:
    pipe = desk.folder / "pipe"
    os.mkfifo(pipe)
    ingest = desk.start("ingest", "shop", str(pipe))
    with pipe.open("wb", buffering=0) as writing:
        writing.write(claude.init)
        watch = desk.start("watch", "shop", "--plain")
        watch.until("running")
        writing.write(claude.done)
    assert ingest.end() == 0
    assert watch.end() == 0


def test_a_place_where_nothing_can_be_kept_is_named(desk: Any, server: str, claude: Any) -> None:
    blocked = desk.folder / "blocked"
    blocked.write_bytes(b"a file where a folder should be")
    run = subprocess.run(
        [sys.executable, "-m", "sentryvibe_tui", "ingest", "shop"],
        input=claude.init,
        capture_output=True,
        cwd=desk.folder,
        env={**os.environ, "SENTRYVIBE_DATA_DIR": str(blocked)},
        timeout=PATIENCE,
        check=False,
    )
    assert run.returncode == 1
    assert run.stderr.decode().startswith(f"sentryvibe-tui: cannot keep events in {blocked}/outbox: ")
    assert run.stderr.count(b"\n") == 1


def test_a_refused_event_is_told_and_no_success(desk: Any, server: str, claude: Any) -> None:
    too_many = claude.todos(1, *[("x", "pending")] * 10_001)
    done = desk.run("ingest", "p", data=claude.init + too_many + claude.text(2, "still here") + claude.done)
    assert done.returncode == 1, done.stderr
    assert "the server refused 1 events" in done.stderr.decode()
    state = desk.state("p")
    assert (state["status"], state["todos"]) == ("completed", [])
    assert desk.run("ingest", "p", data=claude.init + claude.done).returncode == 0


def test_an_event_with_a_bad_id_is_named_by_line_and_field_and_the_rest_is_taken(desk: Any, server: str) -> None:
    def posted(**fields: Any) -> str:
        return json.dumps({"projectId": "q", "sessionId": "s", "buildId": "b"} | fields) + "\n"

    bad = posted(event={"type": "tool-input-available", "toolCallId": "a\0b", "toolName": "Bash", "input": {}})
    nameless = posted(eventId="x\0y", event={"type": "start"})
    text = posted(event={"type": "text-delta", "id": "t", "delta": "still here"})
    lines = [posted(event={"type": "start"}), "\n", bad, nameless, text, posted(event={"type": "build-completed"})]
    done = desk.run("ingest", "p", "--format", "build-events", data="".join(lines).encode())
    assert done.returncode == 1
    third, fourth = done.stderr.decode().splitlines()
    assert third.startswith("sentryvibe-tui: refused: line 3: ")
    assert third.endswith("`$.event.toolCallId`")
    assert fourth.startswith("sentryvibe-tui: refused: line 4: ")
    assert fourth.endswith("`$.eventId`")
    state = desk.state("p")
    assert (state["status"], state["textByTodo"]["-1"][0]["text"]) == ("completed", "still here")
    assert "2 events that are refused" in state["notes"][0]["text"]
    assert desk.run("ingest", "q", data="".join([lines[0], text, lines[-1]]).encode()).returncode == 0


def test_a_date_that_is_none_and_a_broken_record_end_nothing(desk: Any, server: str, claude: Any) -> None:
    def session(number: int, date: object, **fields: Any) -> bytes:
        message = {"id": f"m{number}", "role": "assistant", "content": [{"type": "text", "text": f"text {number}"}]}
        record = {"type": "assistant", "sessionId": "s-1", "uuid": f"u{number}", "message": message, "timestamp": date}
        return json.dumps(record | fields).encode() + b"\n"

    lines = [session(1, "2026-01-01T00:00:00Z"), session(2, "9999-12-31T23:59:59-23:59"), session(3, 10**30, message=7)]
    done = desk.run("ingest", "p", data=b"".join([*lines, session(4, "2026-01-01T00:00:01Z")]))
    assert "Traceback" not in done.stderr.decode()
    texts = [note["text"] for group in desk.state("p")["textByTodo"].values() for note in group]
    assert "\n".join(texts).split("\n") == ["text 1", "text 2", "text 4"]
    notices = [note["text"] for note in desk.state("p")["notes"]]
    assert any("2 times that are no dates" in text for text in notices)


def test_the_last_state_of_a_watch_is_the_state_that_is_shown(desk: Any) -> None:
    process, url = desk.serve()
    notices = [{"type": "notice", "message": level, "level": level} for level in ("info", "warning", "error")]
    texts = [{"type": "text", "id": kind, "text": kind, "kind": kind} for kind in ("text", "reasoning", "prompt")]
    events = [{"type": "start"}, *notices, *texts, {"type": "build-completed"}]
    body = [{"projectId": "p", "sessionId": "s", "event": event, "eventId": str(n)} for n, event in enumerate(events)]
    watch = desk.start("watch", "p", "--jsonl", "--wait")
    watch.until('"phase":"waiting"')
    httpx.post(f"{url}/api/build-events", json=body, trust_env=False).raise_for_status()
    seen = [last_state(watch.until('"type":"end"'))]
    for _ in range(2):
        again = desk.run("watch", "p", "--jsonl")
        seen.append(last_state(again.stdout.decode().splitlines()[-1]))
        seen.append(desk.run("show", "p", "--json").stdout.decode().rstrip("\n"))
        process.stop(signal.SIGTERM)
        process, _ = desk.serve()
    assert len(set(seen)) == 1


def last_state(line: str) -> str:
    return line.partition('"state":')[2].removesuffix("}")
