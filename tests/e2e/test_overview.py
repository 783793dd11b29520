"""The program without a command: all agents of the machine, with nothing installed or configured."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from .conftest import PROGRAM
from .test_follow import append
from .test_screen import Terminal

pytestmark = pytest.mark.e2e


@pytest.fixture(autouse=True)
def home(desk: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nobody's agents but the test's."""
    for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "GEMINI_CLI_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(desk.folder / "home"))
    return desk.folder / "home"


def write_session(home: Path, project: str, *texts: str, ago: float = 0) -> Path:
    """A session of Claude Code in a directory of that name, whose agent said `texts` so many seconds ago."""
    folder = home / ".claude" / "projects" / f"-work-{project}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"5e551011-0000-4000-8000-{abs(hash(project)) % 10**12:012}.jsonl"
    prompt = {"role": "user", "content": "go on"}
    records = [{"type": "user", "message": prompt}]
    records += [
        {"type": "assistant", "message": {"id": f"m{at}", "role": "assistant", "model": "claude-sonnet-4-5",
                                          "content": [{"type": "text", "text": text}]}}
        for at, text in enumerate(texts)
    ]  # fmt: skip
    now = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() - ago))
    common = {"sessionId": path.stem, "cwd": f"/work/{project}", "timestamp": now, "version": "2.1.332"}
    lines = [{**record, **common, "uuid": f"{project}-{at}"} for at, record in enumerate(records)]
    append(path, b"".join(json.dumps(line).encode() + b"\n" for line in lines))
    return path


@pytest.fixture
def overview(desk: Any):
    """The program alone on a terminal."""
    opened: list[Terminal] = []

    def opened_with(*arguments: str) -> Terminal:
        opened.append(Terminal((*PROGRAM, *arguments), rows=30, columns=120))
        return opened[-1]

    yield opened_with
    for terminal in opened:
        terminal.close()


def test_agents_of_several_directories_appear_by_themselves_and_open(overview: Any, home: Path) -> None:
    write_session(home, "shop", "I will look at the till.")
    terminal = overview()
    terminal.until(b"shop")
    write_session(home, "blog", "The feed is broken.")
    terminal.until(b"blog")
    terminal.type(b"\r")
    terminal.until_shown("Stream")
    terminal.type(b"\x1b")
    terminal.until_shown("WHAT")  # a key behind an escape would be one with alt
    terminal.type(b"q")
    assert terminal.end() == 0
    assert terminal.is_as_found


def test_a_second_overview_joins_the_server_of_the_first_and_outlives_it(overview: Any, home: Path, desk: Any) -> None:
    write_session(home, "shop", "I will look at the till.")
    first = overview()
    first.until(b"shop")
    second = overview("--ascii")
    second.until(b"shop")
    first.type(b"q")
    assert first.end() == 0
    write_session(home, "blog", "The feed is broken.")
    second.until(b"blog")
    second.type(b"q")
    assert second.end() == 0


def test_an_empty_machine_says_where_it_looks(overview: Any) -> None:
    terminal = overview()
    terminal.until(b"No agent is at work on this machine.")
    terminal.type(b"q")
    assert terminal.end() == 0


def test_without_a_terminal_the_active_ones_are_printed(desk: Any, server: str, claude: Any) -> None:
    assert desk.run().returncode == 0
    ingest = desk.start("ingest", "till")
    ingest.feed(claude.init + claude.calls(2, "Bash", command="make"))
    plain = desk.start("watch", "till", "--plain")
    plain.until("Bash make")
    done = desk.run()
    assert done.returncode == 0
    assert b"till" in done.stdout


def test_nothing_kept_and_no_server_is_no_error(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTRYVIBE_DATA_DIR", str(desk.folder / "nowhere"))
    done = desk.run()
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"no agent is active here" in done.stdout


def test_watch_without_a_project_is_the_overview_of_a_server(
    overview: Any, desk: Any, server: str, claude: Any
) -> None:
    ingest = desk.start("ingest", "till")
    ingest.feed(claude.init + claude.calls(2, "Bash", command="make"))
    terminal = overview("watch", "--server", server)
    terminal.until(b"till")
    terminal.type(b"q")
    assert terminal.end() == 0
    refused = desk.run("watch")
    assert refused.returncode == 2
    assert b"name a project" in refused.stderr


def test_an_agent_that_has_waited_for_long_is_there_from_the_start(overview: Any, home: Path) -> None:
    """Its file was written to 20 minutes ago; its register says that it waits."""
    asks = write_session(home, "till", "May I?", ago=1_210)
    os.utime(asks, (time.time() - 1_200, time.time() - 1_200))
    registry = home / ".claude" / "sessions"
    registry.mkdir()
    entry = {
        "pid": os.getpid(),
        "sessionId": asks.stem,
        "cwd": "/work/till",
        "status": "waiting",
        "waitingFor": "permission prompt",
        "statusUpdatedAt": int((time.time() - 1_200) * 1_000),
    }
    (registry / f"{os.getpid()}.json").write_text(json.dumps(entry))
    terminal = overview()
    terminal.until(b"1 waits for you")
    terminal.type(b"q")
    assert terminal.end() == 0


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_leaves_the_terminal_as_it_was_found(overview: Any, home: Path, number: int, status: int) -> None:
    write_session(home, "shop", "I will look at the till.")
    terminal = overview()
    terminal.until(b"shop")
    terminal.popen.send_signal(number)
    assert terminal.end() == status
    assert terminal.is_as_found


def test_a_data_folder_that_cannot_be_used_is_named(overview: Any, desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    place = desk.folder / "a-file"
    place.write_text("")
    monkeypatch.setenv("SENTRYVIBE_DATA_DIR", str(place))
    terminal = overview()
    terminal.until(b"cannot be shown")
    terminal.until(b"a-file")
    terminal.type(b"q")
    assert terminal.end() == 0


def test_another_server_stands_beside_this_machine_and_its_loss_takes_nothing(
    overview: Any, home: Path, desk: Any, claude: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("SENTRYVIBE_RUNTIME_DIR", str(desk.folder / "elsewhere"))
        far = desk.start("serve", "--port", "0", "--data", str(desk.folder / "far"))
        url = far.until("ready").split()[-1]
    ingest = desk.start("ingest", "till", "--server", url)
    ingest.feed(claude.init + claude.calls(2, "Bash", command="make"))
    write_session(home, "shop", "I will look at the till.")
    terminal = overview("--server", url)
    terminal.until(b"till")
    terminal.until(b"shop")
    far.popen.kill()
    terminal.until(b"retry")
    write_session(home, "blog", "The feed is broken.")
    terminal.until(b"blog")
    terminal.type(b"q")
    assert terminal.end() == 0
