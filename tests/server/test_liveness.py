from sentryvibe_tui.model.facts import BuildEnded
from sentryvibe_tui.model.summary import BuildSummary
from sentryvibe_tui.server.liveness import WITNESS_ROUNDS, Liveness
from sentryvibe_tui.store.contract import BuildHead, BuildKey, Commit

KEY = BuildKey("p", "s", "b")


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def commit(active: bool = True) -> Commit:
    return Commit(BuildHead(KEY, 1, 1, active), (), BuildSummary("p", "s", "b"), b"{}")


def test_silence_counts_from_the_last_sign_and_not_from_the_start() -> None:
    clock = Clock()
    liveness = Liveness(clock, lambda: 7)
    liveness.committed([commit()])
    clock.now = 1_090
    liveness.committed([commit()])
    clock.now = 1_180
    assert liveness.silent(100) == ()
    assert liveness.heartbeat(KEY, 4) is True
    clock.now = 1_270
    assert liveness.silent(100) == ()
    clock.now = 1_281
    (lost,) = liveness.silent(100)
    assert (lost.about.build_id, lost.about.session_id, lost.about.project_id) == ("b", "s", "p")
    assert isinstance(lost.event, BuildEnded)
    assert lost.event.outcome == "interrupted"


def test_an_ended_build_is_no_longer_waited_for() -> None:
    clock = Clock()
    liveness = Liveness(clock, lambda: 7)
    liveness.committed([commit()])
    liveness.committed([commit(active=False)])
    clock.now = 1e9
    assert liveness.silent(100) == ()
    assert liveness.heartbeat(KEY, 0) is False
    assert liveness.sign(KEY) is None


def test_watchers_are_told_when_the_agent_was_heard_and_what_waits_with_it() -> None:
    liveness = Liveness(Clock(), lambda: 7)
    liveness.expect([KEY])
    sign = liveness.sign(KEY)
    assert sign is not None
    assert (sign.last_event_at, sign.outbox) == (None, 0)
    liveness.committed([commit()])
    liveness.heartbeat(KEY, 3)
    sign = liveness.sign(KEY)
    assert sign is not None
    assert (sign.last_event_at, sign.outbox) == (7, 3)


def test_a_witness_is_believed_against_silence_but_not_for_ever() -> None:
    clock = Clock()
    liveness = Liveness(clock, lambda: 7)
    liveness.committed([commit()])
    sources = list[str]()
    for _ in range(WITNESS_ROUNDS + 1):
        clock.now += 101
        (end,) = ends = liveness.silent(100)
        assert isinstance(end.event, BuildEnded)
        sources.append(end.event.source)
        liveness.end_posted(ends)
        assert liveness.silent(100) == ()
    assert sources == ["silence"] * WITNESS_ROUNDS + [""]
