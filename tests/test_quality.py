"""Format, lint and types of the whole repository, and what its tests may not do."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "command",
    [("ruff", "format", "--check", "."), ("ruff", "check", "."), ("pyright", "--pythonpath", sys.executable)],
    ids=["format", "lint", "types"],
)
def test_quality(command: tuple[str, ...]) -> None:
    found = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


CONSTANT = re.compile(r"_?[A-Z][A-Z0-9_]+")
PATCHED = {
    "tests/server/test_own_user.py": {"_TABLES"},  # stands for a system without them
    "tests/store/test_sqlite.py": {"RULES"},  # stands for another version of the program
}
"""Constants that a test may patch: what is neither time nor limit, and the same wherever the program runs."""


def test_time_and_limits_are_handed_in_not_patched() -> None:
    patched = {
        str(path.relative_to(ROOT)): names
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if (names := set(_patched(path.read_text())))
    }
    assert patched == PATCHED


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ('monkeypatch.setattr(serve, "DEAD_AFTER", 1)', ["DEAD_AFTER"]),
        ('patch.setattr("sentryvibe_tui.notify._LIMIT", 1)', ["_LIMIT"]),
        ("serve.DEAD_AFTER, other.x = 1, 2", ["DEAD_AFTER"]),
        ('SCRIPT = "import sentryvibe_tui.notify as n\\nn._LIMIT = 3"', ["_LIMIT"]),
        ('monkeypatch.setattr(serve, "serve", 1)\nLIMIT = 3\nself.limit = LIMIT', []),
    ],
)
def test_patched_constants_are_found(code: str, names: list[str]) -> None:
    assert list(_patched(code)) == names


def _patched(code: str) -> Iterator[str]:
    """Names of constants that code, or code in its strings, sets in other modules or classes."""
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Call(ast.Attribute(attr="setattr"), [ast.Constant(str(name)), *_]):
                yield from _constants(name.rpartition(".")[2])
            case ast.Call(ast.Attribute(attr="setattr"), [_, ast.Constant(str(name)), *_]):
                yield from _constants(name)
            case ast.Attribute(attr=name, ctx=ast.Store()):
                yield from _constants(name)
            case ast.Constant(str(text)) if "sentryvibe_tui" in text and "\n" in text:
                with suppress(SyntaxError):
                    yield from _patched(text)
            case _:
                pass


def _constants(name: str) -> list[str]:
    return [name] if CONSTANT.fullmatch(name) else []
