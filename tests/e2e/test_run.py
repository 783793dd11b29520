"""`run`: real programs, as a user starts them."""

import fcntl
import json
import os
import pty
import signal
import sqlite3
import stat
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ..patience import PATIENCE
from .conftest import PROGRAM, said_by

SCRIPT = """\
#!{python} -u
import os, sys
sys.stderr.write("called with " + " ".join(sys.argv[1:]) + "\\n")
for line in open({recorded!r}):
    if line == "WAIT\\n":
        sys.stderr.write("waiting\\n")
        sys.stdin.readline()
    else:
        sys.stdout.write(line)
sys.exit({code})
"""

ON_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(int(sys.argv[1]), termios.TIOCSCTTY, 0)
os.execv(sys.argv[2], sys.argv[2:])
"""
"""Becomes a command whose terminal is that of a descriptor."""

COUNTS = """
import os, signal
signal.signal(signal.SIGINT, lambda *_: os.write(1, b"caught\\n"))
signal.signal(signal.SIGUSR1, lambda *_: os._exit(5))
os.write(1, b"up\\n")
while True:
    signal.pause()
"""


@pytest.fixture
def agent(desk: Any) -> Any:
    """agent(name, lines, code=0) -> path of a program that prints the lines; at a line WAIT it waits for one of ours"""

    def make(name: str, lines: bytes, code: int = 0) -> str:
        recorded, program = desk.folder / f"{name}.recorded", desk.folder / "bin" / name
        recorded.write_bytes(lines)
        program.parent.mkdir(exist_ok=True)
        program.write_text(SCRIPT.format(python=sys.executable, recorded=str(recorded), code=code))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return str(program)

    return make


def eventually(is_so: Callable[[], object]) -> None:
    until = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.01)


def unread(pipe: int) -> int:
    """Bytes that wait in a pipe."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


def test_an_agent_is_a_build_and_its_exit_code_is_ours(desk: Any, server: str, claude: Any, agent: Any) -> None:
    lines = claude.init + claude.calls(1, "Bash", command="ls") + claude.gets(1, "a") + claude.text(2, "Done.")
    done = desk.run("run", "Shop", "--", agent("claude", lines + claude.done, 7), "-p", "fix it")
    assert done.returncode == 7
    assert done.stdout == b"Done.\n"
    assert b"called with -p fix it --output-format stream-json --verbose\n" in done.stderr
    assert b"added --output-format stream-json --verbose" in done.stderr
    state = desk.state("shop")
    assert (state["status"], state["title"], state["sessionId"]) == ("completed", "fix it", "s-1")
    assert [tool["id"] for tool in state["planningTools"]] == ["t1"]


