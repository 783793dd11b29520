"""How often the source names a thing by what was done to it, and not by what it is: bare participles as names.

    python tests/vocabulary.py [--names] [ROOM]     words per 1,000 lines of each room; `--names`: where they stand

A name counts wherever it stands, when it is nothing but one of `WORDS` (leading underscores aside) and crosses a
function's border (parameter, attribute, function, class, constant) or lives longer than `LIFE` lines inside one.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_WORDS = """
told known found said given asked wanted whole one heard seen taken kept held shown meant gone begun listed
spoken owed lost made answered opened masked fitting ours theirs mine aside anew
"""
WORDS = frozenset(_WORDS.split())
LIFE = 3
"""Lines that a name of a function's own may live."""

SOURCE = Path(__file__).parent.parent / "src" / "sentryvibe_tui"
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


class Place(NamedTuple):
    """Where a name of the list stands. `room` is a folder of the source, or a file beside them."""

    room: str
    path: Path
    line: int
    name: str


def is_bare(name: str) -> bool:
    return name.strip("_").lower() in WORDS


def names(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Each such name with its line."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name) | ast.arg(arg=name) | ast.keyword(arg=str(name)):
                pass
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                pass
            case _:
                continue
        if is_bare(name):
            yield name, node.lineno
    yield from _variables(tree, frozenset())


def _variables(scope: ast.AST, outer: frozenset[str]) -> Iterator[tuple[str, int]]:
    """Variables of a scope and those within it: of a function's own only those that live long."""
    lines: defaultdict[str, list[int]] = defaultdict(list)
    inner: list[ast.AST] = []
    waiting = list(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.pop()
        if isinstance(node, FUNCTIONS):
            inner.append(node)
            continue
        if isinstance(node, ast.Name) and is_bare(node.id):
            lines[node.id].append(node.lineno)
        waiting.extend(ast.iter_child_nodes(node))
    border = outer | _parameters(scope)
    for name, stands in lines.items():
        if name in border or not isinstance(scope, FUNCTIONS) or max(stands) - min(stands) >= LIFE:
            yield from ((name, line) for line in stands)
    for function in inner:
        yield from _variables(function, border | lines.keys())


def _parameters(scope: ast.AST) -> frozenset[str]:
    if not isinstance(scope, FUNCTIONS):
        return frozenset()
    return frozenset(node.arg for node in ast.walk(scope.args) if isinstance(node, ast.arg))


def places(source: Path = SOURCE) -> Iterator[Place]:
    for path in sorted(source.rglob("*.py")):
        room = path.relative_to(source).parts[0]
        yield from (Place(room, path, line, name) for name, line in names(ast.parse(path.read_text())))


def rates(source: Path = SOURCE) -> dict[str, float]:
    """Words per 1,000 lines of each room."""
    lines: Counter[str] = Counter()
    for path in source.rglob("*.py"):
        lines[path.relative_to(source).parts[0]] += path.read_text().count("\n")
    counts = Counter(place.room for place in places(source))
    return {room: 1000 * counts[room] / lines[room] for room in sorted(lines) if lines[room]}


def main(arguments: list[str]) -> None:
    for room, rate in rates().items():
        print(f"{rate:6.1f}  {room}")
    total = sum(path.read_text().count("\n") for path in SOURCE.rglob("*.py"))
    print(f"{1000 * len(list(places())) / total:6.1f}  all")
    if "--names" in arguments:
        for place in places():
            if place.room in arguments or len(arguments) == 1:
                print(f"{place.path.relative_to(SOURCE)}:{place.line}: {place.name}")


if __name__ == "__main__":
    main(sys.argv[1:])
