"""What of Textual is private and touched is there in the release that is installed, and does what is expected of it."""

import asyncio
import random
import re

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.app import App
from textual.drivers.headless_driver import HeadlessDriver
from textual.geometry import Region
from textual.screen import Screen
from textual.strip import Strip

from sentryvibe_tui.tui import internals
from sentryvibe_tui.tui.internals import Picture, driver_of, key_named

from ..patience import PATIENCE

SIZE = (120, 36)


class Terminal(HeadlessDriver):
    """A terminal that keeps what it shows: a character and its style for each cell."""

    is_headless = False
    written = ""

    def write(self, data: str) -> None:
        Terminal.written += data


Look = tuple[frozenset[str], str, str]
"""Attributes, colour and background."""


def look_after(look: Look, code: str) -> Look:
    """What a terminal writes with once it was told an SGR code."""
    attributes, color, ground = look
    parts = code.split(";") if code else ["0"]
    while parts:
        number, rest = parts[0], parts[1:]
        taken = 1
        if number in ("38", "48"):
            taken = 5 if rest[0] == "2" else 3
            value = ";".join(parts[1:taken])
            color, ground = (value, ground) if number == "38" else (color, value)
        elif number == "0":
            attributes, color, ground = frozenset(), "", ""
        elif len(number) == 1:
            attributes |= {number}
        elif number[:-1] in ("3", "9"):
            color = number
        else:
            ground = number
        parts = parts[taken:]
    return attributes, color, ground


class Cells:
    """A terminal's cells, from the sequences that were written to it."""

    def __init__(self) -> None:
        self.cells: dict[tuple[int, int], tuple[str, Look]] = {}
        self._x = self._y = 0
        self._look: Look = frozenset(), "", ""

    def take(self, written: str) -> None:
        for code, final, text in re.findall(r"\x1b\[([^A-Za-z]*)([A-Za-z])|([^\x1b]+)", written):
            if final == "H":
                row, _, column = code.partition(";")
                self._y, self._x = int(row or 1) - 1, int(column or 1) - 1
            elif final == "m":
                self._look = look_after(self._look, code)
            for character in text.replace("\n", ""):
                self.cells[self._x, self._y] = (character, self._look)
                self._x += cell_len(character)


def expected(screen, width: int, height: int) -> Cells:
    """What Textual itself would write of everything."""
    cells, console = Cells(), screen.app.console
    for y, strip in enumerate(screen._compositor.render_strips()[:height]):
        cells.take(f"\x1b[{y + 1};1H{strip.render(console)}")
    return cells


@pytest.fixture
def taken(monkeypatch):
    """An app whose output a terminal takes."""
    monkeypatch.setattr("sys.__stdin__", None)
    Terminal.written = ""

    def taking(app):
        app.driver_class = Terminal
        return app

    return taking


KEYS = ("1", "2", "3", "4", "5", "6", "z", "k", "g", "G", "e", "f", "escape", "tab", "question_mark", "v", "w", "slash")


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", ["running", "wide-characters", "no-todos"])
async def test_the_terminal_shows_what_it_should_whatever_was_pressed(scene, taken, name, seed) -> None:
    chance, app = random.Random(seed), taken(scene(name))
    async with app.run_test(size=SIZE, headless=False) as pilot:
        cells = Cells()
        for _ in range(12):
            key = chance.choice(KEYS)
            await pilot.press(*((key, "enter", "enter") if key == "slash" else (key,)))
            await pilot.pause(0.05)
            app.watch_screen.flush()
            await pilot.pause(0.05)
        if chance.random() < 0.5:
            await pilot.resize_terminal(100, 30)
            await pilot.pause(0.1)
        cells.take(Terminal.written)
        width, height = app.size
        should = expected(app.screen, width, height).cells
        differing = {at: (cells.cells.get(at), cell) for at, cell in should.items() if cells.cells.get(at) != cell}
        assert differing == {}


async def test_a_click_writes_what_changed_not_the_screen(scene, taken) -> None:
    app = taken(scene("running"))
    async with app.run_test(size=SIZE, headless=False) as pilot:
        screen = app.watch_screen
        await pilot.pause(0.1)
        screen.flush()
        for act in (
            lambda: pilot.click(screen.panes.todos, offset=(20, 6)),
            lambda: pilot.click(screen.panes.todos, offset=(20, 9)),
            lambda: pilot.press("2"),
        ):
            await pilot.pause(0.1)
            Terminal.written = ""
            await act()
            await pilot.pause(0.1)
            assert 0 < len(Terminal.written.encode()) <= 6_000


