from sentryvibe_tui.bus.local import LocalBus
from sentryvibe_tui.store.contract import BuildKey, Head


def test_every_subscriber_hears_until_it_stops() -> None:
    bus, heard = LocalBus(), list[int]()
    stop = bus.subscribe(lambda head: heard.append(head.version))
    bus.subscribe(lambda head: heard.append(-head.version))
    head = Head(BuildKey("p", "s", "b"), 1, 7, True)
    bus.announce([head])
    stop()
    stop()
    bus.announce([head])
    assert heard == [7, -7, -7]
