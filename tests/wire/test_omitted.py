"""What is left out on the wire does not depend on which of two equal texts a value is."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import msgspec
import pytest
from msgspec import Raw, Struct
from msgspec.structs import fields, replace

from sentryvibe_tui import wire
from sentryvibe_tui.model.events import About, TextAdded
from sentryvibe_tui.model.facts import Noticed
from sentryvibe_tui.model.reducer import reduce
from sentryvibe_tui.model.state import BuildState, Level, NoteKind
from sentryvibe_tui.wire.state import decode_state, encode_state
from sentryvibe_tui.wire.updates import encode_entry


def kinds(base: type[Struct]) -> Iterator[type[Struct]]:
    for kind in base.__subclasses__():
        yield kind
        yield from kinds(kind)


def test_every_default_that_is_left_out_exists_once() -> None:
    for module in pkgutil.iter_modules(wire.__path__, f"{wire.__name__}."):
        importlib.import_module(module.name)
    shapes = [kind for kind in kinds(Struct) if kind.__struct_config__.omit_defaults]
    assert len(shapes) > 10
    for shape in shapes:
        for field in fields(shape):
            single = field.default in (None, "", 0, 1, msgspec.NODEFAULT) or isinstance(field.default, Raw)
            assert single, f"{shape.__name__}.{field.name} = {field.default!r}"


def copied(text: str) -> str:
    """Another text of the same words, as one that came from outside is."""
    return "".join(list(text))


@pytest.mark.parametrize("level", ["info", "warning", "error"])
def test_a_notice_is_written_in_one_way(level: Level) -> None:
    texts: set[bytes] = set()
    for said in (level, copied(level)):
        state, entry = reduce(BuildState(), Noticed("words", said), 1_000, About("p", "s", "b"))  # type: ignore[arg-type]
        assert entry is not None
        (note,) = state.notes()
        state = replace(state, timeline=state.timeline.set(0, replace(note, kind=copied(note.kind), level=said)))  # type: ignore[arg-type]
        texts.add(b"".join((encode_state(state), *encode_entry(entry))))
        assert encode_state(decode_state(encode_state(state))) == encode_state(state)
    assert len(texts) == 1


@pytest.mark.parametrize("kind", ["text", "reasoning", "prompt"])
def test_a_text_is_written_in_one_way(kind: NoteKind) -> None:
    written = set[bytes]()
    for said in (kind, copied(kind)):
        state, entry = reduce(BuildState(), TextAdded("t", "words", said), 1_000, About("p", "s", "b"))  # type: ignore[arg-type]
        assert entry is not None
        written.add(b"".join((encode_state(state), *encode_entry(entry))))
    assert len(written) == 1
