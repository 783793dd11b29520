"""Makes overview.svg: the demo's three agents in the overview, as a short moving picture.

Run it with `python screenshots/record.py`. The clock is turned by hand, so an unchanged screen gives an unchanged
picture. Each line of the screen is drawn once for every look that it has, and shown by SMIL for as long as it has it.
"""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
import time
from html import escape
from pathlib import Path

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from agents import START, Stage, others
from sentryvibe_tui.tui.overview.app import OverviewApp
from sentryvibe_tui.tui.overview.preferences import PreferencesFile

FOLDER = Path(__file__).parent
SIZE = (110, 28)
CELL = (8.4, 18.0)
FRAME = 0.5
"""Seconds between two looks."""
KEYS: dict[float, tuple[str, ...]] = {27.0: ("exclamation_mark",), 30.0: ("enter",), 35.0: ("escape",)}
FROM, UNTIL, POSTER = 9.0, 42.0, 26.0
"""Which seconds of the demo are shown, and which one where pictures do not move."""
GROUND, INK = "#14161c", "#d3d7e3"

Line = tuple[tuple[str, Style], ...]


async def frames() -> list[list[Line]]:
    stage = Stage(others(START + int(FROM * 1_000)))
    with tempfile.TemporaryDirectory() as folder:
        app = OverviewApp(stage, PreferencesFile(Path(folder, "o.json")), now=lambda: stage.now)
        seen: list[list[Line]] = []
        async with app.run_test(size=SIZE) as pilot:
            second = 0.0
            while second <= UNTIL:
                stage.turn(second)
                await pilot.pause()
                app.overview.tick()
                app.overview.flush()
                await pilot.press(*KEYS.get(second, ()))
                await pilot.pause(0.25 if second in KEYS else 0.02)
                flush = getattr(app.screen, "flush", None)
                if flush is not None:
                    flush()
                    await pilot.pause()
                if second >= FROM:
                    seen.append([_line(strip) for strip in app.screen._compositor.render_strips()])  # pyright: ignore
                second += FRAME
        return seen


def _line(strip: Strip) -> Line:
    return tuple((segment.text, segment.style or Style()) for segment in Segment.simplify(strip))


# --------------------------------------------------------------------------- SVG


def svg(seen: list[list[Line]]) -> str:
    width, height = SIZE[0] * CELL[0], SIZE[1] * CELL[1]
    body = "\n".join(_row(y, [frame[y] for frame in seen]) for y in range(SIZE[1]))
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="-12 -34 {width + 24:.0f} {height + 46:.0f}">
<style>text {{ font: 14px "Fira Code", "DejaVu Sans Mono", Menlo, Consolas, monospace; white-space: pre; fill: {INK}; }}
.b {{ font-weight: bold; }}</style>
<rect x="-12" y="-34" width="{width + 24:.0f}" height="{height + 46:.0f}" rx="8" fill="{GROUND}"/>
<circle cx="4" cy="-18" r="5" fill="#ff5f57"/><circle cx="20" cy="-18" r="5" fill="#febc2e"/>
<circle cx="36" cy="-18" r="5" fill="#28c840"/>
{body}
</svg>
"""


def _row(y: int, looks: list[Line]) -> str:
    """Every look of a line, with the times at which it is shown."""
    shown: dict[Line, list[int]] = {}
    for at, look in enumerate(looks):
        shown.setdefault(look, []).append(at)
    if len(shown) == 1:
        return _drawn(looks[0], y)
    return "\n".join(_group(times, len(looks), _drawn(look, y)) for look, times in shown.items())


def _group(times: list[int], frames: int, drawn: str) -> str:
    """Shown in these frames; where nothing moves the poster stands."""
    values: list[str] = []
    points: list[str] = []
    for at in range(frames):
        value = "inline" if at in times else "none"
        if not values or values[-1] != value:
            values.append(value)
            points.append(f"{at / frames:.4f}")
    poster = int((POSTER - FROM) / FRAME)
    return (
        f'<g display="{"inline" if poster in times else "none"}"><animate attributeName="display" '
        f'calcMode="discrete" dur="{frames * FRAME:.1f}s" repeatCount="indefinite" values="{";".join(values)}" '
        f'keyTimes="{";".join(points)}"/>{drawn}</g>'
    )


def _drawn(line: Line, y: int) -> str:
    parts: list[str] = []
    grounds: list[str] = []
    x = 0
    for text, style in line:
        cells = _cells(text)
        ground, ink = _hex(style.bgcolor, GROUND), _hex(style.color, INK)
        if ground != GROUND:
            grounds.append(
                f'<rect x="{x * CELL[0]:.1f}" y="{y * CELL[1]:.1f}" width="{cells * CELL[0]:.1f}" '
                f'height="{CELL[1]:.1f}" fill="{ground}"/>'
            )
        bold = ' class="b"' if style.bold else ""
        fill = "" if ink == INK else f' style="fill:{ink}"'
        for word in re.finditer(r"\S+(?: \S+)*", text):
            begin, room = x + _cells(text[: word.start()]), _cells(word[0]) * CELL[0]
            at = f'x="{begin * CELL[0]:.1f}" textLength="{room:.1f}"'
            parts.append(f"<tspan {at}{bold}{fill}>{escape(word[0])}</tspan>")
        x += cells
    words = f'<text y="{(y + 0.75) * CELL[1]:.1f}">{"".join(parts)}</text>' if parts else ""
    return "".join(grounds) + words


def _cells(text: str) -> int:
    return Segment.get_line_length([Segment(text)])


def _hex(color: RichColor | None, usual: str) -> str:
    if color is None or color.is_default:
        return usual
    return color.get_truecolor().hex


def main() -> None:
    os.environ["TZ"] = "UTC"
    time.tzset()
    path = FOLDER / "overview.svg"
    path.write_text(svg(asyncio.run(frames())))
    print(path)


if __name__ == "__main__":
    main()
