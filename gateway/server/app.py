"""The HTTP face: routes, who may come in, the error envelope, CORS.

`create` makes an aiohttp application of a configuration; `serve` runs it until it is told to stop. What a
request does once it is inside stands in `handler`.
"""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Callable
from time import perf_counter
from urllib.parse import urlsplit

from aiohttp import web
from ulid import ULID

from gateway.config import Config, Proxies, is_loopback
from gateway.dialects.anthropic import ANTHROPIC
from gateway.dialects.openai_chat import OPENAI_CHAT
from gateway.errors import (
    BodyTooLarge,
    InternalError,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    SluiceError,
)
from gateway.server import models, routes, telemetry
from gateway.server.call import CALL, GATEWAY, Call, Gateway, Upstream
from gateway.server.credentials import authentications
from gateway.server.handler import Handler
from gateway.server.listener import Runner
from gateway.server.logs import REQUEST_ID
from gateway.server.observing import observing
from gateway.server.plain import PlainUpstream
from gateway.server.protection import Protections
from gateway.server.upstream import Upstream as DirectUpstream

# For the whole head of a connection's next request, its first too, to have come. Longer than a minute, after
# which load balancers in front close what is idle; aiohttp's own is an hour, which a slow client can use up.
KEEPALIVE_S = 75.0


def create(config: Config, upstream: Upstream) -> web.Application:
    """The application. It closes `upstream` when it is cleaned up."""
    app = web.Application(
        middlewares=[_answered],
        client_max_size=config.server.max_body_bytes,
        handler_args={"access_log": None},
    )
    app[GATEWAY] = Gateway(config, upstream, Protections(config), authentications(config.providers))
    app.on_response_prepare.append(_add_headers)
    app.on_cleanup.append(_close_upstream)
    routes.add(app.router)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    return app


async def healthz(request: web.Request) -> web.Response:
    """The process is alive."""
    return web.json_response({"status": "ok"})


async def readyz(request: web.Request) -> web.Response:
    """New requests are welcome; 503 while shutting down."""
    ready = request.app[GATEWAY].ready
    return web.json_response({"status": "ready" if ready else "stopping"}, status=200 if ready else 503)


# --- every request ----------------------------------------------------------------------------------------


@web.middleware
async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request its id, and every failure the one envelope."""
    call = request[CALL] = Call(id=str(ULID()), started_at=perf_counter(), route=_route(request))
    REQUEST_ID.set(call.id)
    gateway = request.app[GATEWAY]
    if gateway.traces is not None:
        call.trace = gateway.traces.begin(request, call)
    response: web.StreamResponse | None = None
    try:
        _admit(request)
        response = preflight if (preflight := _preflight(request)) else await handler(request)
    except SluiceError as error:
        response = _failure(request, error)
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
        call.phase = "settle"
        call.status = response.status if response is not None else 499
        telemetry.settle(gateway, call, perf_counter())
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
    config = request.app[GATEWAY].config
    if config.keys:
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


def _hostname(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _preflight(request: web.Request) -> web.Response | None:
    """The answer to a CORS preflight (Fetch standard), if this is one from an allowed origin."""
    if request.method != "OPTIONS" or not _allowed_origin(request):
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


def _allowed_origin(request: web.Request) -> str | None:
    origin = request.headers.get("Origin")
    allowed = request.app[GATEWAY].config.server.cors_origins
    return origin if origin and (origin in allowed or "*" in allowed) else None


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    call = request.get(CALL)
    if call is None:
        return
    out = response.headers
    out["X-Request-ID"] = call.id
    if getattr(request.match_info.handler, "dialect", None) is ANTHROPIC:
        out["request-id"] = call.id  # where its SDK looks
    for name, value in call.returned:
        out.setdefault(name, value)  # our own Retry-After says the same
    prefix = request.app[GATEWAY].config.server.header_prefix
    if call.provider:
        out[f"{prefix}-Provider"] = call.provider
    if call.model and call.model.isprintable() and call.model.isascii():
        out[f"{prefix}-Model"] = call.model
    if call.entities is not None:
        out[f"{prefix}-Entities-Detected"] = str(sum(call.entities.values()))
        out[f"{prefix}-Detection-Time-Ms"] = f"{call.detection_s * 1000:.2f}"
        if call.format != "token":
            out[f"{prefix}-Format"] = call.format  # the one-way ones are not restored
    if origin := _allowed_origin(request):
        out["Access-Control-Allow-Origin"] = origin
        out["Access-Control-Expose-Headers"] = (
            "*" if not request.headers.get("Authorization") else ", ".join(out)
        )
        out["Vary"] = "Origin"


async def _close_upstream(app: web.Application) -> None:
    gateway = app[GATEWAY]
    await gateway.upstream.close()
    if gateway.model is not None:
        await gateway.model.close()


# --- running it -------------------------------------------------------------------------------------------


def upstream_for(config: Config, proxies: Proxies) -> Upstream:
    return (DirectUpstream if config.server.upstream == "direct" else PlainUpstream)(proxies=proxies)


async def start(config: Config, proxies: Proxies) -> tuple[web.AppRunner, int]:
    """Listen; the runner to clean up and the port (the configured one, or the one given for port 0)."""
    model = await models.load(config.model) if config.model is not None else None
    app = create(config, upstream_for(config, proxies))
    app[GATEWAY].model = model
    app.cleanup_ctx.append(observing(lambda: len(runner.server.connections) if runner.server else 0))
    # A client that goes away cancels its handler, and with it the provider call.
    runner = Runner(
        app,
        handler_cancellation=True,
        access_log=None,
        shutdown_timeout=10.0,
        keepalive_timeout=KEEPALIVE_S,
    )
    await runner.setup()
    await web.TCPSite(runner, config.server.host, config.server.port).start()
    port: int = runner.addresses[0][1]
    return runner, port


async def serve(config: Config, proxies: Proxies, announce: Callable[[str], None]) -> None:
    """Run until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    runner, port = await start(config, proxies)
    # What is loaded by now stays for good: the collector need not go through it again and again, nor after
    # every 700 objects of a stream (4 % of the time under load).
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    host = f"[{config.server.host}]" if ":" in config.server.host else config.server.host
    announce(f"http://{host}:{port}")
    try:
        await stop.wait()
    finally:
        runner.app[GATEWAY].ready = False
        await runner.cleanup()
