"""What of an agent's output is printed."""

from hypothesis import given
from hypothesis import strategies as st

from sentryvibe_tui.model.events import BuildEvent, TextAdded, ToolStarted
from sentryvibe_tui.sources.run.mirror import Mirror, Stray


def printed(*events: BuildEvent) -> str:
    mirror = Mirror()
    return mirror.words(events) + mirror.last()


def test_notes_are_lines_of_their_own() -> None:
    assert printed(TextAdded("a", "one", whole=True), TextAdded("b", "two\n", whole=True)) == "one\ntwo\n"


def test_pieces_are_printed_as_they_come_and_not_again() -> None:
    mirror = Mirror()
    said = [mirror.words([TextAdded("a", piece)]) for piece in ("He", "llo")]
    assert said == ["He", "llo"]
    assert mirror.words([TextAdded("a", "Hello!", whole=True)]) + mirror.last() == "!\n"


def test_only_words_of_the_agent() -> None:
    thought, asked = TextAdded("r", "hm", "reasoning"), TextAdded("p", "do", "prompt")
    assert printed(thought, asked, ToolStarted("t", "Bash")) == ""


def test_text_is_safe_for_a_terminal() -> None:
    assert printed(TextAdded("a", "x\x1b]52;c;ZQ==\x07y\x1b[2J", whole=True)) == "xy\n"


LINES = st.lists(st.sampled_from([b'{"a":1}', b'  {"b":2}', b"warning", b"", b"  ", b"a {", b"data: {}", b"x\ry"]))


@given(LINES, st.data())
def test_stray_lines_are_found_however_the_output_is_cut(lines: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(line + b"\n" for line in lines)
    stray = Stray()
    found, at = b"", 0
    while at < len(whole):
        size = data.draw(st.integers(1, len(whole) - at))
        found += stray.of(whole[at : at + size])
        at += size
    expected = [line for line in lines if line.strip() and not line.lstrip().startswith((b"{", b"data:"))]
    assert found == b"".join(line + b"\n" for line in expected)
