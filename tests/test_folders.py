"""A user's folders are where platformdirs has them, without its being imported."""

import os
import sys
import warnings
from pathlib import Path

import platformdirs
import pytest

from sentryvibe_tui.folders import (
    APP,
    below_home,
    config_folder,
    data_folder,
    runtime_folder,
    state_folder,
    user_path,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere platformdirs is asked")

PAIRS = {
    "XDG_CONFIG_HOME": (config_folder, platformdirs.user_config_path),
    "XDG_DATA_HOME": (data_folder, platformdirs.user_data_path),
    "XDG_STATE_HOME": (state_folder, platformdirs.user_state_path),
}


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PAIRS, "XDG_RUNTIME_DIR", "SENTRYVIBE_RUNTIME_DIR", "SENTRYVIBE_STATE_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("home", [None, "/home/ada", "/home/ada/", ""])
@pytest.mark.parametrize("named", [None, "", "/srv/ada", "/srv/ada/", "relative"])
@pytest.mark.parametrize("variable", PAIRS)
def test_a_folder_is_where_platformdirs_has_it(
    variable: str, named: str | None, home: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = PAIRS[variable]
    for name, value in (("HOME", home), (variable, named)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert ours() == theirs(APP)


@pytest.mark.parametrize("mode", [0o700, 0o755, 0o777, None])
def test_the_runtime_folder_is_where_platformdirs_has_it(
    mode: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = tmp_path / str(os.getuid())
    if mode is not None:
        login.mkdir()
        login.chmod(mode)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(login))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert runtime_folder(str(tmp_path)) == platformdirs.user_runtime_path(APP)
    assert (runtime_folder(str(tmp_path)) == login / APP) is (mode in (0o700, None))


def test_a_link_is_no_runtime_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other"
    other.mkdir(mode=0o700)
    login = tmp_path / str(os.getuid())
    login.symlink_to(other)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(login))
    assert not runtime_folder(str(tmp_path)).is_relative_to(login)


def test_a_path_below_home_is_written_as_a_person_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/dev")
    assert below_home("/home/dev/work/shop") == "~/work/shop"
    assert below_home("/home/dev") == "~"
    assert below_home("/home/developer/x") == "/home/developer/x"


def test_a_home_that_nobody_knows_stays_as_it_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/dev")
    assert user_path("~/work") == Path("/home/dev/work")
    assert user_path("~nobody-here/work") == Path("~nobody-here/work")