def strips(*texts: str, style: str = "") -> list[Strip]:
    return [Strip([Segment(text, Style.parse(style))]) for text in texts]


def rendered(update) -> str:
    return update.render_segments(Console(color_system="truecolor", force_terminal=True))


def test_only_the_difference_of_a_line_is_written() -> None:
    picture, region = Picture(), Region(0, 0, 10, 2)
    first = LayoutUpdate([strips("one       "), strips("two       ")], region)
    assert rendered(picture.difference(first)) == "\x1b[1;1Hone       \x1b[2;1Htwo       "
    second = LayoutUpdate([strips("one       "), strips("twa       ")], region)
    assert rendered(picture.difference(second)) == "\x1b[2;3Ha       "
    assert rendered(picture.difference(LayoutUpdate([strips("one       "), strips("twa       ")], region))) == ""
    picture.forget()
    assert len(rendered(picture.difference(second))) > 20


def test_spans_are_drawn_where_they_are_and_cover_what_was_there() -> None:
    picture = Picture()
    rendered(picture.difference(LayoutUpdate([strips("abcde", "fghij")], Region(0, 0, 10, 1))))
    (part,) = strips("FGHIJ")
    update = ChopsUpdate([{0: None, 5: part}], [(0, 5, 10)], [[5, 10]])
    assert rendered(picture.difference(update)) == "\x1b[1;6HFGHIJ"
    (over,) = strips("xyz")
    assert rendered(picture.difference(ChopsUpdate([{4: over}], [(0, 4, 7)], [[7]]))) == "\x1b[1;5Hxyz"
    again = picture.difference(LayoutUpdate([strips("abcde", "FGHIJ")], Region(0, 0, 10, 1)))
    assert rendered(again) == "\x1b[1;5He\x1b[1;6HFGHIJ"


def test_a_style_is_said_where_it_changes_and_left_at_the_end() -> None:
    picture = Picture()
    update = LayoutUpdate([strips("a", style="bold"), strips("b", style="bold"), strips("c")], Region(0, 0, 1, 3))
    assert rendered(picture.difference(update)) == "\x1b[1;1H\x1b[1ma\x1b[2;1Hb\x1b[3;1H\x1b[0mc"


def test_of_a_style_only_what_is_new_is_said() -> None:
    picture = Picture()
    first = strips("a", style="bold #010203 on #040506") + strips("b", style="bold #0a0b0c on #040506")
    last = strips("c", style="#0a0b0c on #070809") + strips("d", style="#0a0b0c")
    update = LayoutUpdate([first + last], Region(0, 0, 4, 1))
    assert rendered(picture.difference(update)) == (
        "\x1b[1;1H\x1b[1;38;2;1;2;3;48;2;4;5;6ma\x1b[1;2H\x1b[38;2;10;11;12mb"
        "\x1b[1;3H\x1b[0m\x1b[38;2;10;11;12;48;2;7;8;9mc\x1b[1;4H\x1b[0m\x1b[38;2;10;11;12md\x1b[0m"
    )


def test_between_two_changes_what_stays_is_passed_over() -> None:
    picture, region = Picture(), Region(0, 0, 22, 1)

    def framed(edge: str, text: str) -> LayoutUpdate:
        return LayoutUpdate([[Strip([Segment(edge), Segment(text), Segment(edge)])]], region)

    rendered(picture.difference(framed("|", "what stays in between")))
    assert rendered(picture.difference(framed("I", "what stays in between"))) == "\x1b[1;1HI\x1b[1;23HI"
    rendered(picture.difference(framed("|", "two")))
    assert rendered(picture.difference(framed("I", "two"))) == "\x1b[1;1HItwoI"


