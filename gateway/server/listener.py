"""What aiohttp answers and logs by itself, in our words.

A request that is no HTTP never reaches a handler: aiohttp answers it with a text that quotes what came, and
logs that too. Here it gets the one error envelope, and nothing of it is written down.
"""

from __future__ import annotations

from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from ulid import ULID

from gateway.dialects.openai_chat import OPENAI_CHAT
from gateway.errors import InternalError, InvalidRequest, SluiceError
from gateway.server import telemetry

# What a client does to us, as opposed to what we do wrong.
_CLIENTS_FAULT = (HttpProcessingError, web.RequestPayloadError, aiohttp.ClientError, ConnectionError)


class Runner(web.AppRunner):
    """aiohttp's runner, with connections of ours."""

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _Server(
            made.request_handler,
            request_factory=made.request_factory,
            handler_cancellation=made.handler_cancellation,
            loop=made._loop,
            **made._kwargs,
        )


class _Server(web.Server):
    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


class _Connection(web.RequestHandler):
    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        self.log_exception(exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer is under way, an error cannot be another one")
        request_id = str(ULID())
        error: SluiceError = InternalError("the gateway failed; its log has the request id")
        if status < 500:
            error = InvalidRequest("the request is not valid HTTP")
            error.status = status
        response = web.Response(
            status=error.status,
            body=OPENAI_CHAT.encode_error(error.facts(request_id)),
            content_type="application/json",
            headers={"X-Request-ID": request_id, "Server": "sluice"},
        )
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kwargs: Any) -> None:
        bug = kwargs.get("exc_info")
        if isinstance(bug, BaseException) and not isinstance(bug, _CLIENTS_FAULT):
            telemetry.report(bug, "receive")
