"""Commands start without what they do not need."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

OURS = "sentryvibe_tui"
PATHS = {"platformdirs"} if sys.platform == "linux" else set[str]()
MODULES = "import sys, json; {}; print(json.dumps(sorted(sys.modules)))"


UNMEASURED = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
"""The environment without what makes `just cover` import modules of its own."""


def _modules(code: str) -> set[str]:
    command = [sys.executable, "-c", MODULES.format(code)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=UNMEASURED)
    return set(json.loads(done.stdout.splitlines()[-1]))


def _run(*arguments: str) -> str:
    """Code that runs a command line to its end and goes on."""
    quiet = "import contextlib, io; out = contextlib.redirect_stdout(io.StringIO()); out.__enter__()"
    call = f"sys.argv = ['{OURS}', *{list(arguments)!r}]; from {OURS}.cli import main"
    return f"{quiet}\ntry:\n    {call}; main()\nexcept SystemExit: pass\nout.__exit__(None, None, None)"


@pytest.mark.parametrize(
    ("code", "forbidden"),
    [
        (
            _run("--help"),
            {"click", "textual", "starlette", "uvicorn", "httpx", "websockets", "rich", "msgspec", "typing"},
        ),
        (_run("--version"), {"click", "textual", "importlib.metadata", "typing"}),
        (_run("hook"), {"click", "msgspec", "pathlib", "typing"}),
        (_run("status"), {"click", "textual", "msgspec", "asyncio", "http.client", "httpx", "ssl", *PATHS}),
        (_run("serve", "--help"), {"textual", "starlette", "uvicorn", "httpx", "rich"}),
        (_run("watch", "--help"), {"textual", "starlette", "uvicorn", "httpx", "rich"}),
        (f"import {OURS}.cli.watch, {OURS}.cli.completing", {"textual", "httpx", "rich", "http.client"}),
        (f"import {OURS}.server.serve", {"textual", "httpx", "rich"}),
        (f"import {OURS}.sources.directory", {f"{OURS}.agents.redact", "httpx", "sqlite3"}),
        (f"import {OURS}.cli.watch, {OURS}.tui.app", {f"{OURS}.client.rest", "http.client", "sqlite3"}),
        (f"import {OURS}.client.watch, {OURS}.report.plain", {"textual", "starlette", "uvicorn", "httpx"}),
        (f"import {OURS}.tui.app, {OURS}.client.watch", {"starlette", "uvicorn", "httpx", "sqlite3"}),
        (
            f"import {OURS}.client.watch, {OURS}.client.rest",
            {"httpx", "starlette", "uvicorn", "textual", "sqlite3", "websockets"},
        ),
    ],
    ids=[
        "help",
        "version",
        "hook",
        "status",
        "serve-help",
        "watch-help",
        "completing",
        "serve",
        "watch-directory",
        "watch-first-frame",
        "watch-plain",
        "watch-screen",
        "watch-link",
    ],
)
def test_is_not_imported(code: str, forbidden: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(UNMEASURED, "SENTRYVIBE_RUNTIME_DIR", str(tmp_path))
    assert not _modules(code) & forbidden


def _cheapest(*command: str) -> float:
    """Seconds of a processor that the cheapest of several runs took: what else the machine does counts little."""
    times: list[float] = []
    for _ in range(7):
        process = subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL)
        _, status, spent = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        times.append(spent.ru_utime + spent.ru_stime)
    return min(times)


def test_help_is_quick() -> None:
    assert _cheapest("-m", OURS, "--help") <= 4 * _cheapest("-c", "pass")
