"""The events that deserve attention, once on a machine: claims between processes, and the command."""

from __future__ import annotations

import asyncio
import json
import shlex
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from sentryvibe_tui.model.activity import Option
from sentryvibe_tui.model.attention import AttentionEvent
from sentryvibe_tui.model.summary import BuildSummary, OpenRequest
from sentryvibe_tui.notify import Claims, NotifyCommand

from .patience import PATIENCE


def event(name: str, kind: str = "failed") -> AttentionEvent:
    return AttentionEvent(name, kind, "out of money", 5, BuildSummary("p", "s", "b", project_name="Shop"))  # type: ignore[arg-type]


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def notifier(command: str, folder: Path, told: list[str] | None = None, **options: float) -> NotifyCommand:
    return NotifyCommand(command, Claims("command", folder), (told or []).append, together=0.05, **options)


async def test_the_command_gets_each_event_once_as_json_on_stdin(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = f"cat >> {shlex.quote(str(out))}"
    one, other = notifier(command, tmp_path), notifier(command, tmp_path)
    for hears in (one, other):
        hears.hear([event("a"), event("b")])
        hears.hear([event("a")])
    await one.finish(5)
    await other.finish(5)
    told = lines(out)
    assert [line["id"] for line in told] == ["a", "b"]
    assert (told[0]["kind"], told[0]["text"], told[0]["build"]["projectName"]) == ("failed", "out of money", "Shop")


async def test_what_the_command_gets_is_safe_to_show(tmp_path: Path) -> None:
    """Titles, questions and errors are an agent's words."""
    out, words = tmp_path / "out", "\x1b]0;owned\x07rm\x9b2J \u202egnp"
    asked = OpenRequest("r", title=words, options=(Option("1", words),))
    build = BuildSummary("p", "s", "b", title=words, requests=(asked,), error=words, cwd="/w\x1b[2J", tools=3)
    one = notifier(f"cat >> {shlex.quote(str(out))}", tmp_path)
    one.hear([AttentionEvent("a", "needs-input", "safe", 5, build)])
    await one.finish(5)
    (told,) = lines(out)
    safe = "rm \ufffdgnp"
    assert (told["build"]["title"], told["build"]["error"], told["build"]["cwd"]) == (safe, safe, "/w")
    assert (told["build"]["requests"][0]["title"], told["build"]["requests"][0]["options"][0]["label"]) == (safe, safe)
    assert told["build"]["tools"] == 3


async def test_events_of_half_a_second_come_together(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    hears = notifier(f"echo run >> {shlex.quote(str(runs))}; cat > /dev/null", tmp_path)
    for number in range(20):
        hears.hear([event(str(number))])
    await hears.finish(5)
    assert runs.read_text() == "run\n"


@pytest.mark.parametrize(
    ("command", "says"),
    [("echo no such bot >&2; exit 3", "status 3: no such bot"), ("sleep 60", "took more than"), ("exit 1", "nothing")],
)
async def test_a_command_that_fails_is_told_of_and_ends_nothing(tmp_path: Path, command: str, says: str) -> None:
    told: list[str] = []
    hears = NotifyCommand(command, Claims("command", tmp_path), told.append, together=0.01, patience=0.5)
    hears.hear([event("a")])
    await hears.finish(5)
    assert says in told[0]


def test_processes_share_their_claims(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from sentryvibe_tui.notify import Claims\n"
        "from sentryvibe_tui.model.attention import AttentionEvent\n"
        "from sentryvibe_tui.model.summary import BuildSummary\n"
        "claims = Claims('screen', Path(sys.argv[1]))\n"
        "build = BuildSummary('p', 's', 'b')\n"
        "print(sum(claims.take(AttentionEvent(str(n), 'failed', '', 0, build)) for n in range(50)))"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert sum(int(process.communicate()[0]) for process in running) == 50


def test_old_claims_are_forgotten(tmp_path: Path) -> None:
    claims = Claims("screen", tmp_path, limit=10)
    assert all(claims.take(event(str(number))) for number in range(100))
    assert len(list((tmp_path / "screen").iterdir())) <= 20


def test_without_a_folder_everybody_is_told(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    claims = Claims("screen", blocked)
    assert claims.take(event("a"))


async def test_files_are_touched_beside_the_event_loop_and_an_end_tells_at_once(tmp_path: Path) -> None:
    threads: set[str] = set()

    class Watched(Claims):
        def take(self, event: AttentionEvent) -> bool:
            threads.add(threading.current_thread().name)
            return super().take(event)

    out = tmp_path / "out"
    hears = NotifyCommand(f"cat >> {shlex.quote(str(out))}", Watched("command", tmp_path), together=60)
    hears.hear([event("a")])
    await asyncio.sleep(0)
    hears.hear([event("b")])
    await hears.finish(PATIENCE)
    assert [line["id"] for line in lines(out)] == ["a", "b"]
    assert threading.main_thread().name not in threads


async def test_what_could_not_be_told_at_the_end_is_left_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[asyncio.subprocess.Process] = []
    create = asyncio.create_subprocess_shell

    async def watched(*arguments: Any, **options: Any) -> asyncio.subprocess.Process:
        started.append(await create(*arguments, **options))
        return started[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_shell", watched)
    begun, out = tmp_path / "begun", tmp_path / "out"
    command = f"touch {shlex.quote(str(begun))}; sleep 1; cat > {shlex.quote(str(out))}"
    hears = NotifyCommand(command, Claims("command", tmp_path), together=0)
    hears.hear([event("a")])
    async with asyncio.timeout(PATIENCE):
        for _ in iter(begun.exists, True):
            await asyncio.sleep(0.01)
        hears.hear([event("b")])
        await hears.finish(0.01)
        assert Claims("command", tmp_path).take(event("b"))
        for process in started:  # it runs on, and the loop must see its end and that of its pipe
            await process.communicate()
    assert [line["id"] for line in lines(out)] == ["a"]
