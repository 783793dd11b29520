"""The theme follows the terminal's background when it is asked to."""

import os
import pty
import threading

import pytest

from sentryvibe_tui.tui.terminal_background import QUERY, background_in, background_of, is_light_background

DARK, LIGHT = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("answer", "background"),
    [
        (b"\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1b[?62;c", LIGHT),
        (b"\x1b]11;rgb:00/00/00\x07", DARK),
        (b"\x1b]11;rgba:0000/0000/0000/ffff\x07", DARK),
        (b"\x1b[?62;c", None),
        (b"", None),
        (b"\x1b]11;rgb:zz/00/00\x07", None),
    ],
)
def test_answers_of_terminals(answer, background) -> None:
    assert background_in(answer) == background


@pytest.mark.parametrize(
    ("background", "environment", "light"),
    [
        (LIGHT, {}, True),
        (DARK, {}, False),
        ((0.99, 0.98, 0.97), {"COLORFGBG": "15;0"}, True),
        ((0.1, 0.1, 0.9), {}, False),
        (None, {"COLORFGBG": "0;15"}, True),
        (None, {"COLORFGBG": "15;0"}, False),
        (None, {"COLORFGBG": "0;default;7"}, True),
        (None, {}, False),
    ],
)
def test_light_or_dark(background, environment, light) -> None:
    assert is_light_background(background, environment) is light


@pytest.mark.parametrize(
    ("answer", "background"), [(b"\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1b[?62;c", LIGHT), (b"\x1b[?1;2c", None)]
)
def test_a_terminal_is_asked_and_its_answer_is_taken_away(answer, background) -> None:
    outside, inside = pty.openpty()

    def reply() -> None:
        asked = b""
        while len(asked) < len(QUERY):
            asked += os.read(outside, 64)
        assert asked == QUERY
        os.write(outside, answer)

    thread = threading.Thread(target=reply)
    thread.start()
    assert background_of(inside, timeout=10) == background
    thread.join()
    os.write(outside, b"x\n")
    assert os.read(inside, 16) == b"x\n"
    for file in (outside, inside):
        os.close(file)


def test_what_is_no_terminal_is_not_asked() -> None:
    read, write = os.pipe()
    assert background_of(read) is None
    os.close(read)
    os.close(write)


@pytest.mark.parametrize(("background", "theme"), [("0;15", "sentry-light"), ("15;0", "sentry")])
async def test_the_screen_takes_the_theme_of_its_background(scene, monkeypatch, background, theme) -> None:
    monkeypatch.setattr("sys.__stdin__", None)
    monkeypatch.setenv("COLORFGBG", background)
    async with scene("running", theme="auto").run_test(size=(80, 24)) as pilot:
        assert pilot.app.theme == theme
