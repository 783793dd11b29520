"""Every private part of Textual that is touched, each with the public way in its place where a release lacks it.

- `App._display` (app.TerminalApp): what is about to be written goes through `Picture.difference`; a release that names
  it otherwise never calls ours, and writes everything.
- `textual._compositor`: `CompositorUpdate`, `LayoutUpdate.strips/.region`, `ChopsUpdate.chops/.spans/.chop_ends`; an
  update of another shape is written as it is.
- `textual.keys._character_to_key`: a key that it does not know keeps its own name.
- `App._driver`: without one no bell, notice or window title is sent.
- `Driver._file` (hangup): a driver without one is left as it is.
- `Screen._on_timer_update` and what says that it has something to do (`DUE`): a screen without them paints when its 60
  times a second come round.

tests/tui/test_internals.py holds them against the release that is installed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any, cast

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from .lines import cells

if TYPE_CHECKING:
    from textual.app import App
    from textual.driver import Driver
    from textual.screen import Screen

Chop = tuple[int, Strip]
"""Where on its line a strip begins, and the strip."""

Part = tuple[int, list[Chop]]
"""A line, and strips on it."""

PLAIN = "\x1b[0m"

SHORT = 4
"""Cells that are written again sooner than the cursor is moved over them."""


def key_named(character: str) -> str:
    """A character's key as Textual names it: `?` is `question_mark`."""
    try:
        from textual.keys import _character_to_key  # pyright: ignore[reportPrivateUsage]
    except ImportError:
        return character
    return _character_to_key(character)


def driver_of(app: App[Any]) -> Driver | None:
    """What writes to an app's terminal; None before it runs."""
    return getattr(app, "_driver", None)


DUE = ("_layout_required", "_scroll_required", "_repaint_required", "_dirty_widgets")


def paint(screen: Screen[Any]) -> bool:
    """Paints what is due on a screen now, not with its next of 60 times a second; False where nothing is."""
    update = getattr(screen, "_on_timer_update", None)
    if update is None or not any(getattr(screen, name, None) for name in DUE):
        return False
    update()
    return True


class Picture:
    """What a terminal shows now, so that only what differs is written to it. One per terminal, not per screen."""

    def __init__(self) -> None:
        self._lines: dict[int, dict[int, Strip]] = {}

    def forget(self) -> None:
        """The terminal shows something else: another size, another program's output."""
        self._lines.clear()

    def difference(self, update: Any) -> Any:
        """`update` reduced, when it is rendered, to what the terminal does not show yet; others stay as they are."""
        parts = _parts(update)
        return update if parts is None else _reduced()(parts, self)

    def lines(self, parts: Iterable[Part], console: Any) -> str:
        """The sequences that bring the terminal from what it shows to `parts`; what begins in one style is together."""
        runs: defaultdict[Style | None, list[tuple[int, int, list[Segment]]]] = defaultdict(list)
        for y, chops in parts:
            strips = self._lines.setdefault(y, {})
            for x, strip in chops:
                if strips.get(x) is not strip:
                    for begin, run in _runs(_take_out(strips, x, strip.cell_length), strip):
                        runs[run[0].style].append((x + begin, y, run))
                    strips[x] = strip
        writer = _Writer(console)
        for x, y, run in chain.from_iterable(runs.values()):
            writer.segments(x, y, run)
        return writer.end()


class _Writer:
    """Sequences for a terminal; a style is said only where it changes."""

    def __init__(self, console: Any) -> None:
        self._written = list[str]()
        self._system: Any = console._color_system  # rich has no public name for it
        self._style: Style | None = None

    def segments(self, x: int, y: int, segments: Iterable[Segment]) -> None:
        self._written.append(f"\x1b[{y + 1};{x + 1}H")
        for text, style, _ in segments:
            if style is not self._style:
                self._written.append(_change(self._style, style, self._system))
                self._style = style
            self._written.append(text)

    def end(self) -> str:
        """All of it; the terminal is left without a style."""
        return "".join([*self._written, _change(self._style, None, self._system)])


@lru_cache(4096)
def _change(old: Style | None, new: Style | None, system: Any) -> str:
    """What leads from one style to another: where nothing ends, only what is new."""
    before, after = _codes(old, system), _codes(new, system)
    if before == after:
        return ""
    if before[0] != after[0] or any(was and not now for was, now in zip(before, after, strict=True)):
        codes = ";".join(part for part in after if part)
        return (PLAIN if any(before) else "") + (f"\x1b[{codes}m" if codes else "")
    return f"\x1b[{';'.join(now for was, now in zip(before, after, strict=True) if was != now)}m"


