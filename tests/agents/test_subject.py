"""One line per call, whatever its input and output look like."""

import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentryvibe_tui.agents.subject import error_line, error_tail, exit_code, line_changes, output_text, subject
from sentryvibe_tui.model.state import ToolCall
from sentryvibe_tui.model.text import clean
from sentryvibe_tui.wire.json import raw

CWD = "/home/dev/shop"
PATCH = (
    "*** Begin Patch\n*** Update File: /home/dev/shop/a.py\n-old\n+new\n+more\n*** Add File: b.py\n+x\n*** End Patch"
)


def call(name: str, given: object = None, back: object = None, state: str = "output-available") -> ToolCall:
    return ToolCall("t", name, state=state, input=raw(given), output=None if back is None else raw(back))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "given", "line"),
    [
        ("Bash", {"command": "npm test", "description": "Run tests"}, "Bash npm test"),
        ("Bash", {"command": "cd /home/dev/shop && npm test"}, "Bash npm test"),
        ("Bash", {"command": "cat <<E\nx\nE"}, "Bash cat <<E x E"),
        ("shell", {"command": ["bash", "-lc", "ls -l"], "workdir": "."}, "Shell ls -l"),
        ("shell", '{"command":["git","status"]}', "Shell git status"),
        ("command_execution", {"command": "/usr/bin/bash -lc 'ls -l'"}, "Shell ls -l"),
        ("command_execution", {"command": "bash -lc 'echo '\"'\"'a b'\"'\"''"}, "Shell echo 'a b'"),
        ("command_execution", {"command": "bash -lc ls"}, "Shell ls"),
        ("command_execution", {"command": "bash -lc 'open"}, "Shell open"),
        ("exec_command", {"cmd": "pwd && ls"}, "Shell pwd && ls"),
        ("Read", {"file_path": "/home/dev/shop/src/app.py"}, "Read src/app.py"),
        ("Read", {"file_path": "/etc/hosts", "offset": 10, "limit": 5}, "Read /etc/hosts :10-14"),
        ("Read", {"file_path": "/etc/hosts", "offset": 507}, "Read /etc/hosts :507-"),
        ("read", {"filePath": "/home/dev/shopping"}, "Read /home/dev/shopping"),
        ("Write", {"file_path": f"{CWD}/a.txt", "content": "1\n2\n"}, "Write a.txt +2"),
        ("Edit", {"file_path": f"{CWD}/a.py", "old_string": "a\nb", "new_string": "a\nc\nd"}, "Edit a.py +2 -1"),
        ("MultiEdit", {"file_path": "a", "edits": [{"old_string": "x", "new_string": "y"}]}, "Edit a +1 -1"),
        ("apply_patch", {"input": PATCH}, "Patch a.py, b.py +3 -1"),
        ("apply_patch", PATCH, "Patch a.py, b.py +3 -1"),
        ("file_change", {"changes": [{"path": f"{CWD}/u.lock", "kind": "update"}]}, "Patch u.lock"),
        ("Grep", {"pattern": "x", "path": f"{CWD}/src"}, 'Grep "x" in src'),
        ("Glob", {"pattern": "**/*.py"}, "Glob **/*.py"),
        ("WebSearch", {"query": "rust"}, 'WebSearch "rust"'),
        ("WebFetch", {"url": "https://x.dev", "prompt": "read"}, "WebFetch https://x.dev"),
        ("mcp__github__create_issue", {"title": "Broken"}, "github · create_issue Broken"),
        ("Task", {"description": "Find it", "prompt": "long", "subagent_type": "Explore"}, "Task Find it · Explore"),
        ("mcp_forge_secret_word", {"who": "Ann"}, "forge · secret_word Ann"),
        ("mcp__apps__gmail___search", {"query": "x"}, "apps · gmail___search x"),
        ("docs__lookup", {"query": "x"}, "docs · lookup x"),
        ("collaboration__spawn_agent", {"message": "Look", "agent_type": "scout"}, "Agent Look · scout"),
        ("wait", {"prompt": "", "agents": ["th2"]}, "Wait th2"),
        ("shell_command", {"command": "npm test", "workdir": "/x"}, "Shell npm test"),
        ("grep_search", {"pattern": "x", "dir_path": "src"}, 'Grep "x" in src'),
        ("invoke_agent", {"agent_name": "scout", "prompt": "Look"}, "Agent Look · scout"),
        ("apply_patch", {"command": PATCH}, "Patch a.py, b.py +3 -1"),
        ("apply_patch", {"patchText": PATCH}, "Patch a.py, b.py +3 -1"),
        ("web_search", {"url": "https://x.dev"}, "WebSearch https://x.dev"),
        ("exec", {"input": 'const r = await tools.exec_command({cmd: "ls", workdir: "/x"}); text(r)'}, "Shell ls"),
        ("exec", {"input": "await tools.exec_command({'cmd': `a`}); await tools.view_image({})"}, "Shell a and 1 more"),
        (
            "exec",
            {"input": "const p = `*** Begin Patch\\n*** Add File: b.py\\n+x`; tools.apply_patch(p)"},
            "Patch b.py +1 -0",
        ),
        ("exec", {"input": "await tools.update_plan({plan: []})"}, "Plan"),
        ("exec", {"input": "text(1 + 1)"}, "Script text(1 + 1)"),
        ("exec", {"command": "ls"}, "exec ls"),
        ("Mystery", {"n": {"deep": ["word"]}}, "Mystery word"),
        ("Mystery", None, "Mystery"),
        ("", 7, "tool 7"),
    ],
)
def test_line(name: str, given: object, line: str) -> None:
    assert str(subject(call(name, given), CWD)) == line


