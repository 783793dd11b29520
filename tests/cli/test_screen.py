"""How the screen looks: flags win over settings, and what cannot be is told or refused."""

import pytest

from sentryvibe_tui.cli.options import UsageProblem
from sentryvibe_tui.cli.screen import Flags, Looks, has_terminal, looks, tell_wrong_theme
from sentryvibe_tui.settings import Settings


def test_flags_win_over_settings() -> None:
    ours = Settings(theme="nord", ascii=False, animation=True, keys={"quit": "Q"})
    assert looks(ours, Flags()) == Looks("nord", False, True, {"quit": "Q"})
    assert looks(ours, Flags("sentry-light", True, True)) == Looks("sentry-light", True, False, {"quit": "Q"})


def test_an_unknown_theme_in_a_flag_is_refused_with_a_list() -> None:
    with pytest.raises(UsageProblem, match=r"--theme: there is no theme 'zz'; there are sentry, .*gruvbox"):
        looks(Settings(), Flags("zz"))


def test_what_is_wrong_in_the_settings_is_told(capsys) -> None:
    looks(Settings(theme="zz", keys={"qit": "x"}), Flags())
    told = capsys.readouterr().err
    assert "theme: there is no theme 'zz'" in told
    assert "no action is called 'qit'; did you mean 'quit'?" in told
    looks(Settings(theme="zz"), Flags("nord"))
    assert capsys.readouterr().err == ""


def test_a_theme_that_is_none_is_told_without_a_screen(capsys) -> None:
    tell_wrong_theme(Flags("nord"))
    assert capsys.readouterr().err == ""
    tell_wrong_theme(Flags("zz"))
    assert "--theme: there is no theme 'zz'; there are sentry" in capsys.readouterr().err


@pytest.mark.parametrize(("term", "is_one"), [("dumb", False), ("xterm-256color", True)])
def test_a_dumb_terminal_takes_lines(monkeypatch: pytest.MonkeyPatch, term: str, is_one: bool) -> None:
    monkeypatch.setattr("os.isatty", lambda _: True)
    monkeypatch.setenv("TERM", term)
    assert has_terminal() is is_one
