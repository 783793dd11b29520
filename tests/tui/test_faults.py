"""What readers stumbled over, each as it happened to them."""

import pytest
from textual.geometry import Offset

from sentryvibe_tui.client.watching import Snapshot
from sentryvibe_tui.model.activity import Request
from sentryvibe_tui.model.facts import BuildEnded, Noticed, RequestOpened
from sentryvibe_tui.report.words import short_model
from sentryvibe_tui.tui.lines import cut_middle, line_text


async def settled(pilot):
    await pilot.pause(0.05)
    pilot.app.watch_screen.flush()
    await pilot.pause()
    return pilot.app.watch_screen


def text_of(pane) -> list[str]:
    return [line_text(line).rstrip() for row in range(len(pane.heights)) for line in pane.lines_of(row, pane.row_width)]


# --------------------------------------------------------------------------- the footer


def footer(screen) -> str:
    return line_text(screen.chrome.keys.line(screen.size.width))


async def test_the_footer_leaves_out_what_would_do_nothing(app_on, story, running_build) -> None:
    calm = story().plan(0, ("a",))
    async with app_on(calm.state).run_test(size=(160, 24)) as pilot:
        screen = await settled(pilot)
        assert "next error" not in footer(screen)
        assert "follow" not in footer(screen)
        assert "older build" not in footer(screen)
    async with app_on(running_build.state).run_test(size=(160, 24)) as pilot:
        screen = await settled(pilot)
        assert "e next error" in footer(screen)
        await pilot.press("k", "k", "k")
        await settled(pilot)
        assert "F follow" in footer(screen)


@pytest.mark.parametrize(("title", "focused"), [("next error", "stream"), ("pane", "builds"), ("search", "prompt")])
async def test_a_click_in_the_footer_presses_the_key(app_on, running_build, title, focused) -> None:
    app = app_on(running_build.state)
    async with app.run_test(size=(160, 24)) as pilot:
        screen = await settled(pilot)
        await pilot.click(screen.chrome.keys, offset=(footer(screen).index(f" {title}") + 2, 0))
        await settled(pilot)
        assert app.focused.id == focused


async def test_a_click_on_open_in_the_footer_opens_the_row(app_on, running_build) -> None:
    app = app_on(running_build.state)
    async with app.run_test(size=(160, 24)) as pilot:
        screen = await settled(pilot)
        await pilot.click(screen.chrome.keys, offset=(footer(screen).index("enter open"), 0))
        await settled(pilot)
        assert app.focused is screen.panes.inspector


async def test_messages_stand_in_the_footer_and_cover_no_row(app_on, running_build) -> None:
    app = app_on(running_build.state)
    async with app.run_test(size=(60, 12), notifications=True) as pilot:
        screen = await settled(pilot)
        screen.tell("written to /home/dev/.local/state/sentryvibe-tui/todo-app-20251122-120336.log")
        await settled(pilot)
        assert footer(screen).startswith(" written to /home/dev")
        assert footer(screen).rstrip().endswith("120336.log")
        assert len(footer(screen)) == 60
        assert not app.query("Toast")
        await pilot.click(screen.chrome.keys)
        assert "quit" in footer(screen)


def test_of_a_long_message_the_middle_goes() -> None:
    assert cut_middle("abcdefghij", 10) == "abcdefghij"
    assert cut_middle("abcdefghij", 5) == "ab…ij"
    assert cut_middle("abcdefghij", 1) == "…"


# --------------------------------------------------------------------------- folding by click


async def test_a_click_on_the_sign_of_a_todo_folds_and_unfolds_it(app_on, running_build) -> None:
    async with app_on(running_build.state).run_test(size=(120, 36)) as pilot:
        screen = await settled(pilot)
        todos = screen.panes.todos
        row = next(at for at, node in enumerate(todos.nodes) if node.kind == "todo" and not node.open)
        before = len(todos.nodes)
        at = Offset(todos.gutter.left, todos.gutter.top + row)
        await pilot.click(todos, offset=at)
        await settled(pilot)
        assert len(todos.nodes) > before
        await pilot.click(todos, offset=at)
        await settled(pilot)
        assert len(todos.nodes) == before
        await pilot.click(todos, offset=at + Offset(8, 0))
        await settled(pilot)
        assert len(todos.nodes) == before, "elsewhere a click only goes to the row"