def test_a_line_that_is_parted_otherwise_is_compared_all_the_same() -> None:
    picture, region = Picture(), Region(0, 0, 10, 1)
    rendered(picture.difference(LayoutUpdate([strips("abcdefgh", "i", "j")], region)))
    assert rendered(picture.difference(LayoutUpdate([strips("abcdefghij")], region))) == "\x1b[1;9Hij"
    whole = Strip.join(strips("abcdefgh", "i", "j"))
    rendered(picture.difference(LayoutUpdate([[whole]], region)))
    assert rendered(picture.difference(LayoutUpdate([strips("abcdefgh", "i", "j")], region))) == ""
    assert rendered(picture.difference(LayoutUpdate([[whole]], region))) == ""


class Cut:
    """Text of a terminal that is one line high, and what a picture says of it."""

    def __init__(self, width: int) -> None:
        self.picture, self.cells, self.width = Picture(), Cells(), width

    def draw(self, x: int, strip: Strip) -> None:
        end = x + strip.cell_length
        self.cells.take(rendered(self.picture.difference(ChopsUpdate([{x: strip}], [(0, x, end)], [[end]]))))


@pytest.mark.parametrize("seed", range(20))
def test_strips_that_cover_each_other_in_any_way_are_drawn_right(seed) -> None:
    chance, line = random.Random(seed), Cut(30)
    expect = Cells()
    for _ in range(60):
        x = chance.randrange(28)
        width = chance.randrange(1, 31 - x)
        text = "".join(chance.choice("ab") for _ in range(width))
        at = chance.randrange(width)
        strip = Strip([Segment(text[:at], Style.parse(chance.choice(["", "bold"]))), Segment(text[at:])], width)
        line.draw(x, strip)
        expect.take(f"\x1b[1;{x + 1}H{strip.render(Console(color_system='truecolor', force_terminal=True))}")
        assert {at: cell[0] for at, cell in line.cells.cells.items()} == {
            at: cell[0] for at, cell in expect.cells.items()
        }
        assert line.cells.cells == expect.cells


async def test_what_a_key_did_is_painted_without_waiting_for_the_next_frame(scene, monkeypatch, taken) -> None:
    app = taken(scene("running"))
    async with app.run_test(size=SIZE, headless=False) as pilot:
        await pilot.pause(0.1)
        screen = app.watch_screen
        await pilot.press("2")
        await pilot.pause(0.1)
        monkeypatch.setattr(screen._update_timer, "resume", lambda: None)
        Terminal.written = ""
        cursor = screen.panes.stream.cursor
        app.post_message(events.Key("k", "k"))
        async with asyncio.timeout(PATIENCE):
            while screen.panes.stream.cursor == cursor or not Terminal.written:  # noqa: ASYNC110
                await asyncio.sleep(0)


async def test_a_screen_that_says_nothing_of_what_is_due_paints_by_itself() -> None:
    class Other:
        _dirty_widgets = {"one"}

    assert not internals.paint(Other())
    app = App()
    async with app.run_test():
        app.screen.refresh()
        assert internals.paint(app.screen)
        assert not internals.paint(app.screen)


def test_what_is_no_update_that_we_know_is_written_as_it_is(monkeypatch) -> None:
    class Other(CompositorUpdate):
        pass

    other = Other()
    assert Picture().difference(other) is other
    assert Picture().difference(None) is None
    known = LayoutUpdate([strips("a")], Region(0, 0, 1, 1))
    del known.strips
    assert Picture().difference(known) is known
    monkeypatch.delattr("textual._compositor.ChopsUpdate")
    assert Picture().difference(known) is known


def test_the_installed_release_has_what_is_touched() -> None:
    assert callable(App._display)
    assert callable(Screen._on_timer_update)
    assert all(hasattr(Screen(), name) for name in internals.DUE)
    assert issubclass(LayoutUpdate, CompositorUpdate)
    assert issubclass(ChopsUpdate, CompositorUpdate)
    update = ChopsUpdate([{0: None}], [(0, 0, 1)], [[1]])
    assert (update.chops, update.spans, update.chop_ends) == ([{0: None}], [(0, 0, 1)], [[1]])
    assert key_named("?") == "question_mark"
    assert "App._display" in (internals.__doc__ or "")


async def test_an_app_has_a_driver_and_one_of_a_release_without_says_so() -> None:
    app = App()
    assert driver_of(app) is None
    async with app.run_test():
        assert isinstance(driver_of(app), HeadlessDriver)
    del app._driver
    assert driver_of(app) is None
