"""Where a conversation stands, from the request alone: retries, subagents and parallel sessions need no memory."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Literal, NamedTuple

Json = dict[str, Any]
Dialect = Literal["messages", "responses", "chat"]

CUE = re.compile(r"play:([a-z-]+)/(\w+)")
CALL = re.compile(r"_at(\d+)_\d+(?:\D|$)")
HELPER = re.compile(r"agent_id\W+([0-9a-f-]{36})")


class Turn(NamedTuple):
    """A piece of a conversation: the user's words, the model's, or a call's id."""

    kind: Literal["user", "words", "call"]
    text: str


class Standing(NamedTuple):
    play: str
    run: str
    reply: int
    """Index of the reply that comes next."""


def standing(turns: Iterable[Turn]) -> Standing:
    """The last cue, and the replies since: a call's id has its reply's number, other words count as one reply each."""
    play, run, reply, open_words = "", "", 0, False
    for turn in turns:
        if turn.kind == "words":
            open_words = True
        elif turn.kind == "call":
            number = CALL.search(turn.text)
            reply, open_words = (int(number[1]) if number else reply) + 1, False
        else:
            reply, open_words = reply + open_words, False
            if cue := _last_cue(turn.text):
                (play, run), reply = cue, 0
    return Standing(play, run, reply + open_words)


def _last_cue(text: str) -> tuple[str, str] | None:
    cues = CUE.findall(text)
    return cues[-1] if cues else None


def turns_of(body: Json, dialect: Dialect) -> Iterator[Turn]:
    return {"messages": _messages, "responses": _responses, "chat": _chat}[dialect](body)


def _parts(content: Any) -> list[Json]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content or []


def _messages(body: Json) -> Iterator[Turn]:
    for message in body["messages"]:
        for part in _parts(message["content"]):
            if part["type"] == "tool_use":
                yield Turn("call", part["id"])
            elif part["type"] == "text":
                yield Turn("words" if message["role"] == "assistant" else "user", part["text"])


def _responses(body: Json) -> Iterator[Turn]:
    for item in _parts(body["input"]):
        if item.get("type") == "function_call":
            yield Turn("call", item["call_id"])
        elif item.get("type", "message") == "message":
            text = " ".join(part.get("text", "") for part in _parts(item.get("content")))
            yield Turn("words" if item.get("role") == "assistant" else "user", text)


def _chat(body: Json) -> Iterator[Turn]:
    for message in body["messages"]:
        text = " ".join(part.get("text", "") for part in _parts(message.get("content")))
        if message["role"] == "user":
            yield Turn("user", text)
        elif message["role"] == "assistant":
            if text:
                yield Turn("words", text)
            for call in message.get("tool_calls") or []:
                yield Turn("call", call["id"])


def tools_of(body: Json) -> list[str]:
    """Names of the offered tools; those of a group as `group/name`."""
    names: list[str] = []
    for tool in body.get("tools") or []:
        if tool.get("type") == "namespace":
            names += [f"{tool['name']}/{inner['name']}" for inner in tool["tools"]]
        else:
            names.append(tool.get("name") or tool.get("function", {}).get("name", ""))
    return names


def helper_of(body: Json) -> str:
    """The id of the subagent that this conversation started last."""
    return next(reversed(HELPER.findall(json.dumps(body.get("input", "")))), "")
