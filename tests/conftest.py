"""What every test relies on: no settings, servers or looks of the machine it runs on."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("house", deadline=None, derandomize="CI" in os.environ)  # a busy machine is slow, not wrong
settings.load_profile("house")

for _number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(_number) is signal.SIG_IGN:  # as under `nohup … &`: what tests start must not inherit that
        signal.signal(_number, lambda *_: None)

for _name in [name for name in os.environ if name.startswith(("SENTRYVIBE_", "TEXTUAL_"))]:
    if not _name.startswith("SENTRYVIBE_TEST_"):  # those are no settings of the program (tests/real)
        del os.environ[_name]
for _name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"):
    os.environ.pop(_name, None)


TESTS = Path(__file__).parent
FAST = (
    *("agents", "cli", "hooks", "model", "report", "sources", "store", "wire"),
    *(f"client/test_{name}.py" for name in ("address", "backoff", "link", "original", "original_rows")),
    *("server/test_hub.py", "tui/test_actions.py"),
    *(f"test_{name}.py" for name in ("docs", "floors", "man", "package", "schemas")),
)
"""Folders and files of tests that need hardly any sockets, processes and screens."""
ROOMS = ("e2e", "faults", "tui", "real")
"""Folders whose tests have a mark of the same name."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Two more than cores: half of the time a test waits for a process, a socket or a disk."""
    return (os.cpu_count() or 1) + 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    marks = {TESTS / name: "fast" for name in FAST} | {TESTS / name: name for name in ROOMS}
    for item in items:
        for place in (item.path, *item.path.parents):
            if place in marks:
                item.add_marker(marks[place])


@pytest.fixture(autouse=True)
def _own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data, config, logs, state and runtime files of a test stay in a folder of its own."""
    home: Path = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("SENTRYVIBE_CONFIG", str(home / "config.toml"))
    for name in ("DATA", "LOG", "RUNTIME", "STATE"):
        monkeypatch.setenv(f"SENTRYVIBE_{name}_DIR", str(home / name.lower()))
