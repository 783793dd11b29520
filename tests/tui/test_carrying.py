"""What the reader takes out of the screen: copies, a saved log, the pager, the editor, the scrollback."""

import asyncio
import io
import os
import pty
import select
import signal
import stat
import sys
import tempfile
import termios
import threading
import time
from contextlib import contextmanager, suppress
from functools import partial

import pytest

from sentryvibe_tui.model.events import ToolEnded, ToolStarted, UsageReported
from sentryvibe_tui.model.facts import BuildEnded
from sentryvibe_tui.model.state import Agent, Usage
from sentryvibe_tui.tui.build.summary_page import farewell
from sentryvibe_tui.tui.build.widgets.stream import Stream
from sentryvibe_tui.tui.context import RenderContext
from sentryvibe_tui.tui.export.clipboard import LIMIT
from sentryvibe_tui.tui.export.copies import copies, file_of
from sentryvibe_tui.tui.export.external import open_editor, open_pager, save, say
from sentryvibe_tui.tui.export.handover import Handover
from sentryvibe_tui.tui.lines import line_text
from sentryvibe_tui.wire.json import raw

from ..patience import PATIENCE

CONTROLS = {chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))} - {"\n", "\t"}


async def ready(pilot, *keys):
    for key in ("", *keys):
        if key:
            await pilot.press(key)
        await pilot.pause(0.05)
        pilot.app.watch_screen.flush()
        await pilot.pause()
    return pilot.app.watch_screen


async def until_back(pilot, lent, times: int) -> None:
    """Until the terminal was lent and came back so many times."""
    await until(pilot, lambda: lent.count("back") >= times)


async def until(pilot, is_so) -> None:
    """Until it is so; the test's own time limit ends a vain wait."""
    while not is_so():
        await pilot.pause(0.02)


