"""Every private part of Textual that is touched, each with the public way in its place where a release lacks it.

- `App._display` (app.TerminalApp): what is about to be written goes through `Picture.difference`; a release that names
  it otherwise never calls ours, and writes everything.
- `textual._compositor`: `CompositorUpdate`, `LayoutUpdate.strips/.region`, `ChopsUpdate.chops/.spans/.chop_ends`; an
  update of another shape is written as it is.
- `textual.keys._character_to_key`: a key that it does not know keeps its own name.
- `App._driver`: without one no bell, notice or window title is sent.
- `Driver._file` (hangup): a driver without one is left as it is.

tests/tui/test_internals.py holds them against the release that is installed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, cast

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from .lines import cells

if TYPE_CHECKING:
    from textual.app import App
    from textual.driver import Driver

Chop = tuple[int, Strip]
"""Where on its line a strip begins, and the strip."""

Part = tuple[int, list[Chop], bool]
"""A line, strips on it, and whether these are all of it."""

PLAIN = "\x1b[0m"


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
        """The sequences that bring the terminal from what it shows to `parts`."""
        writer = _Writer(console)
        for y, chops, is_entire in parts:
            strips = self._lines.setdefault(y, {})
            if is_entire and strips.keys() != {x for x, _ in chops}:
                strips.clear()
            for x, strip in chops:
                before = strips.get(x)
                if before is not strip:
                    _write_between(writer, before, strip, x, y)
                    _put(strips, x, strip)
        return writer.end()


class _Writer:
    """Sequences for a terminal; a style is said only where it changes."""

    def __init__(self, console: Any) -> None:
        self._written = list[str]()
        self._system: Any = console._color_system  # rich has no public name for it
        self._style = ""

    def segments(self, x: int, y: int, segments: Iterable[Segment]) -> None:
        self._written.append(f"\x1b[{y + 1};{x + 1}H")
        for text, style, _ in segments:
            codes = "" if style is None else _codes(style, self._system)
            if codes != self._style:
                self._written.append(f"{PLAIN}{codes}" if self._style else codes)
                self._style = codes
            self._written.append(text)

    def end(self) -> str:
        """All of it; the terminal is left without a style."""
        return "".join([*self._written, PLAIN] if self._style else self._written)


@lru_cache(4096)
def _codes(style: Style, system: Any) -> str:
    """What says a style before a text."""
    return style.render("\0", color_system=system).partition("\0")[0]


def _put(strips: dict[int, Strip], x: int, strip: Strip) -> None:
    """What it covers of other strips is theirs no more."""
    end = x + strip.cell_length
    if x not in strips or strips[x].cell_length != strip.cell_length:
        for other in [at for at, old in strips.items() if at < end and at + old.cell_length > x]:
            del strips[other]
    strips[x] = strip


def _write_between(writer: _Writer, before: Strip | None, strip: Strip, x: int, y: int) -> None:
    """The segments of `strip` that differ from what stood there before."""
    new = [segment for segment in strip if segment.text]
    old = (
        []
        if before is None or before.cell_length != strip.cell_length
        else [segment for segment in before if segment.text]
    )
    first = 0
    while first < min(len(new), len(old)) and new[first] == old[first]:
        x += cells(new[first].text)
        first += 1
    last, last_old = len(new), len(old)
    while last > first and last_old > first and new[last - 1] == old[last_old - 1]:
        last, last_old = last - 1, last_old - 1
    if first < last:
        head, moved = _tail(old[first], new[first]) if first < last_old else (new[first], 0)
        writer.segments(x + moved, y, [head, *new[first + 1 : last]])


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
            return [(y, list(_placed(line, left)), True) for y, line in enumerate(update.strips, top)]
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
        yield y, chops, False


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
