"""Cost of posted events and updates on the wire: `python tests/bench/wire_codec.py`.

Prints microseconds for one event of a mixed build: posted, read by the server, encoded as updates, read by a watcher.
Each is the fastest of 15 rounds.
"""

import json
from collections.abc import Callable
from time import perf_counter

from sentryvibe_tui.model.reducer import reduce
from sentryvibe_tui.model.state import BuildState
from sentryvibe_tui.model.updates import Entry
from sentryvibe_tui.wire.frames import decode_frame, encode_batch
from sentryvibe_tui.wire.updates import encode_entry

try:
    from sentryvibe_tui.wire.envelope import decode_posted, encode_posted
except ImportError:
    from sentryvibe_tui.wire.events import decode_posted, encode_posted


def bodies(calls: int = 300) -> list[bytes]:
    """A build of calls, texts, todos, usage and notices, as it is posted."""
    events: list[dict[str, object]] = [{"type": "start"}, {"type": "agent", "agentId": "claude-code", "title": "x"}]
    for number in range(calls):
        call = {"toolCallId": f"t{number}", "toolName": "Bash"}
        events += [
            {"type": "tool-input-available", **call, "input": {"command": "npm test", "n": number}},
            {"type": "tool-output-available", **call, "output": "x" * 400},
            {"type": "text-delta", "id": f"n{number // 10}", "delta": "some words "},
        ]
        if number % 10 == 0:
            events += [
                {"type": "usage", "inputTokens": number, "costUsd": number / 10},
                {"type": "notice", "message": f"notice {number}", "level": "info"},
                {
                    "type": "todos",
                    "todos": [{"content": f"step {n}", "status": "pending"} for n in range(number // 30)],
                },
            ]
    events.append({"type": "build-completed", "summary": "done"})
    return [
        json.dumps(
            {"projectId": "p", "sessionId": "s", "event": event, "eventId": str(n), "at": 1_700_000_000_000 + n}
        ).encode()
        for n, event in enumerate(events)
    ]


def fastest(work: Callable[[], object], rounds: int = 15) -> float:
    took: list[float] = []
    for _ in range(rounds):
        begun = perf_counter()
        work()
        took.append(perf_counter() - begun)
    return min(took)


def main() -> None:
    texts = bodies()
    posts = [decode_posted(text)[0] for text in texts]
    state, log = BuildState(), list[Entry]()
    for post in posts:
        state, entry = reduce(state, post.event, post.at or 0, post.about)
        if entry is not None:
            log.append(entry)
    frames = [encode_batch("p", "s", "b", list(encode_entry(entry)), 1) for entry in log]

    def fold() -> None:
        state = BuildState()
        for post in posts:
            state, _ = reduce(state, post.event, post.at or 0, post.about)

    for name, work in {
        "post": lambda: [encode_posted(post) for post in posts],
        "read a post": lambda: [decode_posted(text) for text in texts],
        "fold": fold,
        "encode updates": lambda: [encode_entry(entry) for entry in log],
        "read a frame": lambda: [decode_frame(frame, 0) for frame in frames],
    }.items():
        print(f"{name}: {fastest(work) / len(posts) * 1e6:.2f} us")


if __name__ == "__main__":
    main()
