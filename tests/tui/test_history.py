"""When the list of builds and an older build on screen are read again."""

from types import SimpleNamespace
from typing import Any

from sentryvibe_tui.tui.build.history import History, HistoryPace


def test_an_older_build_that_runs_is_read_again_at_the_pace_that_is_handed_in() -> None:
    starts: list[str] = []
    host: Any = SimpleNamespace(start=lambda work, name: starts.append(name))
    builds: Any = SimpleNamespace(display=False, summaries=(), tick=lambda: None)
    build = SimpleNamespace(id="b", is_active=True)
    view: Any = SimpleNamespace(pinned=build, state=build, live=SimpleNamespace(id=""), link=None)
    history = History(None, view, SimpleNamespace(builds=builds), host, HistoryPace(pinned=2))  # type: ignore[arg-type]
    for second in range(6):
        history.tick(second)
    assert starts == ["look"] * 3
    build.is_active = False
    history.tick(6)
    assert starts == ["look"] * 3
