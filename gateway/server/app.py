"""The HTTP face: routes, who may come in, the error envelope, CORS.

`create` makes an aiohttp application of a gateway; `serving` runs it. What a request does once it is inside
stands in `handler`.
"""

from __future__ import annotations

import asyncio
from functools import lru_cache
from time import perf_counter
from urllib.parse import urlsplit

from aiohttp import web
from ulid import ULID

from gateway.config import is_loopback
from gateway.dialects.openai_chat import OPENAI_CHAT
from gateway.errors import (
    BodyTooLarge,
    InternalError,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    SluiceError,
)
from gateway.server import routes, telemetry
from gateway.server.call import CALL, GATEWAY, Call, Gateway
from gateway.server.handler import Handler
from gateway.server.logs import REQUEST_ID
from gateway.server.reload import CURRENT, Current
from gateway.server.reply import allowed_origin, headers_of


def create(gateway: Gateway) -> web.Application:
    """The application. It closes the gateway when it is cleaned up."""
    app = web.Application(
        middlewares=[_answered],
        client_max_size=gateway.config.server.max_body_bytes,
        handler_args={"access_log": None},
    )
    app[CURRENT] = Current(gateway)
    app.on_response_prepare.append(_add_headers)
    app.on_shutdown.append(_end_answers)
    app.on_cleanup.append(_close)
    routes.add(app.router)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    return app


async def healthz(request: web.Request) -> web.Response:
    """The process is alive."""
    return web.json_response({"status": "ok"})


async def readyz(request: web.Request) -> web.Response:
    """New requests are welcome; 503 while shutting down."""
    ready = request.app[CURRENT].ready
    return web.json_response({"status": "ready" if ready else "stopping"}, status=200 if ready else 503)


# --- every request ----------------------------------------------------------------------------------------


@web.middleware
async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request its id, and every failure the one envelope."""
    current = request.app[CURRENT]
    gateway = request[GATEWAY] = current.enter()
    call = request[CALL] = Call(id=str(ULID()), started_at=perf_counter(), route=_route(request))
    REQUEST_ID.set(call.id)
    if gateway.traces is not None:
        call.trace = gateway.traces.begin(request, call)
    response: web.StreamResponse | None = None
    try:
        _admit(request)
        response = preflight if (preflight := _preflight(request)) else await handler(request)
    except SluiceError as error:
        response = _failure(request, error)
        error.forget_frames()
    except web.HTTPException as error:
        response = _failure(request, _as_ours(error))
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
    except web.RequestPayloadError:
        response = _failure(request, InvalidRequest("the body cannot be read: it is not encoded as it says"))
    except asyncio.CancelledError:
        call.error = "client_closed"
        raise
    except ConnectionError:
        # Found out while writing. What is returned cannot be sent either; raising would log an error.
        call.error = "client_closed"
        return web.Response(status=499)
    except Exception as bug:
        telemetry.report(bug, call.phase, call.id)
        response = _failure(request, InternalError("the gateway failed; its log has the request id"))
    finally:
        call.asked = call.attempts > 0
        call.phase = "settle"
        call.status = response.status if response is not None else 499
        try:
            await gateway.admission.settle(call)
        finally:
            telemetry.settle(gateway, call, perf_counter())
            current.leave(gateway)
    return response


def _route(request: web.Request) -> str:
    """The pattern of the path: there is a fixed number of them."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "other"


def _failure(request: web.Request, error: SluiceError) -> web.Response:
    """The error in the dialect of the path that was asked."""
    call = request[CALL]
    call.failed(error)
    dialect = getattr(request.match_info.handler, "dialect", OPENAI_CHAT)
    response = web.Response(
        status=error.status,
        body=dialect.encode_error(error.facts(call.id)),
        content_type="application/json",
    )
    if error.retry_after_s is not None:
        response.headers["Retry-After"] = f"{error.retry_after_s:g}"
    return response


def _as_ours(error: web.HTTPException) -> SluiceError:
    if error.status == 413:
        return BodyTooLarge("the body is larger than [server] max_body_bytes allows")
    if error.status == 405:
        problem: SluiceError = InvalidRequest("this path does not take that method")
        problem.status = 405
        return problem
    if error.status == 404:
        return NotFound("there is no such path here; see the list of endpoints in the documentation")
    return InvalidRequest(f"the request could not be read (HTTP {error.status})")


def _admit(request: web.Request) -> None:
    """Without keys, only this machine: a foreign Host or Origin is a web page trying its luck.

    A browser on this machine can be made to send requests here by any page (DNS rebinding, or a plain form
    post); both carry the page's own host in one of the two headers.
    """
    config = request[GATEWAY].config
    if request[GATEWAY].admission.keyring.required:
        return
    if not is_loopback(_hostname(f"//{request.host}")):
        raise PermissionDenied(
            "without [[keys]] the gateway answers to this machine only: the Host header is foreign"
        )
    origin = request.headers.get("Origin")
    if origin and origin not in config.server.cors_origins and not is_loopback(_hostname(origin)):
        raise PermissionDenied(
            "without [[keys]] the gateway answers to this machine only: the Origin header is foreign"
        )


@lru_cache(maxsize=64)
def _hostname(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _preflight(request: web.Request) -> web.Response | None:
    """The answer to a CORS preflight (Fetch standard), if this is one from an allowed origin."""
    if request.method != "OPTIONS" or not allowed_origin(request):
        return None
    asked = request.headers.get("Access-Control-Request-Headers", "")
    return web.Response(
        status=204,
        headers={
            "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
            "Access-Control-Allow-Headers": asked or "authorization, content-type",
            "Access-Control-Max-Age": "600",
        },
    )


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """For the answers that are no `Reply`."""
    if CALL not in request:
        return
    out = response.headers
    if not request.app[CURRENT].ready:  # the client's next request is for another process
        out["Connection"] = "close"
        response.force_close()
    for name, value in headers_of(request):
        out.setdefault(name, value)  # our own Retry-After says what a provider's does
    if origin := allowed_origin(request):
        out["Access-Control-Allow-Origin"] = origin
        out["Access-Control-Expose-Headers"] = (
            "*" if not request.headers.get("Authorization") else ", ".join(out)
        )
        out["Vary"] = "Origin"


async def _end_answers(app: web.Application) -> None:
    """Answers that are still under way end here, each with an error that says why."""
    await app[CURRENT].gateway.upstream.close()


async def _close(app: web.Application) -> None:
    await app[CURRENT].close()
