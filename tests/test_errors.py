"""One tree of errors: whoever catches its root catches everything that the program raises on purpose."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import sentryvibe_tui
from sentryvibe_tui import errors

ROOT = Path(sentryvibe_tui.__file__).parent
BUILT_IN = {"Exception", "BaseException", "ValueError", "LookupError", "OSError", "RuntimeError", "ClickException"}


def classes() -> Iterator[tuple[str, list[str], Path]]:
    """Every public class of the program, with the names of its bases."""
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield node.name, [ast.unparse(base).rpartition(".")[2] for base in node.bases], path


def test_every_public_error_hangs_in_the_tree_and_stands_in_its_drawing() -> None:
    drawn = set(re.findall(r"\w+", errors.__doc__ or ""))
    tree, fresh = {"SentryVibeError"}, True
    while fresh:
        fresh = {name for name, bases, _ in classes() if tree & {*bases}} - tree
        tree |= fresh
    assert tree - drawn == set()
    strays = {name for name, bases, _ in classes() if BUILT_IN & {*bases} and name not in tree}
    assert strays == set()


def test_commands_know_no_database() -> None:
    assert [path.name for path in (ROOT / "cli").rglob("*.py") if "sqlite3" in path.read_text()] == []
