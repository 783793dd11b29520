"""A build that repairs what an earlier one left broken says what it is about, and which attempt it is."""

import pytest

from sentryvibe_tui.model.events import BuildStarted
from sentryvibe_tui.model.facts import AutoFixReported
from sentryvibe_tui.model.notes import autofix_words
from sentryvibe_tui.model.state import AutoFix
from sentryvibe_tui.wire.state import decode_state, encode_state

FIX = AutoFix("Cannot find module 'astro'", 2, 3)


def test_the_error_and_the_attempt_are_kept_and_stand_in_the_timeline(fold) -> None:
    state, log = fold([BuildStarted(), AutoFixReported(FIX), AutoFixReported(FIX)])
    assert state.autofix == FIX
    assert [(note.level, note.text) for note in state.notes()] == [
        ("warning", "auto-fix, attempt 2 of 3: Cannot find module 'astro'")
    ]
    assert len(log) == 2
    assert decode_state(encode_state(state)) == state


@pytest.mark.parametrize(
    ("fix", "words"),
    [
        (AutoFix(), "auto-fix"),
        (AutoFix("boom"), "auto-fix: boom"),
        (AutoFix("boom", 1), "auto-fix, attempt 1: boom"),
        (AutoFix("", 3, 3), "auto-fix, attempt 3 of 3"),
    ],
)
def test_words(fix: AutoFix, words: str) -> None:
    assert autofix_words(fix) == words


def test_an_originals_session_says_whether_it_repairs() -> None:
    assert decode_state(b'{"id":"b","isAutoFix":true,"autoFixError":"boom"}').autofix == AutoFix("boom")
    assert decode_state(b'{"id":"b","isAutoFix":false,"autoFixError":null}').autofix is None
