"""What hooks told in vain is kept within bounds, the beginning of each session first."""

from __future__ import annotations

import pytest

from sentryvibe_tui.model.events import About, BuildStarted, TextAdded
from sentryvibe_tui.server.owed import SESSION_BYTES, SESSIONS, Backlog
from sentryvibe_tui.wire.envelope import EventEnvelope

ABOUT = About("p", "s", "s")


def test_it_is_taken_once_and_has_the_time_at_which_it_was_told() -> None:
    owed = Backlog()
    owed.put("s", [EventEnvelope(ABOUT, BuildStarted()), EventEnvelope(ABOUT, BuildStarted(), at=7)], 5)
    assert [posted.at for posted in owed.take("s")] == [5, 7]
    assert owed.take("s") == []


def test_too_much_of_a_session_is_told_and_its_beginning_stays(caplog: pytest.LogCaptureFixture) -> None:
    owed = Backlog()
    owed.put("s", [EventEnvelope(ABOUT, TextAdded(f"t{number}", "x" * 3000)) for number in range(100)], 5)
    kept = owed.take("s")
    assert [posted.event.id for posted in kept if isinstance(posted.event, TextAdded)][:2] == ["t0", "t1"]
    assert 10 < len(kept) < SESSION_BYTES / 3000
    assert f"{100 - len(kept)} events of hooks of session s are lost" in caplog.text


def test_the_sessions_refused_last_stay(caplog: pytest.LogCaptureFixture) -> None:
    owed = Backlog()
    for number in range(SESSIONS + 1):
        owed.put(str(number), [EventEnvelope(ABOUT, BuildStarted())], 5)
    assert owed.take("0") == []
    assert len(owed.take(str(SESSIONS))) == 1
    assert "session 0 are lost" in caplog.text