def test_a_failed_command_says_its_exit_code() -> None:
    failed = call("Bash", {"command": "npm test"}, "Exit code 2\nError: TS2345\n\n  at x", "error")
    assert str(subject(failed)) == "Bash npm test exit 2"
    assert error_tail(failed) == ("Error: TS2345", "at x")


def test_another_failed_call_says_the_reason() -> None:
    failed = call("Edit", {"file_path": "a"}, "<tool_use_error>File has not been read yet.</tool_use_error>", "error")
    assert subject(failed).detail == "File has not been read yet."
    assert str(subject(failed)) == "Edit a · File has not been read yet."


FRAMES = "\n".join(f"    at throwError (a.js:{number})" for number in range(40))


@pytest.mark.parametrize(
    ("said", "telling", "shown"),
    [
        ("Command failed: boom\nstack line 1\nstack line 2", "Command failed: boom", ("stack line 1", "stack line 2")),
        (f"Error: boom\n{FRAMES}", "Error: boom", ("at throwError (a.js:0)", "at throwError (a.js:1)")),
        ("one\ntwo", "two", ()),
        ("Exit code 1\none\nError: two\nthree", "Error: two", ("Error: two", "three")),
        ("Error: " + "x" * 200, "Error: " + "x" * 200, ("Error: " + "x" * 200,)),
        ("", "", ()),
    ],
)
def test_the_telling_line_is_shown_first_and_once(said: str, telling: str, shown: tuple[str, ...]) -> None:
    failed = call("Bash", {"command": "x"}, said, "error")
    assert error_line(failed) == telling
    assert error_tail(failed, 2) == shown
    assert subject(failed).detail not in shown


@pytest.mark.parametrize(
    ("back", "detail"),
    [
        ({"exitCode": 2, "stdout": "x"}, "exit 2"),
        ({"output": "x", "metadata": {"exit": 2}}, "exit 2"),
        ('{"output":"x","metadata":{"exit_code":2}}', "exit 2"),
        ({"exit_code": 0}, ""),
        ({"exit": True}, ""),
        ('{"exit": 2}', ""),
        ("Exit code 2", ""),
    ],
)
def test_a_success_with_an_exit_code_says_it(back: object, detail: str) -> None:
    assert subject(call("Bash", {"command": "x"}, back)).detail == detail
    assert subject(call("Read", {"file_path": "x"}, back)).detail == ""