async def test_a_click_on_more_lines_shows_them(app_on, story) -> None:
    build = story().text("\n\n".join(f"line {number}" for number in range(60)))
    build.call("Bash", {"command": "make"})
    async with app_on(build.state).run_test(size=(120, 36)) as pilot:
        screen = await settled(pilot)
        stream = screen.panes.stream
        await pilot.press("g", "G", "g")
        await settled(pilot)
        line = next(at for at, text in enumerate(text_of(stream)) if "more lines" in text)
        await pilot.click(stream, offset=Offset(stream.gutter.left + 14, stream.gutter.top + line))
        await settled(pilot)
        assert "line 59" in "\n".join(text_of(stream))


# --------------------------------------------------------------------------- what the agent asks


def permission(story, *idents: str):
    build = story().plan(0, ("a",))
    build.call("Bash", {"command": "make"})
    for ident in idents:
        build.tell(RequestOpened(Request(ident, title=f"Bash rm -rf {ident}")), 2)
    return build


async def test_what_the_agent_asks_is_the_last_row_of_the_stream_with_its_time(app_on, story) -> None:
    build = permission(story, "build", "dist")
    async with app_on(build.state).run_test(size=(120, 36)) as pilot:
        screen = await settled(pilot)
        rows = text_of(screen.panes.stream)
        assert [row.split()[1:] for row in rows[-2:]] == [
            ["?", "Bash", "rm", "-rf", "build", "33s"],
            ["?", "Bash", "rm", "-rf", "dist", "31s"],
        ]
        build.happened.clear()
        build.tell(Noticed("meanwhile"))
        screen.presenter.watching.say(*build.happened)
        await settled(pilot)
        rows = text_of(screen.panes.stream)
        assert ["meanwhile" in row for row in rows[-3:]] == [True, False, False]
        assert screen.panes.stream.following


async def test_a_request_goes_with_its_answer(app_on, story) -> None:
    build = permission(story, "build")
    async with app_on(build.state).run_test(size=(120, 36)) as pilot:
        screen = await settled(pilot)
        before = len(screen.panes.stream.heights)
        build.happened.clear()
        build.tell(BuildEnded("completed"))
        screen.presenter.watching.say(*build.happened)
        await settled(pilot)
        assert len(screen.panes.stream.heights) == before
        assert "rm -rf" not in text_of(screen.panes.stream)[-1]


# --------------------------------------------------------------------------- several builds


def other_build(story, running_build):
    other = story(build="b2", session="s2", start=running_build.at)
    other.call("Bash", {"command": "make other"})
    return other


async def test_a_build_that_goes_on_stays_on_screen_and_a_line_tells_of_the_other(app_on, running_build, story) -> None:
    other = other_build(story, running_build)
    app = app_on(running_build.state, Snapshot(other.state, "new-build"), builds={"b1": running_build.state})
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await settled(pilot)
        assert screen.view.state.id == "b1"
        assert text_of(screen.panes.stream)[-1].endswith("another build of this project runs: L goes to it")
        await pilot.press("L")
        await settled(pilot)
        assert screen.view.state.id == "b2"
        assert screen.panes.stream.following


@pytest.mark.parametrize(("follows", "shown"), [(True, "b2"), (False, "b1")])
async def test_a_build_that_has_ended_is_left_for_the_next_by_who_follows(
    app_on, running_build, story, follows, shown
) -> None:
    running_build.tell(BuildEnded("completed"))
    async with app_on(running_build.state).run_test(size=(120, 36)) as pilot:
        screen = await settled(pilot)
        if not follows:
            await pilot.press("2", "k", "k", "k")
        screen.presenter.watching.say(Snapshot(other_build(story, running_build).state, "new-build"))
        await settled(pilot)
        assert screen.view.state.id == shown


