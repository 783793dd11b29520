"""The theme follows the terminal's ground when it is asked to."""

import os
import pty
import threading

import pytest

from sentryvibe_tui.tui.ground import QUESTION, ground_in, ground_of, is_light

DARK, LIGHT = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("answer", "ground"),
    [
        (b"\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1b[?62;c", LIGHT),
        (b"\x1b]11;rgb:00/00/00\x07", DARK),
        (b"\x1b]11;rgba:0000/0000/0000/ffff\x07", DARK),
        (b"\x1b[?62;c", None),
        (b"", None),
        (b"\x1b]11;rgb:zz/00/00\x07", None),
    ],
)
def test_answers_of_terminals(answer, ground) -> None:
    assert ground_in(answer) == ground


@pytest.mark.parametrize(
    ("ground", "environment", "light"),
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
def test_light_or_dark(ground, environment, light) -> None:
    assert is_light(ground, environment) is light


@pytest.mark.parametrize(
    ("answer", "ground"), [(b"\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1b[?62;c", LIGHT), (b"\x1b[?1;2c", None)]
)
def test_a_terminal_is_asked_and_its_answer_is_taken_away(answer, ground) -> None:
    outside, inside = pty.openpty()

    def reply() -> None:
        asked = b""
        while len(asked) < len(QUESTION):
            asked += os.read(outside, 64)
        assert asked == QUESTION
        os.write(outside, answer)

    thread = threading.Thread(target=reply)
    thread.start()
    assert ground_of(inside, patience=10) == ground
    thread.join()
    os.write(outside, b"x\n")
    assert os.read(inside, 16) == b"x\n"
    for file in (outside, inside):
        os.close(file)


def test_what_is_no_terminal_is_not_asked() -> None:
    read, write = os.pipe()
    assert ground_of(read) is None
    os.close(read)
    os.close(write)


@pytest.mark.parametrize(("ground", "theme"), [("0;15", "sentry-light"), ("15;0", "sentry")])
async def test_the_screen_takes_the_theme_of_its_ground(scene, monkeypatch, ground, theme) -> None:
    monkeypatch.setattr("sys.__stdin__", None)
    monkeypatch.setenv("COLORFGBG", ground)
    async with scene("running", theme="auto").run_test(size=(80, 24)) as pilot:
        assert pilot.app.theme == theme
