"""The files pane: what was changed, by how many lines, and how."""

import pytest

from sentryvibe_tui.model.events import BuildStarted
from sentryvibe_tui.tui.lines import line_text


async def settled(pilot):
    await pilot.pause(0.05)
    pilot.app.watch_screen.flush()
    await pilot.pause()
    return pilot.app.watch_screen


def text_of(pane) -> list[str]:
    return [" ".join(line_text(pane.lines_of(row, pane.row_width)[0]).split()) for row in range(len(pane.heights))]


def edits(story):
    build = story().plan(0, ("a",))
    build.call("Write", {"file_path": "/home/dev/todo-app/cart.py", "content": "a\nb\n"})
    build.call("Edit", {"file_path": "shop.py", "old_string": "old line", "new_string": "new line"})
    build.call("Edit", {"file_path": "broken.py", "old_string": "x", "new_string": "y"}, "no", 1, True)
    build.call("Edit", {"file_path": "cart.py", "old_string": "b", "new_string": "c\nd"})
    return build


@pytest.mark.parametrize("size", [(60, 12), (80, 24), (120, 36), (200, 50)])
async def test_files_with_their_lines_and_enter_shows_the_differences(app_on, story, size) -> None:
    async with app_on(edits(story).state).run_test(size=size) as pilot:
        screen = await settled(pilot)
        await pilot.press("D")
        await settled(pilot)
        assert pilot.app.focused is screen.panes.files
        assert [row.split()[:-1] for row in text_of(screen.panes.files)] == [
            ["cart.py", "2×", "+4", "-1"],
            ["shop.py", "+1", "-1"],
        ]
        await pilot.press("j", "enter")
        await settled(pilot)
        assert pilot.app.focused is screen.panes.inspector
        assert text_of(screen.panes.inspector)[-2:] == ["- old line", "+ new line"]
        await pilot.press("escape")
        await settled(pilot)
        assert pilot.app.focused is screen.panes.files


async def test_a_change_that_comes_is_on_top(app_on, story) -> None:
    build = edits(story)
    async with app_on(build.state).run_test(size=(120, 36)) as pilot:
        screen = await settled(pilot)
        await pilot.press("7", "j")
        build.happened.clear()
        build.call("Edit", {"file_path": "new.py", "old_string": "x", "new_string": "y"})
        screen.presenter.watching.say(*build.happened)
        await settled(pilot)
        screen.panes.files.tick()
        assert [row.split()[0] for row in text_of(screen.panes.files)] == ["new.py", "cart.py", "shop.py"]
        assert screen.panes.files.chosen.path == "shop.py", "the cursor stays on its file"


async def test_without_a_change_the_key_says_so(app_on, story) -> None:
    async with app_on(story().tell(BuildStarted()).text("hello").state).run_test(size=(80, 24)) as pilot:
        screen = await settled(pilot)
        await pilot.press("D")
        await settled(pilot)
        assert screen.chrome.keys.message == "no file was changed yet"


async def test_hostile_paths_are_shown_safely(app_on, story, hostile) -> None:
    build = story().plan(0, ("a",))
    build.call("Edit", {"file_path": hostile, "old_string": hostile, "new_string": "y"})
    async with app_on(build.state).run_test(size=(120, 36)) as pilot:
        screen = await settled(pilot)
        await pilot.press("D", "enter")
        await settled(pilot)
        assert "\x1b" not in "".join(text_of(screen.panes.inspector))
