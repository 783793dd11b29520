"""A scripted model on loopback that real agents talk to: no account, no network."""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from ..patience import PATIENCE
from .conversation import Dialect, helper_of, standing, tools_of, turns_of
from .dialects import Call, Reply, stream, whole_message
from .offered import Scene, call_of
from .plays import PLAYS, USAGE, Refuse, Say, Step, Usage

SIDE_WORK = Usage(fresh=0, output=0, cache_read=0, cache_write=0)
"""Titles and the like, which agents do not count alike."""


class MockModel:
    """`POST /v1/messages`, `/v1/responses`, `/v1/chat/completions`; what it was asked is in `runs`."""

    def __init__(self) -> None:
        self.runs: Counter[str] = Counter()
        """Replies to each run of a play, refusals not counted."""
        self._refused: Counter[tuple[str, int]] = Counter()
        self._numbers = count(1)
        self.app = Starlette(
            routes=[
                Route("/v1/messages/count_tokens", self._tokens, methods=["POST"]),
                Route("/v1/messages", self._answer("messages"), methods=["POST"]),
                Route("/v1/responses", self._answer("responses"), methods=["POST"]),
                Route("/v1/chat/completions", self._answer("chat"), methods=["POST"]),
                Route("/v1/models", self._models),
                Route("/{rest:path}", self._nothing, methods=["GET", "HEAD", "POST"]),
            ]
        )

    async def _nothing(self, _: Request) -> Response:
        return JSONResponse({"error": "not here"}, 404)

    async def _tokens(self, request: Request) -> Response:
        return JSONResponse({"input_tokens": max(1, len(await request.body()) // 4)})

    async def _models(self, _: Request) -> Response:
        model = {"id": "mock-model", "type": "model", "object": "model", "display_name": "Mock"}
        return JSONResponse({"object": "list", "data": [model], "models": [], "has_more": False})

    def _answer(self, dialect: Dialect) -> Any:
        async def answer(request: Request) -> Response:
            reply = self.reply(await request.json(), dialect)
            if isinstance(reply, Refuse):
                problem = {"type": "overloaded_error", "message": "the scripted model is busy"}
                return JSONResponse({"type": "error", "error": problem}, reply.status)
            if dialect == "messages" and not (await request.json()).get("stream"):
                return JSONResponse(whole_message(reply))
            return StreamingResponse(stream(reply, dialect), media_type="text/event-stream")

        return answer

    def reply(self, body: dict[str, Any], dialect: Dialect) -> Reply | Refuse:
        """What comes next in the conversation; an agent's own small jobs, which offer no tools, get a title."""
        number, model = f"{next(self._numbers):06d}", body.get("model", "")
        tools, at = tools_of(body), standing(turns_of(body, dialect))
        if not tools or at.play not in PLAYS:
            return Reply(number, model, [Say(_title(body))], SIDE_WORK)
        refusal = next((step for step in _steps(at.play, at.reply) if isinstance(step, Refuse)), None)
        if refusal and self._refused[at.run, at.reply] < refusal.times:
            self._refused[at.run, at.reply] += 1
            return refusal
        self.runs[at.run] += 1
        scene, index, spoken = Scene(at.run, helper_of(body)), at.reply, list[Say | Call]()
        while not spoken and index < len(PLAYS[at.play]):  # a reply of tools that this agent has not is passed over
            parts = (
                _part(step, tools, scene, f"call_{number}_at{index}_{n}")
                for n, step in enumerate(_steps(at.play, index))
            )
            spoken, index = [part for part in parts if part is not None], index + 1
        return Reply(number, model, spoken or [Say("Nothing more.")], USAGE)


def _steps(play: str, reply: int) -> list[Step]:
    replies = PLAYS[play]
    return replies[reply] if reply < len(replies) else [Say("Nothing more.")]


def _part(step: Step, tools: list[str], scene: Scene, call_id: str) -> Say | Call | None:
    if isinstance(step, Say | Refuse):
        return step if isinstance(step, Say) else None
    call = call_of(step, tools, scene)
    return Call(call_id, *call) if call else None


def _title(body: dict[str, Any]) -> str:
    """Small talk; as JSON with the required fields when the request wants that."""
    wanted = json.dumps([body.get(name) for name in ("text", "response_format", "output_config")])
    required = re.search(r'"required": \[([^\]]*)\]', wanted)
    if not required:
        return "A title"
    return json.dumps(dict.fromkeys(re.findall(r'"([^"]+)"', required[1]), "A title"))


@contextlib.contextmanager
def serving(model: MockModel) -> Iterator[str]:
    """The model's URL, without `/v1`."""
    server = uvicorn.Server(uvicorn.Config(model.app, port=0, log_level="error", lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + PATIENCE
    while not server.started and time.monotonic() < until and thread.is_alive():
        time.sleep(0.01)
    try:
        (port,) = {bound.getsockname()[1] for bound in server.servers[0].sockets}
        yield f"http://127.0.0.1:{port}"
    finally:
        server.force_exit = server.should_exit = True
        thread.join(PATIENCE)
