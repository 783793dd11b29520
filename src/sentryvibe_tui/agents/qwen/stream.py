"""Qwen Code's `-p … --output-format stream-json`, which has the shape of Claude Code's stream."""

from __future__ import annotations

from collections.abc import Iterator

from ..claude.stream import ClaudeStream
from ..common.reader import Reported
from ..common.values import Record, obj, objects, text
from .tools import AGENT, TODO_TOOLS


class QwenStream(ClaudeStream):
    """What it calls otherwise is called as Claude Code does, and then read like that."""

    agent_id = AGENT
    version_field = "qwen_code_version"

    def _read(self, record: Record) -> Iterator[Reported]:
        kind = text(record, "type")
        if kind == "system" and text(record, "subtype") == "session_start":
            record = record | {"subtype": "init"}
        elif kind == "assistant":
            record = record | {"message": _with_own_names(obj(record, "message"))}
        elif kind == "result" and "result" not in record:
            record = record | {"result": text(obj(record, "error"), "message")}
        return super()._read(record)


def _with_own_names(message: Record) -> Record:
    """A whole todo list goes by another name."""
    blocks = objects(message, "content")
    if not any(text(block, "name") in TODO_TOOLS for block in blocks):
        return message
    renamed = [block | {"name": "TodoWrite"} if text(block, "name") in TODO_TOOLS else block for block in blocks]
    return message | {"content": renamed}
