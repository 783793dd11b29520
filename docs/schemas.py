"""The JSON Schemas of what programs post and read, made from the structs that decode and encode it.

    python docs/schemas.py            writes docs/schema/*.json
    python docs/schemas.py --check    exits 1 when one of them is not up to date

What is taken is described as it is taken: an unknown value of a text is no error, and fields may be added.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, get_args

import msgspec
from msgspec import inspect

from sentryvibe_tui.client.rest import ListedProject
from sentryvibe_tui.model.activity import ActivityKind, Outcome, RequestKind, RequestOutcome, Source
from sentryvibe_tui.model.state import BuildState, Level, NoteKind, Status, TodoStatus, ToolState
from sentryvibe_tui.report.jsonl import LINES
from sentryvibe_tui.wire.envelope import Envelope, event_shapes
from sentryvibe_tui.wire.state import WireState, encode_state
from sentryvibe_tui.wire.updates import WireUpdate, update_shapes

FOLDER = Path(__file__).parent / "schema"
Schema = dict[str, Any]

WORDS: dict[tuple[str, str], Any] = {
    ("State", "status"): Status,
    ("Todo", "status"): TodoStatus,
    ("Tool", "state"): ToolState,
    ("Note", "kind"): NoteKind,
    ("Note", "level"): Level,
    ("Text", "kind"): NoteKind,
    ("Notice", "level"): Level,
    ("Activity", "kind"): ActivityKind,
    ("Activity", "source"): Source,
    ("Request", "kind"): RequestKind,
    ("Resolved", "outcome"): RequestOutcome,
    ("Turn", "outcome"): Outcome,
    ("Complete", "outcome"): Outcome,
}
"""Fields of what is written that hold one of a few words; a reader still takes others."""


class Shapes:
    """Schemas of structs by name. `written`: they are written by us, so their words are known."""

    def __init__(self, *, written: bool) -> None:
        self.defs: dict[str, Schema] = {}
        self._names: dict[type, str] = {}
        self._written = written

    def of(self, kind: Any) -> Schema:
        """The schema of a type; a struct's is kept in `defs`."""
        return self._of(inspect.type_info(kind))

    def of_field(self, field: inspect.Field) -> Schema:
        return self._of(field.type)

    def _of(self, kind: inspect.Type) -> Schema:
        match kind:
            case inspect.StructType(cls=cls):
                return {"$ref": f"#/$defs/{self._struct(kind, cls)}"}
            case inspect.UnionType(types=types):
                return _any_of([self._of(one) for one in types])
            case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item):
                return {"type": "array", "items": self._of(item)}
            case inspect.DictType(value_type=value):
                return {"type": "object", "additionalProperties": self._of(value)}
            case inspect.LiteralType(values=values):
                return {"enum": list(values)}
            case inspect.RawType() | inspect.AnyType():
                return {}
            case _:
                return {"type": _SIMPLE[type(kind)]}

    def _struct(self, kind: inspect.StructType, cls: type) -> str:
        name = self._names.get(cls) or self._free(cls)
        if name not in self.defs:
            self._names[cls] = name
            self.defs[name] = {}  # a struct may hold itself
            self.defs[name] = self._object(kind, _name(cls))
        return name

    def _free(self, cls: type) -> str:
        name = _name(cls)
        return f"{cls.__module__.rpartition('.')[2].title()}{name}" if name in self.defs else name

    def _object(self, kind: inspect.StructType, name: str) -> Schema:
        schema: Schema = {"type": "object"}
        if kind.cls.__doc__ and not kind.cls.__doc__.startswith(f"{kind.cls.__name__}("):
            schema["description"] = kind.cls.__doc__.strip().split("\n\n")[0].replace("\n", " ").replace("    ", "")
        fields = {field.encode_name: self._field(name, field) for field in kind.fields}
        tag = {} if kind.tag_field is None else {kind.tag_field: {"const": kind.tag}}
        schema["properties"] = tag | fields
        needed = [*tag, *(field.encode_name for field in kind.fields if field.required)]
        return schema | ({"required": needed} if needed else {})

    def _field(self, name: str, field: inspect.Field) -> Schema:
        words = WORDS.get((name, field.encode_name)) if self._written else None
        if words is not None:
            return {"enum": _all_words(words)}
        if self._written and field.encode_name == "state" and isinstance(field.type, inspect.RawType):
            return self.of(WireState)
        return self._of(field.type)