def _codes(style: Style | None, system: Any) -> tuple[str, str, str]:
    """A style's attributes, colour and background, each as a terminal is told of it."""
    if style is None or system is None:
        return "", "", ""
    attributes = style.without_color.render("\0", color_system=system).partition("\0")[0]
    colours = (style.color, True), (style.bgcolor, False)
    color, ground = (
        "" if one is None else ";".join(one.downgrade(system).get_ansi_codes(foreground=is_front))
        for one, is_front in colours
    )
    return attributes.removeprefix("\x1b[").removesuffix("m"), color, ground


def _take_out(strips: dict[int, Strip], x: int, width: int) -> list[Segment]:
    """What stood in the cells from `x` on; nothing where that is not known of all of them.

    What strips around them have of other cells stays.
    """
    before = strips.get(x)
    if before is not None and before.cell_length == width:
        return list(strips.pop(x))
    end, reached, parts = x + width, x, list[Segment]()
    for at in sorted(at for at, strip in strips.items() if at < end and at + strip.cell_length > x):
        strip = strips.pop(at)
        beyond = at + strip.cell_length
        if at < x:
            strips[at] = strip.crop(0, x - at)
        if beyond > end:
            strips[end] = strip.crop(end - at, beyond - at)
        parts += strip.crop(max(0, x - at), min(end, beyond) - at) if max(at, x) == reached else []
        reached = min(end, beyond) if max(at, x) == reached else -1
    return parts if reached == end else []


def _runs(old: Iterable[Segment], new: Iterable[Segment]) -> Iterator[tuple[int, list[Segment]]]:
    """Where `new` differs from `old`, counted in cells, and what is there now; short stretches between are in it."""
    before = dict(_starts(old))
    begin, run, equal = 0, list[Segment](), list[Segment]()
    for x, segment in _starts(new):
        if before.get(x) == segment:
            equal.append(segment)
            continue
        if run and sum(cells(one.text) for one in equal) <= SHORT:
            run += equal
        elif run:
            yield begin, run
            run = []
        if not run:
            head, moved = _tail(before[x], segment) if x in before else (segment, 0)
            begin, run = x + moved, [head]
        else:
            run.append(segment)
        equal = []
    if run:
        yield begin, run


def _starts(segments: Iterable[Segment]) -> Iterator[tuple[int, Segment]]:
    """Segments with text, and the cell in which each begins."""
    x = 0
    for segment in segments:
        if segment.text:
            yield x, segment
            x += cells(segment.text)


def _tail(old: Segment, new: Segment) -> tuple[Segment, int]:
    """`new` without what it begins with as `old` does, in the same style, and the cells of that."""
    if old.style != new.style or not (old.text.isascii() and new.text.isascii()):
        return new, 0
    same = 0
    for old_character, new_character in zip(old.text, new.text, strict=False):
        if old_character != new_character:
            break
        same += 1
    return (Segment(new.text[same:], new.style), same) if 0 < same < len(new.text) else (new, 0)


def _parts(update: Any) -> list[Part] | None:
    """The strips of an update of Textual's compositor, by line; None for what is none that we know."""
    try:
        from textual._compositor import ChopsUpdate, LayoutUpdate
    except ImportError:
        return None
    try:
        if isinstance(update, LayoutUpdate):
            left, top = update.region.x, update.region.y
            return [(y, list(_placed(line, left))) for y, line in enumerate(update.strips, top)]
        if isinstance(update, ChopsUpdate):
            return list(_touched(update))
    except (AttributeError, TypeError, ValueError):
        return None
    return None


def _placed(strips: Iterable[Strip], x: int) -> Iterator[Chop]:
    for strip in strips:
        yield x, strip
        x += strip.cell_length


def _touched(update: Any) -> Iterator[Part]:
    """Of each span the strips that it touches, as ChopsUpdate.render_segments chooses them."""
    for y, begin, end in update.spans:
        line = cast("dict[int, Strip | None]", update.chops[y])
        chops = [
            (x, strip)
            for stop, (x, strip) in zip(update.chop_ends[y], line.items(), strict=False)
            if strip is not None and x <= end and stop > begin
        ]
        yield y, chops


@cache
def _reduced() -> type[Any]:
    from textual._compositor import CompositorUpdate

    class Reduced(CompositorUpdate):
        """An update of which only the difference is written."""

        def __init__(self, parts: list[Part], picture: Picture) -> None:
            self.parts, self.picture = parts, picture

        def render_segments(self, console: Any) -> str:
            return self.picture.lines(self.parts, console)

    return Reduced
