"""No two public things have one name: those that do are listed with a reason, and the list may only shrink."""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "src" / "sentryvibe_tui"

CONVENTIONS = frozenset({"command", "main", "KIND"})
"""Names by which a registry, or a shell, finds the same part of each of its modules."""
SIBLINGS = ("agents/*", "store/sqlite", "store/postgres")
"""Folders that stand for one another: files of one name in them answer to one protocol, so their names are the same."""

TWO_ENDS = frozenset({"builds", "delete", "discard", "projects", "stream", "whole_tool"})
"""One route: the request in `client/`, and what answers it in `server/` or reads it from a `store/`."""
SAME_FACT = frozenset({"Record", "TODO_TOOLS"})
"""An alias that the registry repeats so as to import nothing; the union of what each agent lists of its own."""
AGENTS_OWN = frozenset({"HOOK_SETTINGS", "processes_of", "tokens_of"})
"""What an agent's folder says of its own sessions."""
STORES = frozenset({"unavailable"})
"""The same of each store, in files of other names."""

EXCEPTIONS = TWO_ENDS | SAME_FACT | AGENTS_OWN | STORES
"""It may only shrink."""


def modules(source: Path = SOURCE) -> dict[str, ast.Module]:
    """Each module by its path below the source, without `.py`."""
    return {
        path.relative_to(source).with_suffix("").as_posix(): ast.parse(path.read_text())
        for path in sorted(source.rglob("*.py"))
    }


def declarations(tree: ast.Module) -> Iterator[tuple[str, bool]]:
    """Public names of a module, and whether they are constants."""
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names, is_constant = [name], False
            case ast.Assign(targets=targets):
                names, is_constant = [target.id for target in targets if isinstance(target, ast.Name)], True
            case ast.AnnAssign(target=ast.Name(id=name)):
                names, is_constant = [name], True
            case _:
                continue
        yield from ((name, is_constant) for name in names if not name.startswith("_"))


def imports(module: str, tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Module and name of what `module` takes from others of ours, also as an attribute of an imported module."""
    aliases = dict[str, str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            folder = module.removesuffix("/__init__").split("/")[: None if module.endswith("__init__") else -1]
            parts = folder[: len(folder) - node.level + 1] + (node.module.split(".") if node.module else [])
            for alias in node.names:
                yield "/".join(parts), alias.name
                aliases[alias.asname or alias.name] = "/".join([*parts, alias.name])
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases:
            yield aliases[node.value.id], node.attr


def doubled(trees: Mapping[str, ast.Module]) -> dict[str, list[str]]:
    """Public names that stand in more than one module. A constant is public where another module uses it."""
    used = {pair for module, tree in trees.items() for pair in imports(module, tree)}
    places = defaultdict[str, dict[str, str]](dict)
    for module, tree in trees.items():
        for name, is_constant in declarations(tree):
            if name not in CONVENTIONS and (not is_constant or (module, name) in used):
                places[name].setdefault(_role(module), module)
    return {name: list(roles.values()) for name, roles in places.items() if len(roles) > 1}


def _role(module: str) -> str:
    """The same for modules that answer to one protocol."""
    path = Path(module)
    return path.name if any(path.parent.match(sibling) for sibling in SIBLINGS) else module


def test_no_two_public_things_have_one_name() -> None:
    names = doubled(modules())
    assert {name: places for name, places in names.items() if name not in EXCEPTIONS} == {}
    assert EXCEPTIONS - names.keys() == set(), "they stand once now: off the list"


def test_names_are_doubled_across_modules_only() -> None:
    trees = {
        "a/one": ast.parse("LIMIT = 1\nclass View: pass\ndef _own(): pass"),
        "b/two": ast.parse("LIMIT = 2\nclass View: pass\ndef _own(): pass\ndef main(): pass"),
        "b/three": ast.parse("from .two import LIMIT\ndef main(): pass"),
        "agents/x/files": ast.parse("def root(): pass"),
        "agents/y/files": ast.parse("def root(): pass"),
    }
    assert doubled(trees) == {"View": ["a/one", "b/two"]}
    trees["a/four"] = ast.parse("from . import one\nprint(one.LIMIT)")
    assert doubled(trees) == {"View": ["a/one", "b/two"], "LIMIT": ["a/one", "b/two"]}
