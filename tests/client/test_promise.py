"""Whatever is dropped, repeated, reordered or cut: in the end a watcher has exactly the fold of the log."""

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from sentryvibe_tui.client.link import Open
from sentryvibe_tui.client.reconnect import CloseLink, SendFrame
from sentryvibe_tui.client.watching import Changed, Snapshot
from sentryvibe_tui.wire.frames import Connected, Frame, GetState, Recovery, decode_asked
from sentryvibe_tui.wire.state import encode_state


class Server:
    """The log of a project's builds, and one connection's frames on their way to the watcher."""

    def __init__(self, builds) -> None:
        self.builds, self.epoch = builds, "e1"
        self.shown = {build.about.build_id: 0 for build in builds}
        self.wire: list[Frame] = []
        self.is_open = False

    @property
    def newest(self):
        begun = [build for build in self.builds if self.shown[build.about.build_id]]
        return begun[-1] if begun else None

    def commit(self, number: int, count: int) -> None:
        build = self.builds[number]
        since = self.shown[build.about.build_id]
        until = min(since + count, len(build.log))
        self.shown[build.about.build_id] = until
        if self.is_open and until > since:
            self.wire.append(build.batch(since, until))

    def start(self, since: int, epoch: str, build_id: str) -> None:
        """What the server sends to a watcher that has `since` of `build_id`."""
        asked = next((build for build in self.builds if build.about.build_id == build_id), None)
        newest = self.newest
        if newest is None:
            self.wire.append(Recovery(None, epoch=self.epoch))
            return
        if asked is not None and epoch == self.epoch and 0 < since <= self.shown[build_id]:
            self.wire.append(asked.batch(since, self.shown[build_id]))
        else:
            asked = None
        if asked is not newest:
            self.wire.append(newest.recovery(self.epoch, self.shown[newest.about.build_id]))
        self.mark()

    def mark(self) -> None:
        if (newest := self.newest) is not None and self.is_open:
            others = {build_id: version for build_id, version in self.shown.items() if version}
            del others[newest.about.build_id]
            self.wire.append(replace(newest.mark(self.epoch, self.shown[newest.about.build_id]), others=others))

    def restore(self, kept: int, seen: bool) -> None:
        """The database is another one, with the same builds, shorter or empty; the server has seen that, or has not."""
        self.epoch += "'" * seen
        for build_id in self.shown:
            self.shown[build_id] = min(self.shown[build_id], kept)
        self.wire.clear()


def serve(desk, server: Server) -> None:
    """The watcher's requests reach the server."""
    for open_ in desk.take(Open):
        server.wire, server.is_open = [Connected(server.epoch, 2)], True
        desk.did(desk.link.opened(desk.now))
        server.start(open_.since, open_.epoch, open_.build_id)
    for send in desk.take(SendFrame):
        match decode_asked(send.data):
            case GetState(build_id, since, epoch) if server.is_open:
                server.start(since or 0, epoch, build_id)
            case _:
                pass
    if desk.take(CloseLink):
        server.wire, server.is_open = [], False
        serve(desk, server)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("commit"), st.integers(0, 2), st.integers(1, 4)),
        st.tuples(st.sampled_from(["deliver", "deliver", "drop", "twice", "swap"]), st.integers(0, 3), st.just(0)),
        st.tuples(st.sampled_from(["cut", "mark", "wait"]), st.just(0), st.just(0)),
        st.tuples(st.just("restore"), st.sampled_from([0, 3]), st.integers(0, 1)),
    ),
    max_size=60,
)


def carry_out(step, desk, server: Server) -> None:
    kind, number, count = step
    wire = server.wire
    if wire and isinstance(wire[0], Connected):
        desk.hear(wire.pop(0))
    match kind:
        case "commit":
            server.commit(number, count)
        case "deliver" if wire:
            desk.hear(wire.pop(0))
        case "drop" if wire:
            wire.pop(min(number, len(wire) - 1))
        case "twice" if wire:
            wire.insert(0, wire[min(number, len(wire) - 1)])
        case "swap" if len(wire) > 1:
            wire.insert(min(number, len(wire) - 1), wire.pop(0))
        case "cut" | "restore" if server.is_open:
            if kind == "restore":
                server.restore(number, bool(count))
            server.wire, server.is_open = [], False
            desk.close().later(1_500)
        case "mark":
            server.mark()
        case "wait":
            desk.later(4_000)


@given(steps)
@settings(max_examples=400)
def test_after_the_storm_the_watcher_has_the_fold_of_the_log(make_desk, make_build, told) -> None:
    names = (("b1", "s1"), ("b2", "s2"), ("b3", "s1"))
    server = Server([make_build(name, session, at=at).work(12) for at, (name, session) in enumerate(names)])
    desk = make_desk()
    serve(desk, server)
    for step in told:
        carry_out(step, desk, server)
        serve(desk, server)
        ours = desk.link.state
        assert ours.version <= 12
        if ours.id:
            build = next(build for build in server.builds if build.about.build_id == ours.id)
            assert encode_state(ours) == encode_state(build.states[ours.version])
    for _ in range(12):
        while server.wire:
            desk.hear(server.wire.pop(0))
            serve(desk, server)
        desk.later(5_000)
        serve(desk, server)
        server.mark()
    if server.newest is not None:
        shown = next(build for build in server.builds if build.about.build_id == desk.link.state.id)
        assert desk.link.state == shown.states[server.shown[shown.about.build_id]]
        assert desk.link.status.phase == "live"
        assert desk.link.status.lost_at is None
    told_states = [event.state for event in desk.take((Changed, Snapshot))]
    assert not told_states or told_states[-1] == desk.link.state
