"""The build screen on a build of 10,000 calls and 300 todos: opening, a storm of events, clicks, search, rest.

Its output is taken as a terminal would take it, and counted: what is never turned into sequences costs too little.

    python tests/bench/watch_screen.py [rest]

Prints milliseconds, per cent of one core, and the event loop's lag (how long a key press would wait) during the storm,
each with the goal that it is held against. Opening and rest are processor time; of waiting, what the system let the
process wait for a processor is taken off (Linux), so that a busy machine says nearly what a quiet one does. `rest`:
only that, as a process has it that opened nothing else.
"""

import asyncio
import importlib.util
import os
import resource
import sys
import time
from functools import partial
from pathlib import Path

from textual import events
from textual.drivers.headless_driver import HeadlessDriver

CONFTEST = Path(__file__).parents[1] / "tui" / "conftest.py"
SIZE = (120, 36)
say = partial(print, file=sys.__stdout__, flush=True)  # what is printed while an app has the terminal is not seen
WIDE = (200, 50)
CALLS, TODOS = 10_000, 300
STORM = {SIZE: 28, WIDE: 33}
"""Per cent of a core that a storm may take, with keys or without."""
KEY, LAG, TOUCH, REST, OPENING = 30, 60, 6, 0.3, 1.2
"""Goals: ms of 19 keys in 20, ms that the event loop is late at worst, kB, per cent of a core, times a small build."""
SCHEDSTAT = Path("/proc/self/schedstat")


def verdict(value: float, goal: float) -> str:
    return f"(goal {goal:g}: {'met' if value <= goal else 'MISSED'})"


def clock() -> float:
    """Seconds without those for which the process was ready and had no processor."""
    waited = int(SCHEDSTAT.read_text().split()[1]) if SCHEDSTAT.exists() else 0
    return time.perf_counter() - waited / 1e9


def stories():
    """The tests' own way to tell builds."""
    spec = importlib.util.spec_from_file_location("stories", CONFTEST)
    module = importlib.util.module_from_spec(spec)
    sys.modules["stories"] = module
    spec.loader.exec_module(module)
    os.environ["COLORTERM"] = "truecolor"
    return module


