"""What an agent says never becomes markup, never reaches the terminal as a control, never crashes the screen."""

import pytest

DANGEROUS = {chr(code) for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) != "\n"} | set("\u2028\u202e\u2066")


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 50)])
@pytest.mark.parametrize(
    "keys",
    [
        (),
        ("2", "G"),
        ("E", "enter"),
        ("1", "G"),
        ("slash", "x", "enter"),
        ("2", "v", "w", "g"),
        ("T", "M", "w"),
        ("2", "g", "c"),
    ],
    ids=str,
)
async def test_nothing_dangerous_is_painted(scene, size, keys) -> None:
    app = scene("hostile")
    async with app.run_test(size=size) as pilot:
        for key in ("", *keys):
            if key:
                await pilot.press(key)
            await pilot.pause(0.05)
            app.watch_screen.flush()
            await pilot.pause()
        text = "".join(
            segment.text
            for widget in app.screen.walk_children()
            for strip in widget.render_lines(widget.size.region)
            for segment in strip
        )
        assert DANGEROUS & set(text) == set()
        assert "[@click=app.quit]x[/]" in text
        assert app.is_running


async def test_the_palette_survives_hostile_builds(scene) -> None:
    app = scene("hostile")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+p")
        await pilot.pause(0.2)
        await pilot.press("[", "/", "x", "]")
        await pilot.pause(0.2)
        await pilot.press("escape")
        assert app.is_running
