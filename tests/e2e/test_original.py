"""An original server, watched and published to by real commands."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from .conftest import Claude, Desk, said_by
from .originals import Original


@pytest.fixture
def original() -> Iterator[Original]:
    with Original() as server:
        yield server


def todos(*statuses: str, phase: str | None = None) -> dict:
    listed = [{"content": f"step {n}", "status": status} for n, status in enumerate(statuses)]
    given = {"todos": listed} | ({"phase": phase} if phase else {})
    return {"type": "tool-input-available", "toolCallId": "w", "toolName": "TodoWrite", "input": given}


def call(ident: str, **more: object) -> list[dict]:
    about = {"toolCallId": ident, "toolName": "Bash", **more}
    begin = {"type": "tool-input-available", "input": {"command": f"make {ident}"}, **about}
    return [begin, {"type": "tool-output-available", "output": "ok", **about}]


def watch(desk: Desk, original: Original, how: str = "--plain", *more: str):
    return desk.start("watch", "shop", "--server", original.url, how, *more)


def test_a_watch_lives_through_the_template_a_restart_and_a_late_summary(desk: Desk, original: Original) -> None:
    """O1, O4, O5, O9: it ends by itself, with what the rows know."""
    plain = watch(desk, original)
    plain.until("Shop")
    original.do({"type": "start"}, todos("completed", "completed", phase="template"))
    plain.until("template todo 2/2 done")
    original.do(todos("in_progress", "pending"), *call("one"))
    plain.until("tool done: Bash make one")
    original.restart()
    original.do(todos("completed", "completed"), *call("two", todoIndex=1))
    plain.until("todo 2/2 done: step 1")
    original.complete("All is well.")
    assert plain.end() == 0
    assert any("summary: All is well." in line for line in plain.lines)
    assert not any("--:--:--" in line or "(merged)" in line for line in plain.lines)
    shown = desk.state("shop", "--server", original.url)
    assert [todo["status"] for todo in shown["todos"]] == ["completed", "completed"]
    assert [tool["id"] for tool in shown["toolsByTodo"]["1"]] == ["two"]
    listed = json.loads(desk.run("ls", "--json", "--server", original.url).stdout)
    assert listed["projects"][0]["builds"][0]["todosDone"] == 2


def test_who_joins_late_sees_what_happened(desk: Desk, original: Original) -> None:
    original.do({"type": "start"}, todos("completed", "in_progress", "pending"), *call("one", todoIndex=0))
    lines = watch(desk, original, "--jsonl")
    original.do(*call("two"))
    lines.until('"two"')
    original.complete("Done.")
    assert lines.end() == 0
    last = json.loads(lines.lines[-1])
    assert (last["type"], last["status"], last["state"]["agentId"]) == ("end", "completed", "claude-code")
    assert [tool["id"] for tool in last["state"]["toolsByTodo"]["0"]] == ["one"]
    assert [tool["id"] for tool in last["state"]["toolsByTodo"]["1"]] == ["two"]
    assert sum(json.loads(line)["type"] == "snapshot" for line in lines.lines) == 1


@pytest.mark.parametrize("late", [False, True])
def test_cancelled_is_one_word(desk: Desk, original: Original, late: bool) -> None:
    original.do({"type": "start"}, todos("in_progress"))
    plain = watch(desk, original)
    plain.until("step 0")
    original.cancel()
    assert plain.end() == 1
    if late:
        plain = watch(desk, original)
        assert plain.end() == 1
    assert any("build cancelled" in line for line in plain.lines)


def test_a_session_is_found_by_the_beginning_of_its_id(desk: Desk, claude: Claude) -> None:
    _, url = desk.serve()
    data = claude.init + claude.text(1, "hello") + claude.done
    assert desk.run("ingest", "shop", "-", "--session", "abc-1", data=data).returncode == 0
    assert desk.run("watch", "shop", "--session", "abc", "--plain", "--server", url).returncode == 0
    waiting = desk.start("watch", "shop", "--session", "xyz", "--plain", "--server", url)
    said_by(waiting.errors, "waiting for session 'xyz'")
    assert desk.run("ingest", "shop", "-", "--session", "xyz-9", data=data).returncode == 0
    assert waiting.end() == 0


# ------------------------------------------------------------------- publishing


def test_an_original_gets_names_of_calls_and_one_command_a_build(
    desk: Desk, original: Original, claude: Claude
) -> None:
    """O7."""
    plain = watch(desk, original)
    plain.until("Shop")
    data = claude.init + claude.calls(1, "Bash", command="make it") + claude.gets(1, "made") + claude.done
    done = desk.run("ingest", "shop", "-", "--session", "s1", "--server", original.url, data=data)
    assert done.returncode == 0, done.stderr
    assert len({body["commandId"] for body in original.posted}) == 1
    ends = [body["event"] for body in original.posted if body["event"]["type"] == "tool-output-available"]
    assert [end["toolName"] for end in ends] == ["Bash"]
    plain.until("tool done: Bash make it")


def test_a_project_that_an_original_does_not_know_is_named(desk: Desk, original: Original, claude: Claude) -> None:
    refused = desk.run("ingest", "other", "-", "--server", original.url, data=claude.init + claude.done)
    said = refused.stderr.decode()
    assert refused.returncode == 3
    assert "does not know project 'other'" in said
    assert "--session" in said
    assert "start one" not in said


# ------------------------------------------------------------------- tokens


def test_a_token_opens_a_server_that_asks_for_one(desk: Desk, claude: Claude, monkeypatch: pytest.MonkeyPatch) -> None:
    """O14: by flag, environment or config file; never shown."""
    secret, data = "sv_verysecret", claude.init + claude.text(1, "hi") + claude.done
    with Original(secret) as server:
        server.do({"type": "start"}, todos("completed"))
        server.complete("Done.")
        for arguments in (("ls",), ("show", "shop"), ("watch", "shop", "--plain")):
            refused = desk.run(*arguments, "--server", server.url)
            assert refused.returncode == 3, arguments
            assert b"SENTRYVIBE_TOKEN" in refused.stderr, arguments
            wrong = desk.run(*arguments, "--server", server.url, "--token", "no-" + secret)
            assert b"does not take this token" in wrong.stderr
            assert secret.encode() not in wrong.stdout + wrong.stderr
            assert desk.run(*arguments, "--server", server.url, "--token", secret).returncode == 0
        refused = desk.run("ingest", "shop", "-", "--server", server.url, data=data)
        assert (refused.returncode, b"asks for a token" in refused.stderr) == (3, True)
        monkeypatch.setenv("SENTRYVIBE_TOKEN", secret)
        assert desk.run("ls", "--server", server.url).returncode == 0
        assert desk.run("ingest", "shop", "-", "--session", "s1", "--server", server.url, data=data).returncode == 0
        config = desk.run("config").stdout.decode()
        assert "set, not shown" in config
        assert secret not in config
