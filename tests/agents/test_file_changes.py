"""Which files a call changed, in whatever shape its agent says it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentryvibe_tui.agents.file_changes import changes_files, file_changes
from sentryvibe_tui.model.state import ToolCall
from sentryvibe_tui.wire.json import raw

PATCH = "*** Begin Patch\n*** Update File: a.py\n-old\n+new\n+more\n*** Add File: b.py\n+x\n*** End Patch"


def call(name: str, inputs: object, state: str = "output-available") -> ToolCall:
    return ToolCall("t", name, state=state, input=raw(inputs))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "inputs", "files"),
    [
        ("Write", {"file_path": "a.txt", "content": "1\n2\n"}, [("a.txt", 2, 0)]),
        ("Edit", {"file_path": "a.py", "old_string": "a\nb", "new_string": "a\nc\nd"}, [("a.py", 2, 1)]),
        ("edit", {"filePath": "a.py", "oldString": "a", "newString": "b"}, [("a.py", 1, 1)]),
        (
            "MultiEdit",
            {"file_path": "a", "edits": [{"old_string": "x", "new_string": "y"}, {"new_string": "z"}]},
            [("a", 1, 1), ("a", 1, 0)],
        ),
        ("apply_patch", {"input": PATCH}, [("a.py", 2, 1), ("b.py", 1, 0)]),
        ("apply_patch", PATCH, [("a.py", 2, 1), ("b.py", 1, 0)]),
        ("file_change", {"changes": [{"path": "u.lock", "kind": "update", "diff": "@@\n-a\n+b"}]}, [("u.lock", 1, 1)]),
        (
            "apply_patch",
            {"changes": {"a.py": {"update": {"unified_diff": "-a\n+b\n+c"}}, "n.py": {"add": {"content": "x\ny"}}}},
            [("a.py", 2, 1), ("n.py", 2, 0)],
        ),
        ("Edit", {"old_string": "a"}, []),
        ("Edit", ["what"], []),
    ],
)
def test_files_and_lines(name, inputs, files) -> None:
    assert [(change.path, change.added, change.removed) for change in file_changes(call(name, inputs))] == files


def test_only_what_came_to_pass_counts() -> None:
    edit = {"file_path": "a"}
    assert changes_files(call("Edit", edit))
    assert not changes_files(call("Edit", edit, "error"))
    assert not changes_files(call("Edit", edit, "input-available"))
    assert not changes_files(call("Read", edit))


KEYS = st.sampled_from(["file_path", "path", "edits", "changes", "old_string", "diff", "input", "content"]) | st.text()
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner),
)


@given(st.sampled_from(["Edit", "Write", "apply_patch", "MultiEdit"]), VALUES)
def test_no_input_is_too_strange(name, inputs) -> None:
    assert all(isinstance(change.path, str) for change in file_changes(call(name, inputs)))
