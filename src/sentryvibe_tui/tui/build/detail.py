"""One call or note in full: its input in a readable form, its output, its times. Pure.

Long values are shown up to LINES_SHOWN lines each; the tool's own clipping is said, never hidden.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

from ...agents.subject import command_of, error_line, exit_code, input_of, kind_of, output_text, subject
from ...model.state import BuildState, Item, Note, ToolCall
from ...model.text import clean, clean_line
from ...report.words import call_mark, clock, duration, plural, running_time, size
from ...wire.json import encode
from ..context import RenderContext, role
from ..lines import Line, line_text, wrap
from ..prose import prose
from .tally import VerbStats
from .widgets.files import ChangedFile

LINES_SHOWN = 2_000

_HUNK = r"^@@ -\S+ \+\S+ @@"


COMPARED = 5
"""Calls of a kind that must have ended before it is said what is usual."""


def tool_detail(
    tool: ToolCall, state: BuildState, context: RenderContext, width: int, stats: VerbStats | None = None
) -> list[Line]:
    """All there is to say of a call, beside `stats` of its kind, in lines of `width` cells."""
    mark = call_mark(tool, state.requests, context.glyphs)
    about = subject(tool, state.agent.cwd)
    head: Line = [(mark.glyph + " ", role(mark.tone)), (about.verb, "strong"), (" " + about.text, "")]
    lines = [*wrap(head, width), *wrap(_facts(tool, state, context, stats), width), []]
    lines += [line for part in _input(tool, about.kind, context, width) for line in wrap(part, width)]
    lines += [[], *_output(tool, context, width)]
    return lines


def file_detail(file: ChangedFile, width: int) -> list[Line]:
    """All changes of a file, the newest first."""
    lines: list[Line] = [
        [(clean_line(file.path), "strong")],
        [(f"+{file.added}", "good"), (f" -{file.removed}", "bad"), (f"  {plural(len(file.changes), 'change')}", "dim")],
    ]
    for at, change in reversed(file.changes):
        lines += [[], [(clock(at or None), "heading"), (f"  +{change.added} -{change.removed}", "dim")]]
        patch = (_diff_line(line) for line in _text_lines(change.patch))
        body = patch if change.patch else diff(change.old, change.new)
        lines += [part for line in body for part in wrap(line, width)]
    return lines


def note_detail(note: Note, context: RenderContext, width: int) -> list[Line]:
    head: Line = [(note.kind, "strong"), (f"  {clock(note.at or None)}  {len(note.text):,} characters", "dim")]
    return [head, [], *prose(note.text, width, context.glyphs, limit=len(note.text))]


def full_text(item: Item, state: BuildState, context: RenderContext) -> str:
    """An item as plain text for a pager: nothing is cut or wrapped."""
    if isinstance(item, Note):
        return clean(item.text)
    lines = [line_text(line) for line in tool_detail(item, state, context, UNWRAPPED)]
    head = lines[: next((at for at, line in enumerate(lines) if line.startswith("Output")), len(lines)) + 1]
    return "\n".join([*head, clean(output_text(item))])


UNWRAPPED = 1 << 30
"""Cells that no line has."""


def _facts(tool: ToolCall, state: BuildState, context: RenderContext, stats: VerbStats | None) -> Line:
    mark = call_mark(tool, state.requests, context.glyphs)
    facts = [mark.word]
    code = exit_code(tool) if kind_of(tool.name) == "shell" else None
    if code is not None:
        facts.append(f"exit {code}")
    if tool.started_at is not None:
        took = context.now() - tool.started_at if tool.is_open else (tool.ended_at or tool.started_at) - tool.started_at
        facts.append(running_time(took) if tool.is_open else duration(took))
        facts.append(clock(tool.started_at) + ("" if tool.is_open else f" to {clock(tool.ended_at)}"))
    if stats and len(stats.latest) >= COMPARED and (times := stats.times):
        facts.append(f"usual {duration(times.p50)}, p95 {duration(times.p95)}")
    todo = next((todo for todo in (*state.todos, *state.template_todos) if todo.key == tool.todo), None)
    if todo is not None:
        facts.append(f"in “{clean_line(todo.content, 60)}”")
    if subject(tool).verb != clean_line(tool.name):
        facts.append(clean_line(tool.name, 60))
    return [(f" {context.glyphs.dot} ".join(facts), role(mark.tone) if tool.state == "error" else "dim")]


def _section(title: str, note: str = "") -> Line:
    return [(title, "heading"), (f"  {note}" if note else "", "faint")]


def _input(tool: ToolCall, kind: str, context: RenderContext, width: int) -> Iterator[Line]:
    values = input_of(tool)
    questions, plan = values.get("questions"), values.get("plan")
    yield _section("Input", f"{size(tool.input_bytes)}, shown in part" if tool.input_bytes else "")
    match kind:
        case "shell":
            yield from _command(values)
        case "edit":
            yield from _edits(values)
        case _ if isinstance(questions, list) and questions:
            yield from _questions(cast("list[Any]", questions), context)
        case _ if isinstance(plan, str) and plan:
            yield from prose(plan, width, context.glyphs, limit=len(plan))
        case _:
            yield from _fields(values)


def _questions(questions: list[Any], context: RenderContext) -> Iterator[Line]:
    """What the agent asks, each with its choices."""
    for question in questions:
        fields = cast("dict[str, Any]", question) if isinstance(question, dict) else {"question": question}
        yield [(clean_line(str(fields.get("question") or fields.get("header") or "")), "strong")]
        options = fields.get("options")
        for option in cast("list[Any]", options) if isinstance(options, list) else []:
            choice = cast("dict[str, Any]", option) if isinstance(option, dict) else {"label": option}
            description = clean_line(str(choice.get("description") or ""))
            label = clean_line(str(choice.get("label") or ""))
            yield [
                (f"  {context.glyphs.dot} ", "faint"),
                (label, ""),
                (f"  {description}" if description else "", "dim"),
            ]


def _command(values: dict[str, Any]) -> Iterator[Line]:
    command = command_of(values)
    for at, line in enumerate(_text_lines(command)):
        yield [("$ " if not at else "  ", "faint"), (line, "")]
    rest = {key: value for key, value in values.items() if key not in ("command", "cmd", "script", "")}
    yield from _fields(rest)


def _edits(values: dict[str, Any]) -> Iterator[Line]:
    patch = next((str(values[key]) for key in ("input", "patch", "") if isinstance(values.get(key), str)), "")
    if patch:
        yield from (_diff_line(line) for line in _text_lines(patch))
        return
    edits = values.get("edits")
    pairs = cast("list[Any]", edits) if isinstance(edits, list) else [values]
    has_diff = False
    yield from _fields({key: value for key, value in values.items() if key not in _EDITED})
    for pair in pairs:
        if isinstance(pair, dict):
            fields = cast("dict[str, Any]", pair)
            old = str(fields.get("old_string", fields.get("oldString", "")) or "")
            new = str(fields.get("new_string", fields.get("newString", fields.get("new_source", ""))) or "")
            if old or new:
                if has_diff:
                    yield [("  …", "faint")]
                has_diff = True
                yield from diff(old, new)
    if not has_diff:
        yield from _fields({key: value for key, value in values.items() if key in _EDITED})


_EDITED = ("old_string", "new_string", "oldString", "newString", "new_source", "edits")


def diff(old: str, new: str) -> Iterator[Line]:
    """Lines taken out and put in, with two of what stays around them."""
    from difflib import unified_diff

    before, after = _text_lines(old) if old else [], _text_lines(new) if new else []
    if len(before) * len(after) > 4_000_000:
        yield from ([("- " + line, "bad")] for line in before)
        yield from ([("+ " + line, "good")] for line in after)
        return
    hunks = 0
    for line in list(unified_diff(before, after, n=2, lineterm=""))[2:]:
        if re.match(_HUNK, line):
            hunks += 1
            if hunks > 1:
                yield [("  …", "faint")]
        else:
            yield _diff_line(line[:1] + " " + line[1:])


def _diff_line(line: str) -> Line:
    tone = "good" if line[:1] == "+" else "bad" if line[:1] == "-" else "accent" if line[:3] == "***" else "dim"
    return [(line, tone)]


def _fields(values: dict[str, Any]) -> Iterator[Line]:
    """`key: value`, texts of several lines below their key."""
    for key, value in values.items():
        name = clean_line(str(key), 60)
        if isinstance(value, str):
            lines = _text_lines(value)
            if len(lines) == 1:
                yield [(f"{name}: " if name else "", "dim"), (lines[0], "")]
            else:
                yield [(f"{name}:", "dim")]
                yield from ([("  " + line, "")] for line in lines)
        elif isinstance(value, dict | list) and value:
            yield [(f"{name}:", "dim")]
            yield from ([("  " + line, "")] for line in _pretty(cast("object", value)))
        else:
            text = encode(cast("object", value)).decode("utf-8", "replace")
            yield [(f"{name}: ", "dim"), (clean_line(text), "")]


def _pretty(value: object) -> list[str]:
    import msgspec

    return _text_lines(msgspec.json.format(encode(value), indent=2).decode("utf-8", "replace"))


def _output(tool: ToolCall, context: RenderContext, width: int) -> Iterator[Line]:
    text = output_text(tool).strip("\n")
    if tool.output is None:
        yield _section("Output", "not yet" if tool.is_open else "none")
        return
    amount = f"{size(tool.output_bytes)}, shown in part" if tool.output_bytes else size(len(bytes(tool.output)))
    yield _section("Output", amount)
    error = error_line(tool) if tool.state == "error" else ""
    for line in _text_lines(text):
        yield from wrap([(line, "bad" if error and error in line else "")], width)


def _text_lines(text: str) -> list[str]:
    lines = clean(text).split("\n")
    if len(lines) <= LINES_SHOWN:
        return lines
    return [*lines[:LINES_SHOWN], f"… {len(lines) - LINES_SHOWN:,} more lines, t shows all"]
