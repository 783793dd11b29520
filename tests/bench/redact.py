"""What masking costs, and what it takes for a secret that is none:

    python tests/bench/redact.py [FOLDER…]

Reads every transcript below the folders (default: those of the tests) and prints, in CPU seconds: MB/s of texts and of
tools' values through `Redactor`, the share of reading that masking is, and each thing that was masked with what stands
around it. In transcripts that hold no secret these are the false alarms; their rate is per MB of text.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec import Raw

from sentryvibe_tui.agents.detect import new_reader
from sentryvibe_tui.agents.redact import Redacted, Redactor
from sentryvibe_tui.model.events import BuildEvent, TextAdded, ToolEnded, ToolStarted
from sentryvibe_tui.wire.json import plain

SAMPLES = Path(__file__).parents[1] / "data/transcripts"
AROUND = 48
LEAST = 1.0
"""CPU seconds for a figure."""


def transcripts(folders: list[Path]) -> list[bytes]:
    return [path.read_bytes() for folder in folders for path in sorted(folder.rglob("*.jsonl"))]


def read(data: bytes, masked: bool) -> list[BuildEvent]:
    reader = new_reader("auto")
    source = Redacted(reader, Redactor()) if masked else reader
    return [report.event for report in [*source.feed(data), *source.finish()]]


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds of one time."""
    work()
    times, began = 0, time.process_time()
    while time.process_time() - began < LEAST:
        work()
        times += 1
    return (time.process_time() - began) / times


def strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from strings(item)


def texts(events: list[BuildEvent]) -> Iterator[str]:
    for event in events:
        if isinstance(event, TextAdded):
            yield event.text
        elif isinstance(event, ToolStarted | ToolEnded):
            yield from strings(plain(event.input if isinstance(event, ToolStarted) else event.output))


def alarms(said: str) -> Iterator[str]:
    """What is masked in a text, with what stands around it."""
    shown = Redactor().text(said)
    at = 0
    for part in shown.split("<redacted ")[:-1]:
        at = said.find(part, at) + len(part)
        yield said[max(0, at - AROUND) : at + AROUND].replace("\n", "⏎")


def main() -> None:
    folders = [Path(folder) for folder in sys.argv[1:]] or [SAMPLES]
    files = transcripts(folders)
    events = [event for data in files for event in read(data, False)]
    said = [text for text in texts(events) if text]
    size = sum(len(text.encode()) for text in said)
    values = [
        value
        for event in events
        if isinstance(event, ToolStarted | ToolEnded)
        and isinstance(value := event.input if isinstance(event, ToolStarted) else event.output, Raw)
    ]
    redactor = Redactor()
    whole = "\n".join(said)
    print(f"{len(files)} transcripts of {sum(map(len, files)) / 1e6:.1f} MB; {len(said)} texts of {size / 1e6:.2f} MB")
    print(f"texts one by one: {size / 1e6 / seconds(lambda: [redactor.text(text) for text in said]):.0f} MB/s")
    print(f"texts as one: {len(whole.encode()) / 1e6 / seconds(lambda: redactor.text(whole)):.0f} MB/s")
    spent = seconds(lambda: [redactor.event(event) for event in events])
    print(f"events: {sum(len(bytes(value)) for value in values) / 1e6 / spent:.0f} MB/s of tools' values")
    bare, masked = (seconds(lambda masked=masked: [read(data, masked) for data in files]) for masked in (False, True))
    print(f"reading {bare:.3f} s, reading and masking {masked:.3f} s: ratio {masked / bare:.2f}")
    found = [alarm for text in said for alarm in alarms(text)]
    for alarm in found:
        print("   ", ascii(alarm))
    counts = Redactor()
    for event in events:
        counts.event(event)
    print(f"masked: {len(found)} in texts, {len(found) / (size / 1e6):.1f} per MB; in events {dict(counts.counts)}")


if __name__ == "__main__":
    main()
