"""What of a call or text can be copied, and as what. Pure; every text is cleaned."""

from __future__ import annotations

from msgspec import Struct

from ...agents.subject import command_of, input_of, kind_of, output_text, subject
from ...model.state import Item, Note, ToolCall
from ...model.text import clean
from ...wire.json import encode


class Copies(Struct, frozen=True):
    """Texts by what they are; empty where an item has none."""

    item: str = ""
    input: str = ""
    output: str = ""
    command: str = ""


def copies(item: Item | None, cwd: str = "") -> Copies:
    if isinstance(item, Note):
        return Copies(item=clean(item.text))
    if not isinstance(item, ToolCall):
        return Copies()
    values = input_of(item)
    command = clean(command_of(values)) if kind_of(item.name) == "shell" else ""
    return Copies(
        item=command or clean(str(subject(item, cwd))),
        input=_pretty(values),
        output=clean(output_text(item)),
        command=command,
    )


def file_of(item: Item | None) -> str:
    """The path that a call names, as it was given; empty when it names none."""
    if not isinstance(item, ToolCall):
        return ""
    values = input_of(item)
    names = ("file_path", "filePath", "path", "notebook_path", "absolute_path")
    return next((path for name in names if isinstance(path := values.get(name), str) and path), "")


def _pretty(values: dict[str, object]) -> str:
    import msgspec

    return clean(msgspec.json.format(encode(values), indent=2).decode("utf-8", "replace")) if values else ""
