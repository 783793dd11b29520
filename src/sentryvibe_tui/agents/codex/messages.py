"""What Codex' stream and its rollout files say in the same words (docs/agents.md#codex-rollouts)."""

from __future__ import annotations

import json
import re

from ...model.facts import TodoItem
from ..common.tokens import Tokens
from ..common.values import EMPTY, Record, as_object, count, obj, text, todo_status

_REQUEST = "## My request for Codex:"
_MACHINE = re.compile(
    r"</?(?:[a-z]+(?:_[a-z]+)+\b[^<>]*|[a-z]+(?: [a-z]+)+)>|</?(?:skill|image)\b|# AGENTS\.md instructions"
)


def plan_items(plan: list[Record]) -> tuple[TodoItem, ...]:
    return tuple(TodoItem(text(step, "step"), todo_status(step.get("status"))) for step in plan)


def parsed(text: str) -> object:
    """The value of a JSON text; None for any other text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def subagent_end(state: object) -> tuple[str, bool] | None:
    """Last words, and whether it failed: of `{"completed": words}`, `{"errored": words}` or `"shutdown"`.

    None while the subagent is at work."""
    if isinstance(state, str):
        return (state, state != "shutdown") if state in ("shutdown", "interrupted", "not_found") else None
    kind, words = next(iter(as_object(state).items()), ("", ""))
    return (str(words or ""), kind != "completed") if kind else None


def said_plainly(error: str) -> str:
    """The message inside an error that the API gave as JSON text."""
    try:
        inner = as_object(json.loads(error)) if error.startswith("{") else EMPTY
    except (ValueError, RecursionError):
        return error
    return text(obj(inner, "error"), "message") or text(inner, "message") or error


def tokens_of(usage: Record) -> Tokens:
    """Their input counts all that went in, their output what was thought."""
    read, written = count(usage, "cached_input_tokens"), count(usage, "cache_write_input_tokens")
    return Tokens(
        fresh=max(0, count(usage, "input_tokens") - read - written),
        cache_read=read,
        cache_write_5m=written,
        output=count(usage, "output_tokens"),
        reasoning=count(usage, "reasoning_output_tokens"),
    )


def mcp_failed(result: Record) -> bool:
    """Whether a tool of an MCP server failed: `{"Ok": …}` or `{"Err": …}`."""
    return "Err" in result or any(obj(result, "Ok").get(key) is True for key in ("isError", "is_error"))


def prompt_words(prompt: str) -> str:
    """What a person asked for: "" for instructions and context that the program put in."""
    prompt = prompt.partition(_REQUEST)[2] if _REQUEST in prompt else prompt
    prompt = prompt.strip()
    return "" if _MACHINE.match(prompt) else prompt