@pytest.mark.parametrize(
    ("back", "code"),
    [
        ({"exit_code": 3}, 3),
        ('{"output":"x","metadata":{"exit_code":1}}', 1),
        ("Process exited with code 127\nnot found", 127),
        ([{"type": "text", "text": "Exit code 1"}], 1),
        ("fine", None),
    ],
)
def test_exit_code(back: object, code: int | None) -> None:
    assert exit_code(call("Bash", {}, back)) == code


def test_output_of_content_blocks_is_their_text() -> None:
    assert output_text(call("Read", {}, {"content": [{"type": "text", "text": "a"}, {"text": "b"}]})) == "a\nb"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text() | st.sampled_from(["path", "command", "edits", "changes", "input", "paths"]), inner)
    ),
    max_leaves=12,
)
NAMES = st.text() | st.sampled_from(
    ["Bash", "Edit", "apply_patch", "Read", "Grep", "WebFetch", "Task", "mcp__a__b", "Write"]
)


@given(NAMES, JSON, JSON, st.sampled_from(["error", "output-available"]))
def test_any_shape_gives_safe_text(name: str, given: object, back: object, state: str) -> None:
    tool = call(name, given, back, state)
    parts = subject(tool, "/home")
    for text in (parts.verb, parts.text, parts.detail, *error_tail(tool)):
        assert text == clean(text)
        assert "\n" not in text
    assert output_text(tool) == clean(output_text(tool))


def test_a_value_that_is_no_json_is_no_crash() -> None:
    tool = ToolCall("t", "Bash", input=msgspec.Raw(b"{broken"), output=msgspec.Raw(b"\xff"))
    assert str(subject(tool)) == "Bash"


def test_a_failure_is_told_by_the_line_that_speaks_of_it() -> None:
    said = " Test Files  1 failed\n      Tests  1 failed | 13 passed (14)\n   Snapshots  0 failed\n   Duration  612ms\n"
    call = ToolCall("a", "Bash", state="error", input=raw({"command": "pnpm vitest run"}), output=raw(said))
    assert subject(call).detail == "Tests  1 failed | 13 passed (14)"


@pytest.mark.parametrize(
    ("output", "line"),
    [
        ("a.c:3:5: error: unknown type\nmake: *** [Makefile:3: all] Error 1", "a.c:3:5: error: unknown type"),
        ("Error: expected 2\n    at x\n\nTests: 1 failed, 3 passed", "Error: expected 2"),
        ("E   AssertionError: 1 != 2\n=== 1 failed, 3 passed in 2s ===", "E   AssertionError: 1 != 2"),
        ("src/a.ts(1,2): error TS2345: no\n\nFound 1 error in src/a.ts:1", "src/a.ts(1,2): error TS2345: no"),
        ("error[E0308]: mismatched types\nerror: could not compile `x`", "error[E0308]: mismatched types"),
        ("KeyError: 'a'\n\nDuring handling:\n\nValueError: b", "ValueError: b"),
        ("bash: foo: command not found", "bash: foo: command not found"),
        ("all broken", "all broken"),
    ],
)  # fmt: skip
def test_the_line_that_names_the_error_is_shown_not_one_that_repeats_it(output, line) -> None:
    assert error_line(call("Bash", {"command": "make"}, output, "error")) == line


def test_changed_lines_are_counted_in_time_that_grows_with_the_texts() -> None:
    def cheapest(lines: int) -> float:
        old = "".join(f"line {number}\n" for number in range(lines))
        new = old.replace("line 7\n", "line seven\n", 1)
        times: list[float] = []
        for _ in range(5):
            begun = time.process_time()
            assert line_changes(old, new) == (1, 1)
            times.append(time.process_time() - begun)
        return min(times)

    assert cheapest(64_000) < 64 * cheapest(4_000)


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ("", "", (0, 0)),
        ("a\nb", "a\nb", (0, 0)),
        ("a\na", "a", (0, 1)),
        ("a", "b\na\nb", (2, 0)),
        ("a\nb\nc", "a\nx\nc", (1, 1)),
    ],
)
def test_lines_at_both_ends_that_stay_are_no_changes(old: str, new: str, changes: tuple[int, int]) -> None:
    assert line_changes(old, new) == changes
