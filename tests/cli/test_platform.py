"""Where it does not run, it says so at once."""

import sys

import pytest

from sentryvibe_tui.cli import main


def test_windows_is_told_of_wsl(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(sys, "argv", ["sentryvibe-tui", "watch", "x"])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert (ended.value.code, said.count("\n"), "WSL" in said) == (2, 1, True)