# --------------------------------------------------------------------------- the head


async def test_the_running_call_is_compared_with_what_is_usual(app_on, story) -> None:
    build = story().plan(0, ("a",))
    for took in (20, 22, 22, 24, 58):
        build.call("Bash", {"command": "npm test"}, took=took)
    build.call("Bash", {"command": "npm run build"}, took=None)
    async with app_on(build.state).run_test(size=(80, 24)) as pilot:
        screen = await settled(pilot)
        assert line_text(screen.head.now.line(80)).split()[-5:] == ["usual", "22s", "p95", "58s", "31s"]


async def test_head_and_stream_name_a_call_that_waits_as_the_overview_does(app_on, story) -> None:
    build = story().plan(0, ("a",))
    build.call("exec_command", {"cmd": "make"})
    build.tell(RequestOpened(Request("r", title="permission: exec_command rm -rf build", tool="exec_command")), 2)
    async with app_on(build.state).run_test(size=(120, 36)) as pilot:
        screen = await settled(pilot)
        assert "needs you: Shell rm -rf build" in line_text(screen.head.now.line(80))
        assert text_of(screen.panes.stream)[-1].split()[1:-1] == ["?", "Shell", "rm", "-rf", "build"]


@pytest.mark.parametrize(("size", "is_there"), [((80, 40), False), ((120, 24), False), ((120, 36), True)])
async def test_with_room_the_head_has_the_last_words_and_the_last_error(app_on, running_build, size, is_there) -> None:
    async with app_on(running_build.state).run_test(size=size) as pilot:
        screen = await settled(pilot)
        assert screen.head.latest.display == is_there
        line = line_text(screen.head.latest.line(200))
        assert "“The session id can be undefined when the cookie" in line
        assert "✗ 12:03:01 Bash npm run build" in line
        assert "TS2345" in line


async def test_a_failed_call_shows_its_error_line_where_the_row_has_no_room_for_it(app_on, story) -> None:
    build = story().plan(0, ("a",))
    output = "AssertionError: expected 13 to be 12 // Object.is equality\n- Expected\n+ Received"
    build.call("Bash", {"command": "pnpm vitest run"}, output, 24, True)
    for size in ((60, 12), (120, 36), (200, 50)):
        async with app_on(build.state).run_test(size=size) as pilot:
            await pilot.press("2")
            screen = await settled(pilot)
            assert "AssertionError: expected 13" in "\n".join(text_of(screen.panes.stream))


# --------------------------------------------------------------------------- words


async def test_subagents_nest_at_every_depth(app_on, story) -> None:
    build = story().plan(0, ("a",))
    parent = ""
    for depth in range(4):
        parent = build.call("Task", {"description": f"depth {depth}"}, took=None, parent_id=parent)
        build.text(f"I look {depth}.", parent_id=parent)
    async with app_on(build.state).run_test(size=(120, 36)) as pilot:
        screen = await settled(pilot)
        for pane in (screen.panes.stream, screen.panes.todos):
            at = [row.index("◐ Task") for row in text_of(pane) if "◐ Task" in row]
            assert [place - at[0] for place in at] == [0, 2, 4, 6]
        words = [row.index("I look") for row in text_of(screen.panes.stream) if "I look" in row]
        assert [place - words[0] for place in words] == [0, 2, 4, 6]


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("claude-sonnet-4-5-20250929", "sonnet-4-5"),
        ("claude-opus-4-5-20251101[1m]", "opus-4-5[1m]"),
        ("anthropic/claude-sonnet-4-5", "sonnet-4-5"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "sonnet-4-5"),
        ("claude-sonnet-4-5@20250929", "sonnet-4-5"),
        ("gpt-5-codex", "gpt-5-codex"),
        ("gpt-4.1-2025-04-14", "gpt-4.1"),
        ("gemini-2.5-pro", "gemini-2.5-pro"),
        ("openrouter/z-ai/glm-5.1", "glm-5.1"),
        ("", ""),
    ],
)
def test_models_are_short_in_one_way(model, name) -> None:
    assert short_model(model) == name
