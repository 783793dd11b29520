"""The naming rule, counted: a room's names say what things are, and may only get better."""

import ast
import importlib.util
from pathlib import Path
from typing import Any

import pytest


def _loaded() -> Any:
    spec = importlib.util.spec_from_file_location("vocabulary", Path(__file__).with_name("vocabulary.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


vocabulary = _loaded()

CEILING = 10.0
"""Words per 1,000 lines of a room, which is a folder or a file beside them."""


def test_names_say_what_things_are() -> None:
    assert {room: rate for room, rate in vocabulary.rates().items() if rate > CEILING} == {}


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("def f(known): return known", ["known", "known"]),
        ("def told(): pass", ["told"]),
        ("class C:\n    def f(self): self._said = 1", ["_said"]),
        ("f(given=1)", ["given"]),
        ("FOUND = 1", ["FOUND"]),
        ("def f():\n    found = g()\n    return found", []),
        ("def f():\n    found = g()\n    h()\n    h()\n    return found", ["found", "found"]),
        ("def f(known_state): return known_state", []),
    ],
)
def test_names_count_that_cross_a_border_or_live_long(code: str, names: list[str]) -> None:
    assert sorted(name for name, _ in vocabulary.names(ast.parse(code))) == sorted(names)