def _any_of(options: list[Schema]) -> Schema:
    if any(option.keys() != {"type"} for option in options):
        return {"anyOf": options}
    kinds = [option["type"] for option in options]
    return {"type": [kind for kind in kinds if kind != "integer" or "number" not in kinds]}


def _name(cls: type) -> str:
    return cls.__name__.strip("_").removeprefix("Wire")


_SIMPLE = {
    inspect.StrType: "string",
    inspect.IntType: "integer",
    inspect.FloatType: "number",
    inspect.BoolType: "boolean",
    inspect.NoneType: "null",
}


def _all_words(literal: Any) -> list[str]:
    return [word for part in get_args(literal) for word in ((part,) if isinstance(part, str) else _all_words(part))]


# --------------------------------------------------------------------------- the schemas


def event() -> Schema:
    """What `POST /api/build-events` takes."""
    shapes = Shapes(written=False)
    envelope = shapes.of(Envelope)
    kinds = {kind: shapes.of(shape) for kind, shape in event_shapes().items()}
    unknown = {"properties": {"type": {"type": "string", "not": {"enum": list(kinds)}}}, "required": ["type"]}
    one = {"type": "object", "anyOf": [*(_typed(kind, shape) for kind, shape in kinds.items()), unknown]}
    shapes.defs["Envelope"]["properties"]["event"] = {"$ref": "#/$defs/Event"}
    shapes.defs["Event"] = one
    schema = {"anyOf": [envelope, {"type": "array", "items": envelope}]}
    return _document("What POST /api/build-events takes (docs/protocol.md#events)", schema, shapes)


def _typed(kind: str, shape: Schema) -> Schema:
    return {"properties": {"type": {"const": kind}}, "required": ["type"], "allOf": [shape]}


def update() -> Schema:
    """An element of `updates` in a `batch-update` frame."""
    shapes = Shapes(written=True)
    return _document("An update (docs/protocol.md#updates)", _update(shapes), shapes)


def _update(shapes: Shapes) -> Schema:
    envelope = inspect.type_info(WireUpdate)
    assert isinstance(envelope, inspect.StructType)
    fields = {field.encode_name: shapes.of_field(field) for field in envelope.fields}
    data = {kind: shapes.of(shape) for kind, shape in update_shapes().items()}
    kinds = [{"properties": {"type": {"const": kind}, "data": shape}} for kind, shape in data.items()]
    return {"type": "object", "properties": fields, "required": list(fields), "anyOf": kinds}


def jsonl() -> Schema:
    """A line of `watch --jsonl`."""
    shapes = Shapes(written=True)
    lines = [shapes.of(line) for line in LINES]
    _complete(shapes)
    return _document("A line of `watch --jsonl`", {"anyOf": [*lines, _update(shapes)]}, shapes)


def state() -> Schema:
    """`show --json`, `state-recovery`, `hydratedState`."""
    shapes = Shapes(written=True)
    whole = shapes.of(WireState)
    _complete(shapes)
    return _document("A build state, as `show --json` prints it (docs/protocol.md#build-state)", whole, shapes)


def _complete(shapes: Shapes) -> None:
    """Every state of ours has these, though a reader misses none of them."""
    always = msgspec.json.decode(encode_state(BuildState(id="b")), type=dict[str, Any])
    shapes.defs["State"]["required"] = sorted(always)


def listing() -> Schema:
    """`ls --json`."""
    shapes = Shapes(written=True)
    rows = {"type": "array", "items": shapes.of(ListedProject)}
    schema = {"type": "object", "properties": {"projects": rows}, "required": ["projects"]}
    return _document("Projects and their builds, as `ls --json` prints them", schema, shapes)


def _document(title: str, schema: Schema, shapes: Shapes) -> Schema:
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title}
    return head | schema | {"$defs": dict(sorted(shapes.defs.items()))}


SCHEMAS = {"event": event, "update": update, "jsonl": jsonl, "state": state, "list": listing}


def texts() -> dict[Path, str]:
    """What each file has to hold."""
    return {FOLDER / f"{name}.json": json.dumps(made(), indent=2) + "\n" for name, made in SCHEMAS.items()}


def main(arguments: list[str]) -> int:
    stale = [path for path, text in texts().items() if not path.exists() or path.read_text() != text]
    if "--check" in arguments:
        print(*(f"{path} is not up to date" for path in stale), sep="\n", end="\n" if stale else "")
        return 1 if stale else 0
    for path, text in texts().items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