def test_the_model_of_codex_is_found_in_its_session_file(
    desk: Any, server: str, agent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODEX_HOME", str(desk.folder / "codex"))
    thread = "019a2d7a-6455-7170-a661-c6d8b94c630a"
    lines = [{"type": "thread.started", "thread_id": thread}, {"type": "turn.started"}]
    program = agent("codex", b"".join(json.dumps(line).encode() + b"\n" for line in lines) + b"WAIT\n")
    run = desk.start("run", "shop", "--", program, "exec", "fix it")
    said_by(run.errors, "waiting")
    day = desk.folder / "codex/sessions/2025/10/28"
    day.mkdir(parents=True)
    turn = {"type": "turn_context", "payload": {"model": "gpt-5-codex", "cwd": str(desk.folder)}}
    (day / f"rollout-2025-10-28T19-27-00-{thread}.jsonl").write_text(json.dumps(turn) + "\n")
    run.feed(b"\n")
    run.end()
    assert (desk.state("shop")["claudeModelId"], desk.state("shop")["title"]) == ("gpt-5-codex", "fix it")


def test_it_runs_without_a_server_and_the_build_stays(
    desk: Any, claude: Any, agent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENTRYVIBE_PORT", "0")
    done = desk.run("run", "--", agent("claude", claude.init + claude.done), "-p", "x")
    assert (done.returncode, b"no server runs here: serving http://127.0.0.1:" in done.stderr) == (0, True)
    desk.serve()
    assert desk.state(desk.folder.name)["status"] == "completed"


def test_what_a_killed_run_could_not_deliver_is_sent_by_the_next_though_its_port_is_another(
    desk: Any, claude: Any, agent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENTRYVIBE_PORT", "0")
    lines = claude.init + b"WAIT\n" + claude.text(1, "Not delivered.") + b"WAIT\n"
    first = desk.start("run", "shop", "--", agent("claude", lines), "-p", "x")
    said_by(first.errors, "waiting")
    database = Path(os.environ["SENTRYVIBE_DATA_DIR"]) / "builds.db"
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        first.feed(b"go\n")
        said_by(first.errors, "events wait in the outbox")
        first.stop(signal.SIGKILL)
        other.execute("ROLLBACK")
    desk.run("run", "shop", "--", "true")
    desk.serve()
    texts = [note["text"] for note in desk.state("shop", "--session", "s-1")["textByTodo"]["-1"]]
    assert texts[-1] == "Not delivered."


def test_input_output_and_errors_of_any_command_pass_through(desk: Any, server: str) -> None:
    done = desk.run("run", "other", "--", "sh", "-c", "cat; echo oops >&2; exit 3", data=b"in\xffput\n")
    assert (done.returncode, done.stdout, done.stderr) == (3, b"in\xffput\n", b"oops\n")
    state = desk.state("other")
    assert (state["status"], state["error"]) == ("failed", "sh exited with code 3: oops")
    (tool,) = state["planningTools"]
    assert (tool["state"], tool["output"]) == ("error", "in\ufffdput\noops\n")


def test_a_killed_agent_leaves_an_interrupted_build(desk: Any, server: str, claude: Any, agent: Any) -> None:
    lines = claude.init + claude.calls(1, "Bash", command="make") + b"WAIT\n"
    run = desk.start("run", "shop", "--", "sh", "-c", f"echo $$ >&2; exec {agent('claude', lines)} -p x")
    said_by(run.errors, "waiting")
    os.kill(int(run.errors[0]), signal.SIGKILL)
    assert run.end() == 128 + signal.SIGKILL
    state = desk.state("shop")
    assert state["status"] == "interrupted"
    assert [tool["state"] for tool in state["planningTools"]] == ["interrupted"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1])
def test_signals_reach_the_command(desk: Any, server: str, number: signal.Signals) -> None:
    script = f"trap 'echo caught; exit 9' {number.name.removeprefix('SIG')}; echo up; while :; do sleep 0.05; done"
    run = desk.start("run", "--", "sh", "-c", script)
    run.until("up")
    assert run.stop(number) == 9
    assert run.lines[-1] == "caught"


def test_a_pause_pauses_the_command_too(desk: Any, server: str) -> None:
    script = "trap 'echo >paused' TSTP; trap 'echo >resumed; exit' CONT; echo up; while :; do sleep 0.05; done"
    run = desk.start("run", "--", "sh", "-c", script)
    run.until("up")
    run.popen.send_signal(signal.SIGTSTP)
    eventually((desk.folder / "paused").exists)
    # It may stop only now: that it is continued too early must not matter.
    eventually(lambda: run.popen.send_signal(signal.SIGCONT) or (desk.folder / "resumed").exists())
    assert run.end() == 0


def test_ctrl_c_comes_once_wherever_stdin_comes_from(desk: Any, server: str) -> None:
    """The terminal sends it to all in the foreground: passed on, it would be a second one, which means more."""
    ours, terminal = pty.openpty()
    command = [sys.executable, "-c", ON_TERMINAL, str(terminal), *PROGRAM, "run", "--", sys.executable, "-c", COUNTS]
    run = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
        pass_fds=[terminal],
        cwd=desk.folder,
    )
    try:
        assert run.stdout is not None
        assert run.stdout.readline() == b"up\n"
        os.write(ours, b"\x03")
        assert run.stdout.readline() == b"caught\n"
        run.send_signal(signal.SIGUSR1)
        assert (run.stdout.read(), run.wait(30)) == (b"", 5)
    finally:
        run.kill()
        run.communicate()
        for descriptor in (ours, terminal):
            os.close(descriptor)


def test_a_reader_that_stops_reading_holds_up_nobody_else(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTRYVIBE_PORT", "0")
    reads, writes = os.pipe()
    command = [*PROGRAM, "run", "shop", "--", "yes"]
    run = subprocess.Popen(command, stdout=writes, stderr=subprocess.PIPE, cwd=desk.folder)
    os.close(writes)
    try:
        assert run.stderr is not None
        assert b"no server runs here" in run.stderr.readline()
        eventually(lambda: unread(reads) >= 4096)
        assert desk.state("shop")["status"] == "active"
        os.kill(run.pid, signal.SIGTERM)
        assert run.wait(30) == 128 + signal.SIGTERM
    finally:
        run.kill()
        run.communicate()
        os.close(reads)


def test_a_command_learns_that_nobody_reads_its_words(desk: Any, server: str) -> None:
    command = [*PROGRAM, "run", "shop", "--", "yes"]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=desk.folder)
    try:
        assert run.stdout is not None
        assert run.stdout.readline() == b"y\n"
        run.stdout.close()
        assert run.wait(30) != 0
    finally:
        run.kill()
        run.wait(30)
    assert "yes " in desk.state("shop")["error"]


def test_a_server_that_goes_and_comes_back_misses_nothing(desk: Any, claude: Any, agent: Any) -> None:
    server, url = desk.serve()
    port = url.rpartition(":")[2]
    calls = [claude.calls(number, "Bash", n=number) + claude.gets(number, "ok") for number in range(1, 6)]
    lines = claude.init + calls[0] + b"WAIT\n" + b"".join(calls[1:3]) + b"WAIT\n" + b"".join(calls[3:]) + claude.done
    run = desk.start("run", "shop", "--server", url, "--", agent("claude", lines), "-p", "x")
    said_by(run.errors, "waiting")
    server.popen.kill()
    server.end()
    run.feed(b"\n")
    said_by(run.errors, "events wait in the outbox")
    desk.serve("--port", port)
    run.feed(b"\n")
    assert run.end() == 0
    state = desk.state("shop")
    assert (state["status"], len(state["planningTools"])) == ("completed", 5)


def test_a_run_takes_over_from_the_one_that_served(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTRYVIBE_PORT", "0")
    first = desk.start("run", "first", "--", "sh", "-c", "echo up; read line")
    first.until("up")
    second = desk.start("run", "second", "--", "sh", "-c", "echo up; read line; echo more; read line")
    second.until("up")
    assert not any("no server runs here" in line for line in second.errors)
    first.feed(b"\n")
    assert first.end() == 0
    second.feed(b"\n")
    said_by(second.errors, "no server runs here")
    assert desk.state("first")["status"] == "completed"
    second.feed(b"\n")
    assert second.end() == 0
    desk.serve()
    assert desk.state("second")["status"] == "completed"


def test_what_a_killed_run_left_reaches_the_next_server(
    desk: Any, claude: Any, agent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its server was found on this machine, on any port; the next one listens on another."""
    monkeypatch.setenv("SENTRYVIBE_PORT", "0")
    server, _ = desk.serve()
    lines = claude.init + b"WAIT\n" + claude.calls(1, "Bash", n=1) + claude.text(2, "said to nobody") + b"WAIT\n"
    run = desk.start("run", "shop", "--", agent("claude", lines), "-p", "x")
    said_by(run.errors, "waiting")
    server.popen.send_signal(signal.SIGSTOP)
    run.feed(b"\n")
    outbox = Path(os.environ["SENTRYVIBE_DATA_DIR"]) / "outbox"
    eventually(lambda: any(b"said to nobody" in path.read_bytes() for path in outbox.glob("*.sqlite*")))
    run.popen.kill()
    server.popen.kill()
    server.end()
    run.end()
    desk.serve()
    eventually(lambda: b"said to nobody" in desk.run("show", "shop", "--json").stdout)


def test_a_server_that_hangs_is_not_waited_for_in_silence(desk: Any) -> None:
    server, _ = desk.serve()
    run = desk.start("run", "shop", "--", "sh", "-c", "echo up; read line; echo more")
    run.until("up")
    eventually(lambda: b"up" in desk.run("show", "shop", "--json").stdout)
    server.popen.send_signal(signal.SIGSTOP)
    run.feed(b"\n")
    said_by(run.errors, "waiting for the server to take")
    server.popen.send_signal(signal.SIGCONT)
    assert run.end() == 0
    assert desk.state("shop")["status"] == "completed"


def test_a_pipe_that_is_kept_open_does_not_keep_us(desk: Any, server: str) -> None:
    began = time.monotonic()
    done = desk.run("run", "--", "sh", "-c", "sleep 20 & echo hi")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"hi\n", b"")
    assert time.monotonic() - began < 15


def test_secrets_stay_here(desk: Any, server: str, claude: Any, agent: Any) -> None:
    secret = "ghp_" + "a1B2" * 9
    lines = claude.init + claude.calls(1, "Bash", command=f"curl -H {secret}") + claude.done
    assert desk.run("run", "shop", "--", agent("claude", lines), "-p", f"use {secret}").returncode == 0
    shown = json.dumps(desk.state("shop"))
    assert secret not in shown
    assert "<redacted github-token>" in shown


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("shop",), 2, "no command: put it behind `--`"),
        (("shop", "--"), 2, "no command: put it behind `--`"),
        (("shop", "--", ""), 2, "the command behind `--` is empty"),
        (("--watch", "--", "true"), 2, "--watch needs a terminal"),
        (("--", "/nonexistent/agent"), 127, "/nonexistent/agent: No such file or directory"),
        (("--", str(Path(__file__))), 126, "Permission denied"),
    ],
)
def test_what_cannot_be_run_is_told(desk: Any, server: str, arguments: tuple[str, ...], code: int, told: str) -> None:
    done = desk.run("run", *arguments)
    assert (done.returncode, told in done.stderr.decode()) == (code, True), done.stderr
    assert json.loads(desk.run("ls", "--json").stdout)["projects"] == []
