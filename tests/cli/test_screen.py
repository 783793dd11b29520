"""How the screen looks: flags win over settings, and what cannot be is told or refused."""

import logging

import pytest

from sentryvibe_tui.cli.options import UsageProblem
from sentryvibe_tui.cli.screen import display_options, has_terminal, log_to_file, tell_wrong_theme
from sentryvibe_tui.settings import Settings
from sentryvibe_tui.tui.display import DisplayOptions
from sentryvibe_tui.tui.notices import Notices


def test_flags_win_over_settings() -> None:
    ours = Settings(theme="nord", ascii=False, animation=True, bell=False, keys={"quit": "Q"})
    notices = Notices(bell=False)
    assert display_options(ours, DisplayOptions()) == DisplayOptions("nord", False, True, {"quit": "Q"}, notices)
    flags = DisplayOptions("sentry-light", ascii_only=True, animation=False)
    assert display_options(ours, flags) == DisplayOptions("sentry-light", True, False, {"quit": "Q"}, notices)


def test_an_unknown_theme_in_a_flag_is_refused_with_a_list() -> None:
    with pytest.raises(UsageProblem, match=r"--theme: there is no theme 'zz'; there are sentry, .*gruvbox"):
        display_options(Settings(), DisplayOptions("zz"))


def test_what_is_wrong_in_the_settings_is_told(capsys) -> None:
    display_options(Settings(theme="zz", keys={"qit": "x"}), DisplayOptions())
    told = capsys.readouterr().err
    assert "theme: there is no theme 'zz'" in told
    assert "no action is called 'qit'; did you mean 'quit'?" in told
    display_options(Settings(theme="zz"), DisplayOptions("nord"))
    assert capsys.readouterr().err == ""


def test_a_theme_that_is_none_is_told_without_a_screen(capsys) -> None:
    tell_wrong_theme(DisplayOptions("nord"))
    assert capsys.readouterr().err == ""
    tell_wrong_theme(DisplayOptions("zz"))
    assert "--theme: there is no theme 'zz'; there are sentry" in capsys.readouterr().err


@pytest.mark.parametrize(("term", "is_one"), [("dumb", False), ("xterm-256color", True)])
def test_a_dumb_terminal_takes_lines(monkeypatch: pytest.MonkeyPatch, term: str, is_one: bool) -> None:
    monkeypatch.setattr("os.isatty", lambda _: True)
    monkeypatch.setenv("TERM", term)
    assert has_terminal() is is_one


@pytest.fixture
def root_logger():
    """As it was, afterwards."""
    root, httpx = logging.getLogger(), logging.getLogger("httpx")
    before, level, quiet = root.handlers[:], root.level, httpx.level
    yield root
    for handler in set(root.handlers) - set(before):
        handler.close()
    root.handlers[:] = before
    root.setLevel(level)
    httpx.setLevel(quiet)


def test_a_log_has_no_line_for_each_request(tmp_path, root_logger):
    """A screen publishes what agents do: thousands an hour."""
    log_to_file(Settings(log_dir=str(tmp_path)))
    logging.getLogger("httpx").info("HTTP Request: POST /api/build-events")
    logging.getLogger("httpx").warning("odd")
    root_logger.info("opened")
    (log,) = tmp_path.iterdir()
    assert [line.split(" ", 2)[2] for line in log.read_text().splitlines()] == ["WARNING httpx odd", "INFO root opened"]