@pytest.fixture
def program(tmp_path):
    """A program that copies the file it is given to `seen`, and its path."""
    path = tmp_path / "program"
    path.write_text(f"#!{sys.executable}\nimport shutil, sys\nshutil.copy(sys.argv[-1], {str(tmp_path / 'seen')!r})\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def lent(monkeypatch):
    """Headless apps have no terminal to lend: here they do, and say when."""
    times = []

    @contextmanager
    def suspend(app):
        times.append("out")
        yield
        times.append("back")

    monkeypatch.setattr("textual.app.App.suspend", suspend)
    return times


@pytest.fixture
def copied(monkeypatch) -> list[str]:
    """What went to the clipboard."""
    texts: list[str] = []

    async def put(_: Handover, text: str) -> None:
        texts.append(text)

    monkeypatch.setattr(Handover, "put", put)
    return texts


def test_copies_of_a_call(story, hostile) -> None:
    build = story()
    build.call("Bash", {"command": "make", "timeout": 5}, "line 1\nline 2")
    found = copies(build.state.timeline[0])
    assert (found.item, found.command, found.output) == ("make", "make", "line 1\nline 2")
    assert '"timeout": 5' in found.input
    build.call(hostile, {hostile: hostile}, hostile).startswith("b1")
    build.text(hostile)
    for item in list(build.state.items())[1:]:
        found = copies(item)
        assert not CONTROLS & set(found.item + found.input + found.output + found.command)


def test_the_file_of_a_call(story) -> None:
    build = story()
    build.call("Edit", {"file_path": "src/a.py"})
    build.call("Bash", {"command": "make"})
    build.call("Read", {"file_path": ["no", "path"]})
    assert [file_of(item) for item in build.state.items()] == ["src/a.py", "", ""]


async def test_the_pager_gets_clean_text(program, tmp_path, hostile) -> None:
    assert await open_pager("first\n" + hostile, {"PAGER": str(program), "PATH": os.environ["PATH"]}) == ""
    seen = (tmp_path / "seen").read_text()
    assert seen.startswith("first\n")
    assert not CONTROLS & set(seen)


async def test_programs_that_fail_are_told(tmp_path) -> None:
    assert "/nonexistent/less could not be started" in await open_pager("x", {"PAGER": "/nonexistent/less -R"})
    assert "could not be started" in await open_pager("x", {"PAGER": "'no end"})
    assert "could not be started" in await open_pager("x", {"PAGER": " "})
    assert "false ended with 1" in await open_editor(tmp_path, {"EDITOR": "false --hard", "PATH": os.environ["PATH"]})


def test_a_saved_log_is_the_users_own_and_never_overwrites(tmp_path, monkeypatch) -> None:
    path = save("log\n", tmp_path, "../we ird\x1b/name")
    assert path.parent == tmp_path
    assert path.read_text() == "log\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.rename(tmp_path / "other")
    (tmp_path / path.name).symlink_to(tmp_path / "other")
    monkeypatch.setattr(time, "strftime", lambda form: path.stem.removeprefix("we-ird--name-"))
    with pytest.raises(FileExistsError):
        save("again", tmp_path, "../we ird\x1b/name")
    assert (tmp_path / "other").read_text() == "log\n"


@pytest.mark.parametrize(
    ("number", "text"), [("1", "npm run build"), ("2", '{\n  "command": "npm run build"\n}'), ("4", "npm run build")]
)
async def test_the_copy_menu(app_on, running_build, copied, number, text) -> None:
    app = app_on(running_build.state)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await ready(pilot, "2", "G", "c")
        assert app.screen is not screen
        await ready(pilot, "3")
        assert app.screen is not screen, "the call has no output yet: nothing to choose"
        await ready(pilot, number)
        assert app.screen is screen
    assert copied == [text]


async def test_the_visible_log_is_copied_and_saved(app_on, running_build, copied, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SENTRYVIBE_STATE_DIR", str(tmp_path / "state"))
    app = app_on(running_build.state)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await ready(pilot, "f", "c", "5", "ctrl+s")
        await until(pilot, lambda: "written to" in screen.chrome.keys.message)
    (path,) = tmp_path.glob("state/todo-app-*.log")
    assert path.read_text() == copied[0] + "\n"
    assert "npx prisma migrate dev" in copied[0]
    assert "Read" not in copied[0]


async def test_the_whole_output_goes_to_the_pager(app_on, story, lent, program, tmp_path, monkeypatch, hostile) -> None:
    build = story()
    build.tell(ToolStarted("t", "Bash", raw({"command": "make"})))
    build.tell(ToolEnded("t", raw("long " * 400 + "\n" + hostile)))
    monkeypatch.setenv("PAGER", str(program))
    for times, keys in enumerate((("t",), ("enter", "enter")), start=1):
        app = app_on(build.state)
        async with app.run_test(size=(120, 36)) as pilot:
            await ready(pilot, *keys)
            await until_back(pilot, lent, times)
        seen = (tmp_path / "seen").read_text()
        (tmp_path / "seen").unlink()
        assert "$ make" in seen
        assert "long " * 400 in seen
        assert not CONTROLS & set(seen)
    assert lent == ["out", "back"] * 2


async def test_what_no_file_takes_is_told_and_the_screen_goes_on(
    app_on, running_build, lent, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    monkeypatch.setenv("SENTRYVIBE_STATE_DIR", "/dev/null/state")
    app = app_on(running_build.state)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await ready(pilot)
        await screen.export.handover.put("x" * (LIMIT + 1))
        assert "could not be written to a file: [Errno 2]" in screen.chrome.keys.message
        await pilot.press("t")
        await until_back(pilot, lent, 1)
        await until(pilot, lambda: "nothing can be shown there: [Errno 2]" in screen.chrome.keys.message)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "the log could not be written: [Errno" in screen.chrome.keys.message)
        assert app.is_running


async def test_the_file_of_a_call_opens_in_the_editor(app_on, story, lent, program, tmp_path, monkeypatch) -> None:
    from msgspec.structs import replace

    (tmp_path / "a.py").write_text("content")
    monkeypatch.setenv("EDITOR", str(program))
    monkeypatch.delenv("VISUAL", raising=False)
    build = story()
    build.about = replace(build.about, agent=replace(build.about.agent, cwd=str(tmp_path)))
    build.call("Edit", {"file_path": "a.py"})
    app = app_on(build.state)
    async with app.run_test(size=(120, 36)) as pilot:
        await ready(pilot, "o")
        await until_back(pilot, lent, 1)
    assert (tmp_path / "seen").read_text() == "content"
    build.call("Edit", {"file_path": "gone\x00.py"})
    app = app_on(build.state)
    async with app.run_test(size=(120, 36)) as pilot:
        await ready(pilot, "o")
        assert app.is_running
    assert lent == ["out", "back"]


SHOWN = """
import asyncio, sys
from sentryvibe_tui.client.watching import LinkChanged, LinkStatus
from sentryvibe_tui.tui.app import show_build
from sentryvibe_tui.tui.display import DisplayOptions
from sentryvibe_tui.tui.notices import Notices
class Script:
    async def events(self):
        yield LinkChanged(LinkStatus("live"))
        await asyncio.Event().wait()
    def retry_now(self): ...
sys.exit(asyncio.run(show_build(Script(), "MARKER", DisplayOptions(notices=Notices()))))
"""


class Terminal:
    """A screen in a real terminal."""

    def __init__(self, **environment: str) -> None:
        self.child, self.file = pty.fork()
        if self.child == 0:
            os.environ.update(TERM="xterm-256color", COLUMNS="100", LINES="30", **environment)
            os.execv(sys.executable, [sys.executable, "-c", SHOWN])
        self.seen = b""
        self.is_over = False

    def close(self) -> None:
        if not self.is_over:
            os.kill(self.child, signal.SIGKILL)
            os.waitpid(self.child, 0)
        os.close(self.file)

    def read(self) -> None:
        if select.select([self.file], [], [], 0.02)[0]:
            with suppress(OSError):  # the last one has closed it
                self.seen += os.read(self.file, 65_536)

    def until(self, text: bytes) -> None:
        end = time.monotonic() + PATIENCE
        while text not in self.seen:
            assert time.monotonic() < end, self.seen[-500:]
            self.read()
        self.before, self.seen = self.seen.split(text, 1)

    def shown(self) -> None:
        """The screen is painted, and takes keys: what comes before is the line discipline's."""
        self.until(b"MARKER")
        end = time.monotonic() + PATIENCE
        while not self.is_raw():
            assert time.monotonic() < end
            self.read()

    def press(self, keys: bytes) -> None:
        os.write(self.file, keys)

    def is_raw(self) -> bool:
        return not termios.tcgetattr(self.file)[3] & termios.ICANON

    def status(self) -> int:
        """Of the child, when it has stopped or ended. Its output is read on: it must not wait for that."""
        end = time.monotonic() + PATIENCE
        while not (found := os.waitpid(self.child, os.WUNTRACED | os.WNOHANG))[0]:
            assert time.monotonic() < end, self.seen[-500:]
            self.read()
        self.is_over = not os.WIFSTOPPED(found[1])
        return found[1]

    def end(self) -> None:
        self.press(b"q")
        assert self.status() >> 8 in (0, 130)


@pytest.fixture
def open_terminal():
    """What a test leaves open is gone afterwards."""
    opened: list[Terminal] = []

    def opening(**environment: str) -> Terminal:
        opened.append(Terminal(**environment))
        return opened[-1]

    yield opening
    for terminal in opened:
        terminal.close()


def test_the_terminal_is_lent_and_taken_back(open_terminal, tmp_path) -> None:
    pager = tmp_path / "pager"
    pager.write_text("#!/bin/sh\necho PAGER-HERE\nread line\n")
    pager.chmod(0o755)
    terminal = open_terminal(PAGER=str(pager))
    terminal.shown()
    terminal.press(b"t")
    terminal.until(b"PAGER-HERE")
    assert not terminal.is_raw()
    terminal.press(b"\n")
    terminal.until(b"\x1b[?1049h")
    terminal.until(b"MARKER")
    assert terminal.is_raw()
    terminal.press(b"s")
    terminal.until(b"enter returns")
    terminal.press(b"\n")
    terminal.shown()
    terminal.end()


def test_keys_in_the_pager_are_for_the_pager(open_terminal, tmp_path) -> None:
    pager = tmp_path / "pager"
    # the signal may come before a read or end it
    reads = 'until [ "$line" = done ]; do read line; done'
    pager.write_text(f"trap 'echo GOT-INT' INT\necho PAGER-HERE\nread one\necho IN-FRONT\n{reads}\n")
    terminal = open_terminal(PAGER=f"sh {pager}")
    terminal.shown()
    terminal.press(b"t")
    terminal.until(b"PAGER-HERE")
    terminal.press(b"\n")
    terminal.until(b"IN-FRONT")
    terminal.press(b"\x03")
    terminal.until(b"GOT-INT")
    terminal.press(b"\x1a")
    assert os.WIFSTOPPED(terminal.status())
    os.kill(terminal.child, signal.SIGCONT)
    terminal.press(b"done\n")
    terminal.until(b"\x1b[?1049h")
    terminal.shown()
    terminal.end()


def test_a_signal_ends_the_screen_also_while_the_pager_has_the_terminal(open_terminal, tmp_path) -> None:
    pager = tmp_path / "pager"
    pager.write_text(f"#!/bin/sh\necho $$ > {tmp_path / 'pid'}\necho PAGER-HERE\nread line\n")
    pager.chmod(0o755)
    terminal = open_terminal(PAGER=str(pager))
    terminal.shown()
    terminal.press(b"t")
    terminal.until(b"PAGER-HERE")
    os.kill(terminal.child, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(terminal.status()) == 143
    assert not terminal.is_raw()
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_the_scrollback_ends_with_a_key_and_keeps_none(open_terminal) -> None:
    terminal = open_terminal()
    terminal.shown()
    for keys in (b"x\r", b"xq", b"\x1b", b"x\x03", b"x\x04"):
        terminal.press(b"s")
        terminal.until(b"enter returns to the screen ")
        terminal.press(keys)
        terminal.until(b"\x1b[?1049h")
        assert b"x" not in terminal.before.split(b"\x1b")[0]
        terminal.shown()
    terminal.end()


async def test_the_terminal_is_lent_to_one_program_at_a_time(app_on, running_build, lent) -> None:
    """Keys that were typed ahead ask for it again: that would stop the driver twice; nor do they end what has it."""
    app = app_on(running_build.state)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await ready(pilot)
        handover, is_over, begun = screen.export.handover, asyncio.Event(), list[str]()

        async def first() -> str:
            begun.append("first")
            await is_over.wait()
            return ""

        async def second() -> str:
            begun.append("second")
            return ""

        screen.start(partial(handover.lend, first), "export")
        await pilot.pause()
        screen.start(partial(handover.lend, second), "export")
        await pilot.pause()
        await handover.lend(second)
        assert (begun, lent) == (["first"], ["out"])
        is_over.set()
        await pilot.pause()
        assert lent == ["out", "back"]
        screen.start(partial(handover.lend, second), "export")
        await pilot.pause()
        assert begun == ["first", "second"]


async def test_what_happens_goes_on_while_the_pager_has_the_terminal(
    app_on, running_build, lent, tmp_path, monkeypatch
) -> None:
    pager = tmp_path / "pager"
    pager.write_text(
        f"#!{sys.executable}\nimport pathlib, time\nhere = pathlib.Path({str(tmp_path)!r})\n"
        f"(here / 'begun').touch()\nend = time.monotonic() + {PATIENCE}\n"
        "while not (here / 'seen').exists() and time.monotonic() < end: time.sleep(0.01)\n"
        "(here / ('in time' if (here / 'seen').exists() else 'too late')).touch()\n"
    )
    pager.chmod(0o755)
    monkeypatch.setenv("PAGER", str(pager))
    running_build.happened.clear()
    running_build.call("Bash", {"command": "meanwhile"})
    app = app_on(running_build.state)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await ready(pilot, "t")
        known = len(screen.view.entries)
        async with asyncio.timeout(PATIENCE):
            while not (tmp_path / "begun").exists():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            running_build.happened.clear()
            running_build.call("Bash", {"command": "now"})
            screen.presenter.watching.say(*running_build.happened)
            while len(screen.view.entries) == known:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            (tmp_path / "seen").touch()
            while lent != ["out", "back"]:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    assert (tmp_path / "in time").exists()


async def test_the_log_has_long_texts_whole(app_on, story) -> None:
    build = story().text("\n\n".join(f"line {number}" for number in range(60)))
    build.text("thought\nonce\nmore", kind="reasoning")
    app = app_on(build.state)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await ready(pilot)
        assert "more lines" in "\n".join(line_text(line) for line in screen.panes.stream.lines_of(0, 100))
        log = await screen.export.log()
        assert "line 59" in log
        assert "more lines" not in log
        assert "once" not in log, "what is folded by kind stays folded"


async def test_the_log_is_made_in_a_thread_of_what_stood_there(app_on, story, monkeypatch) -> None:
    build = story()
    task = build.call("Task", {"description": "look"}, took=None)
    build.call("Bash", {"command": "make"}, error=True, parent_id=task)
    threads = set()
    lines_of = Stream._lines_of

    def watched(self, row: int, width: int, **options: bool):
        if options:
            threads.add(threading.current_thread())
        return lines_of(self, row, width, **options)

    monkeypatch.setattr(Stream, "_lines_of", watched)
    app = app_on(build.state)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await ready(pilot)
        log, frozen = await screen.export.log(), screen.panes.stream.frozen()
        assert threads
        assert threading.main_thread() not in threads
        build.happened.clear()
        build.call("Bash", {"command": "later"}, error=True, parent_id=task)
        screen.presenter.watching.say(*build.happened)
        await until(pilot, lambda: len(screen.panes.stream.heights) == len(frozen.heights) + 1)
        assert frozen.plain_text(120) == log
        assert "later" in await screen.export.log()


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_farewell_is_at_most_five_lines_of_the_terminal(story, width) -> None:
    agent = Agent("claude-code", "m", "todo-app", "", "a title that is long enough to be cut off " * 5)
    build = story(agent=agent).plan(1).tell(UsageReported(Usage(812_000, 41_000, 700_000, 1.12, 46.0)))
    build.tell(BuildEnded("failed", error="API Error: 529 overloaded_error after 10 attempts, all of them in vain"))
    lines = farewell(build.state, RenderContext(lambda: build.at), width)
    assert len(lines) <= 5
    assert all(len(line) <= width for line in lines)
    assert "529" in "".join(lines)


def test_words_that_the_terminal_cannot_show_are_marked(monkeypatch) -> None:
    bare = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", bare)
    say("✓ done")
    assert bare.buffer.getvalue() == b"? done\n"


def test_ctrl_z_stops_and_fg_returns(open_terminal) -> None:
    terminal = open_terminal()
    terminal.shown()
    for stop in (lambda: terminal.press(b"\x1a"), lambda: os.kill(terminal.child, signal.SIGTSTP)):
        stop()
        assert os.WIFSTOPPED(terminal.status())
        terminal.until(b"\x1b[?1049l")
        os.kill(terminal.child, signal.SIGCONT)
        terminal.until(b"\x1b[?1049h")
        terminal.shown()
    terminal.end()
