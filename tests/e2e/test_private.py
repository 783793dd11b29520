"""Whatever the umask is, folders of ours are for their user alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from sentryvibe_tui.folders import make_private


@pytest.fixture
def open_umask() -> object:
    before = os.umask(0)
    yield before
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
def test_every_folder_above_is_private_and_those_there_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir(mode=0o755)
    make_private(tmp_path / "there" / "a" / "b" / "c")
    make_private(tmp_path / "there" / "a" / "b" / "c")
    modes = [stat.S_IMODE(folder.stat().st_mode) for folder in (tmp_path / "there").rglob("*")]
    assert modes == [0o700] * 3
    assert stat.S_IMODE((tmp_path / "there").stat().st_mode) == 0o755


@pytest.mark.usefixtures("open_umask")
def test_no_command_makes_a_folder_or_file_for_others(desk, claude, tmp_path: Path, monkeypatch) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    for name in [name for name in os.environ if name.startswith(("SENTRYVIBE_", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home / "run" / "user"))
    server, _ = desk.serve()
    assert desk.run("ingest", "shop", data=claude.init + claude.done).returncode == 0
    assert desk.run("hook", "claude", data=b"{}").returncode == 0
    assert desk.run("hooks", "install", "claude", "--yes").returncode == 0
    assert server.stop(15) == 0
    made = [path for path in home.rglob("*") if not path.is_symlink()]
    assert {"builds.db", "hooks", "outbox", "epochs", "locks"} <= {path.name for path in made}
    ours = [path for path in made if "sentryvibe" in str(path.relative_to(home)) or path.is_dir()]
    assert [path for path in ours if path.stat().st_mode & 0o077] == []
