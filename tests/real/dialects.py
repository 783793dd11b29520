"""A reply as server-sent events of three APIs: Anthropic's messages, OpenAI's responses and chat completions."""

from __future__ import annotations

import asyncio
import json
import textwrap
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from .conversation import Dialect
from .plays import Say, Usage

Json = dict[str, Any]


class Call(NamedTuple):
    id: str
    name: str
    """`group/name` where tools are grouped."""
    input: Json


class Reply(NamedTuple):
    id: str
    model: str
    parts: list[Say | Call]
    usage: Usage

    @property
    def calls(self) -> list[Call]:
        return [part for part in self.parts if isinstance(part, Call)]


def stream(reply: Reply, dialect: Dialect) -> AsyncIterator[bytes]:
    return {"messages": _messages, "responses": _responses, "chat": _chat}[dialect](reply)


def _event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


async def _pieces(say: Say) -> AsyncIterator[str]:
    if not say.pace:
        yield say.text
        return
    for piece in textwrap.wrap(say.text, 12, drop_whitespace=False):
        yield piece
        await asyncio.sleep(say.pace)


def whole_message(reply: Reply) -> Json:
    """Anthropic's answer to a request that asks for no stream."""
    content = [
        {"type": "text", "text": part.text}
        if isinstance(part, Say)
        else {"type": "tool_use", "id": part.id, "name": part.name, "input": part.input}
        for part in reply.parts
    ]
    return {**_message(reply), "content": content, "usage": _anthropic_usage(reply.usage, reply.usage.output)}


def _message(reply: Reply) -> Json:
    return {
        "id": f"msg_{reply.id}",
        "type": "message",
        "role": "assistant",
        "model": reply.model,
        "content": [],
        "stop_reason": "tool_use" if reply.calls else "end_turn",
        "stop_sequence": None,
    }


def _anthropic_usage(usage: Usage, output: int) -> Json:
    return {
        "input_tokens": usage.fresh,
        "output_tokens": output,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_creation": {"ephemeral_5m_input_tokens": usage.cache_write, "ephemeral_1h_input_tokens": 0},
    }


async def _messages(reply: Reply) -> AsyncIterator[bytes]:
    opening = {**_message(reply), "stop_reason": None, "usage": _anthropic_usage(reply.usage, 1)}
    yield _event("message_start", message=opening)
    for index, part in enumerate(reply.parts):
        if isinstance(part, Say):
            yield _event("content_block_start", index=index, content_block={"type": "text", "text": ""})
            async for piece in _pieces(part):
                yield _event("content_block_delta", index=index, delta={"type": "text_delta", "text": piece})
        else:
            block = {"type": "tool_use", "id": part.id, "name": part.name, "input": {}}
            yield _event("content_block_start", index=index, content_block=block)
            delta = {"type": "input_json_delta", "partial_json": json.dumps(part.input)}
            yield _event("content_block_delta", index=index, delta=delta)
        yield _event("content_block_stop", index=index)
    usage = _anthropic_usage(reply.usage, reply.usage.output)
    stop = {"stop_reason": _message(reply)["stop_reason"], "stop_sequence": None}
    yield _event("message_delta", delta=stop, usage=usage)
    yield _event("message_stop")


async def _responses(reply: Reply) -> AsyncIterator[bytes]:
    name = f"resp_{reply.id}"
    yield _event("response.created", response={"id": name})
    for index, part in enumerate(reply.parts):
        if isinstance(part, Call):
            yield _event("response.output_item.done", output_index=index, item=_function_call(part))
            continue
        item: Json = {"type": "message", "id": f"msg_{reply.id}_{index}", "role": "assistant", "content": []}
        yield _event("response.output_item.added", output_index=index, item=item)
        async for piece in _pieces(part):
            place = {"output_index": index, "content_index": 0, "item_id": item["id"]}
            yield _event("response.output_text.delta", **place, delta=piece)
        item["content"] = [{"type": "output_text", "text": part.text}]
        yield _event("response.output_item.done", output_index=index, item=item)
    yield _event("response.completed", response={"id": name, "usage": _responses_usage(reply.usage)})


def _function_call(call: Call) -> Json:
    group, _, name = call.name.rpartition("/")
    item = {
        "type": "function_call",
        "id": f"fc_{call.id}",
        "call_id": call.id,
        "name": name,
        "arguments": json.dumps(call.input),
    }
    return {**item, "namespace": group} if group else item


def _responses_usage(usage: Usage) -> Json:
    return {
        "input_tokens": usage.whole_input,
        "input_tokens_details": {"cached_tokens": usage.cache_read},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.whole_input + usage.output,
    }


async def _chat(reply: Reply) -> AsyncIterator[bytes]:
    def chunk(choices: list[Json], **more: Any) -> bytes:
        row = {"id": f"chatcmpl-{reply.id}", "object": "chat.completion.chunk", "created": 0, "model": reply.model}
        return f"data: {json.dumps({**row, 'choices': choices, **more})}\n\n".encode()

    def delta(fields: Json, finish: str | None = None) -> bytes:
        return chunk([{"index": 0, "delta": fields, "finish_reason": finish}])

    yield delta({"role": "assistant", "content": ""})
    for part in reply.parts:
        if isinstance(part, Say):
            async for piece in _pieces(part):
                yield delta({"content": piece})
    for index, call in enumerate(reply.calls):
        function = {"name": call.name, "arguments": json.dumps(call.input)}
        yield delta({"tool_calls": [{"index": index, "id": call.id, "type": "function", "function": function}]})
    yield delta({}, "tool_calls" if reply.calls else "stop")
    usage = reply.usage
    counts = {
        "prompt_tokens": usage.whole_input,
        "completion_tokens": usage.output,
        "total_tokens": usage.whole_input + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read},
    }
    yield chunk([], usage=counts)
    yield b"data: [DONE]\n\n"
