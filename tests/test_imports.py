"""Commands start without what they do not need."""

import json
import subprocess
import sys
import time

import pytest

OURS = "sentryvibe_tui"
MODULES = "import sys, json; {}; print(json.dumps(sorted(sys.modules)))"


def _modules(code: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", MODULES.format(code)], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def _run(*arguments: str) -> str:
    """Code that runs a command line to its end and goes on."""
    quiet = "import contextlib, io; out = contextlib.redirect_stdout(io.StringIO()); out.__enter__()"
    call = f"sys.argv = ['{OURS}', *{list(arguments)!r}]; from {OURS}.cli import main"
    return f"{quiet}\ntry:\n    {call}; main()\nexcept SystemExit: pass\nout.__exit__(None, None, None)"


@pytest.mark.parametrize(
    ("code", "forbidden"),
    [
        (_run("--help"), {"click", "textual", "starlette", "uvicorn", "httpx", "websockets", "rich", "msgspec"}),
        (_run("--version"), {"click", "textual", "importlib.metadata"}),
        (_run("serve", "--help"), {"textual", "starlette", "uvicorn", "httpx", "rich"}),
        (_run("watch", "--help"), {"textual", "starlette", "uvicorn", "httpx", "rich"}),
        (f"import {OURS}.cli.watch, {OURS}.cli.completing", {"textual", "httpx", "rich", "http.client"}),
        (f"import {OURS}.server.serve", {"textual", "httpx", "rich"}),
        (f"import {OURS}.cli.watch, {OURS}.tui.app", {f"{OURS}.client.rest", "http.client", "sqlite3"}),
        (f"import {OURS}.client.watch, {OURS}.report.plain", {"textual", "starlette", "uvicorn", "httpx"}),
        (f"import {OURS}.tui.app, {OURS}.client.watch", {"starlette", "uvicorn", "httpx", "sqlite3"}),
    ],
    ids=[
        "help",
        "version",
        "serve-help",
        "watch-help",
        "completing",
        "serve",
        "watch-first-frame",
        "watch-plain",
        "watch-screen",
    ],
)
def test_is_not_imported(code: str, forbidden: set[str]) -> None:
    assert not _modules(code) & forbidden


def _fastest(*command: str) -> float:
    """Seconds of the quickest of several runs: the least disturbed one."""
    times: list[float] = []
    for _ in range(15):
        start = time.perf_counter()
        subprocess.run([sys.executable, *command], stdout=subprocess.DEVNULL, check=True)
        times.append(time.perf_counter() - start)
    return min(times)


def test_help_is_quick() -> None:
    assert _fastest("-m", OURS, "--help") <= 4 * _fastest("-c", "pass")
