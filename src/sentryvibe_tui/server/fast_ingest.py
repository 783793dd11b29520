"""uvicorn's HTTP protocol with a shorter way in: a posted body goes to the store without a task and without ASGI.

That way costs as much as the commit itself. Whatever is unusual about a request takes the usual way (`App`).
"""

from __future__ import annotations

import asyncio
from typing import cast

from httptools import HttpRequestParser
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from ..store.contract import Accepted
from .app import EVENTS, App
from .asgi import HTTPError, Scope
from .bounds import BoundedHttp
from .guard import ANYONE
from .ingest import accepted_text, too_large

_PATH = EVENTS.encode()


class _Post(RequestResponseCycle):
    """A request on the short way, as far as uvicorn looks at it."""

    def __init__(self, keep_alive: bool, begun: float) -> None:
        self.principal = ANYONE
        self.begun = begun
        self.keep_alive = keep_alive
        self.body = bytearray()
        self.more_body = True
        self.message_event = asyncio.Event()
        self.disconnected = False
        self.response_started = self.response_complete = False


class FastIngestProtocol(BoundedHttp):
    @property
    def _app(self) -> App:
        return cast("App", self.config.loaded_app)  # pyright: ignore[reportUnknownMemberType]

    def takes(self) -> bool:
        parser = self.parser
        if parser is None or not self._is_post(parser):
            return False
        self.cycle = post = _Post(parser.should_keep_alive(), self._app.context.metrics.clock())
        try:
            post.principal = self._app.check_post(cast("Scope", self.scope))
        except HTTPError as refused:
            self._refuse(post, refused)
        return True

    def _is_post(self, parser: HttpRequestParser) -> bool:
        return (
            self.url == _PATH
            and parser.get_method() == b"POST"
            and (self.cycle is None or self.cycle.response_complete)  # pyright: ignore[reportUnnecessaryComparison]
            and not self.expect_100_continue
            and not parser.should_upgrade()
            and not self.flow.write_paused
            and parser.get_http_version() == "1.1"
        )

    def on_body(self, body: bytes) -> None:
        post = self.cycle
        if not isinstance(post, _Post):
            super().on_body(body)
        elif not post.response_complete:
            post.body += body
            limit = self._app.context.settings.max_body
            if len(post.body) > limit:
                self._refuse(post, too_large(limit))

    def on_message_complete(self) -> None:
        post = self.cycle
        if not isinstance(post, _Post):
            super().on_message_complete()
        elif post.more_body and not post.response_complete:
            post.more_body = False
            try:
                answer = asyncio.ensure_future(self._app.post(bytes(post.body), post.principal))
            except Exception as error:
                self._refuse(post, self._app.refusal(error))
            else:
                answer.add_done_callback(lambda done: self._answer(post, done))

    def come_late(self) -> None:
        if self.url == _PATH:
            self._app.context.metrics.refused(408)
        super().come_late()

    def _answer(self, post: _Post, done: asyncio.Future[Accepted]) -> None:
        if done.cancelled():
            self.transport.close()
        elif (error := done.exception()) is not None:
            self._refuse(post, self._app.refusal(error))
        else:
            self._app.context.metrics.appended(done.result(), post.begun)
            self._respond(post, 200, accepted_text(done.result()))

    def _refuse(self, post: _Post, refused: HTTPError) -> None:
        self._app.context.metrics.refused(refused.status)
        self._app.audit_refusal(cast("Scope", self.scope), refused)
        fields = b"".join(b"%s: %s\r\n" % field for field in refused.fields)
        self._respond(post, refused.status, refused.body, fields)

    def _respond(self, post: _Post, status: int, body: bytes, fields: bytes = b"") -> None:
        if self.transport.is_closing():
            return
        head = b"".join(b"%s: %s\r\n" % field for field in self.server_state.default_headers)
        last = b"" if post.keep_alive else b"connection: close\r\n"
        kind = b"content-type: application/json\r\ncontent-length: %d\r\n" % len(body)
        self.transport.write(b"".join((STATUS_LINE[status], head, kind, fields, last, b"\r\n", body)))
        post.response_complete = True
        if not post.keep_alive:
            self.transport.close()
        self.on_response_complete()