def long_build(told):
    story = told.Story()
    texts = tuple(f"Step {number} of the plan" for number in range(TODOS))
    for number in range(CALLS):
        if number % (CALLS // TODOS) == 0:
            story.plan(min(number * TODOS // CALLS, TODOS - 1), texts)
        if number % 2:
            story.call("Edit", {"file_path": f"{told.CWD}/src/f{number}.py", "old_string": "a", "new_string": "b\nc"})
        else:
            story.call("Bash", {"command": f"pytest tests/test_{number}.py -q"})
        if number % 10 == 0:
            story.text("What is **next** and why, in words enough to fill more than one line of most screens. " * 2)
        story.happened.clear()
    return story


class Taken(HeadlessDriver):
    """A terminal that takes everything; `size` bytes so far."""

    is_headless = False
    size = 0

    def write(self, data: str) -> None:
        Taken.size += len(data.encode())


def shown(app):
    """`app` with its output taken."""
    app.driver_class = Taken
    return app


async def opening(app, size=SIZE) -> float:
    """Milliseconds of processor time until the build is on screen."""
    began = time.process_time()
    async with shown(app).run_test(size=size, headless=False) as pilot:
        while not app.watch_screen.view.state.id:  # noqa: ASYNC110
            await asyncio.sleep(0)
        app.watch_screen.flush()
        await pilot.pause()
        return (time.process_time() - began) * 1000


async def openings(told, state, size) -> None:
    """A small and a large build in turns."""
    small, large = list[float](), list[float]()
    for _ in range(5):
        small.append(await opening(told.scene("running"), size))
        large.append(await opening(told.watch_app(state), size))
    times = min(large) / min(small)
    say(
        f"opening at {size}: {min(small):.0f} ms with 23 calls, {min(large):.0f} ms with {CALLS:,}: "
        f"{times:.2f} times {verdict(times, OPENING)}"
    )


async def lags(stop: asyncio.Event) -> list[float]:
    """Milliseconds by which a task that wants to run every 10 ms is late."""
    late = []
    while not stop.is_set():
        due = clock() + 0.01
        await asyncio.sleep(0.01)
        late.append((clock() - due) * 1000)
    return sorted(late)


async def answers(app, stop: asyncio.Event) -> list[float]:
    """Milliseconds from a key press to the painted picture with the cursor elsewhere, ten presses a second."""
    stream, took = app.watch_screen.panes.stream, []
    stream.focus()
    while not stop.is_set():
        before, began = stream.cursor, clock()
        painted = asyncio.Event()
        app.post_message(events.Key("k", "k"))
        while stream.cursor == before:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        app.watch_screen.call_after_refresh(painted.set)
        await painted.wait()
        took.append((clock() - began) * 1000)
        await asyncio.sleep(0.1)
    return sorted(took)


async def storm(app, story, *, with_keys: bool) -> None:
    """500 events a second for three seconds, followed at the end or read further up."""
    story.happened.clear()
    for number in range(750):
        story.call("Bash", {"command": f"step {number}"}, took=0.1)
    happened = list(story.happened)
    stop = asyncio.Event()
    watcher = asyncio.create_task(lags(stop))
    keys = asyncio.create_task(answers(app, stop)) if with_keys else None
    Taken.size = 0
    cpu, began = time.process_time(), time.perf_counter()
    for at in range(0, len(happened), 25):
        app.watch_screen.presenter.watching.say(*happened[at : at + 25])
        await asyncio.sleep(max(0, began + (at + 25) / 500 - time.perf_counter()))
    wall = time.perf_counter() - began
    stop.set()
    late = await watcher
    share = (time.process_time() - cpu) / wall * 100
    say(
        f"storm of {len(happened) / wall:.0f} events/s{' with keys' if with_keys else ''}: "
        f"{share:.0f}% of a core {verdict(share, STORM[app.size])}, lag p95 {late[len(late) * 95 // 100]:.0f} ms, "
        f"most {late[-1]:.0f} ms {verdict(late[-1], LAG)}, {Taken.size / wall / 1000:.0f} kB/s"
    )
    if keys is not None:
        took = await keys
        p95 = took[len(took) * 95 // 100]
        say(f"  {len(took)} key presses meanwhile: p95 {p95:.0f} ms {verdict(p95, KEY)}, most {took[-1]:.0f} ms")


async def touches(pilot) -> None:
    """Bytes that a click, another pane, a key of the cursor and an error cost."""
    screen = pilot.app.watch_screen
    stream, todos = screen.panes.stream, screen.panes.todos

    async def cost(name, act) -> None:
        await pilot.pause(0.3)
        Taken.size = 0
        await act()
        await pilot.pause(0.3)
        size = Taken.size / 1000
        say(f"  {name}: {size:.1f} kB {verdict(size, TOUCH) if name.startswith(('click', 'focus')) else ''}".rstrip())

    say(f"bytes at {pilot.app.size.width}x{pilot.app.size.height}")
    await cost("nothing for 0.3 s", lambda: asyncio.sleep(0))
    for name, keys in (("focus 1", "1"), ("focus 2", "2"), ("cursor up", "k"), ("e", "e"), ("3", "3"), ("z", "z")):
        await cost(name, lambda keys=keys: pilot.press(keys))
    await pilot.press("z", "2", "escape", "escape")
    await cost("click, other pane", lambda: pilot.click(todos, offset=(20, 6)))
    await cost("click, same pane", lambda: pilot.click(todos, offset=(20, 9)))
    await cost("click back", lambda: pilot.click(stream, offset=(20, 6)))


async def main() -> None:
    told = stories()
    story = long_build(told)
    for size in (SIZE, WIDE):
        await openings(told, story.state, size)
    for size in (SIZE, WIDE):
        app = told.watch_app(story.state)
        async with shown(app).run_test(size=size, headless=False) as pilot:
            await pilot.pause(0.3)
            await storm(app, story, with_keys=False)
            await storm(app, story, with_keys=True)
        app = told.watch_app(story.state)
        async with shown(app).run_test(size=size, headless=False) as pilot:
            await touches(pilot)
    app = told.watch_app(story.state)
    async with shown(app).run_test(size=SIZE, headless=False) as pilot:
        await pilot.pause(0.3)
        stream = app.watch_screen.panes.stream
        began = time.perf_counter()
        stream.search("test_9998")
        found = len(stream.hits())
        say(f"search over {len(stream.heights):,} rows: {(time.perf_counter() - began) * 1000:.0f} ms, {found} found")
        say(f"memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB (with the events told)")
    await rest(told, "rest after all that")
    await (await asyncio.create_subprocess_exec(sys.executable, __file__, "rest")).wait()


async def rest(told, name: str) -> None:
    build = told.told_build()
    ahead = build.at + 31_000 - time.time_ns() // 1_000_000
    script = told.Script([told.LIVE, told.Snapshot(build.state, "hydrated")])
    app = told.WatchApp(script, "todo-app", now=lambda: time.time_ns() // 1_000_000 + ahead)
    async with shown(app).run_test(size=SIZE, headless=False) as pilot:
        await pilot.pause(1)
        cpu, Taken.size = time.process_time(), 0
        await asyncio.sleep(10)
        share = (time.process_time() - cpu) * 10
        say(f"{name}: {share:.2f}% of a core {verdict(share, REST)}, {Taken.size / 10:.0f} bytes/s")


if __name__ == "__main__":
    sys.__stdin__ = None  # the terminal that is watched for its end is not the bench's
    alone = sys.argv[1:] == ["rest"]
    asyncio.run(rest(stories(), "rest with a running build") if alone else main())
