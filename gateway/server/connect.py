"""From a URL to an open connection: DNS, TCP, proxy, TLS.

`route` says where a URL leads; `connect` goes there and hands the connection to a protocol. Failures are
`ProviderUnreachable` and `ProviderTimeout`, with a reason that is safe to show: no address, no credential.
"""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64encode
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import SplitResult, unquote, urlsplit

from gateway.config import Proxies
from gateway.errors import ConfigError, ProviderError, ProviderGarbage, ProviderTimeout, ProviderUnreachable
from gateway.wire.http1 import ResponseParser, encode_request

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Proxy:
    host: str
    port: int
    authorization: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request goes. Connections of equal routes can stand in for each other."""

    tls: bool
    host: str
    port: int
    proxy: Proxy | None

    @property
    def authority(self) -> str:
        """As the Host header has it: a port only if it is not the usual one."""
        return self.host_in_url if self.port == _PORTS["https" if self.tls else "http"] else self.address

    @property
    def address(self) -> str:
        return f"{self.host_in_url}:{self.port}"

    @property
    def host_in_url(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host


def route(url: str, proxies: Proxies) -> tuple[Route, str]:
    """Where a URL leads, and what to ask for there (the request line's target)."""
    return _route(url, proxies.for_url(url))


@lru_cache(maxsize=256)
def _route(url: str, proxy_url: str | None) -> tuple[Route, str]:
    parts, host, port = _split(url, "a provider's base_url", ("http", "https"))
    if parts.username is not None:
        raise ConfigError("a provider's base_url holds credentials; they belong in api_key or headers")
    there = Route(parts.scheme == "https", host, port, _proxy(proxy_url) if proxy_url else None)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if there.proxy is not None and not there.tls:
        target = f"http://{there.authority}{target}"
    return there, target


def _proxy(url: str) -> Proxy:
    parts, host, port = _split(url if "://" in url else f"http://{url}", "the proxy's address", ("http",))
    authorization = None
    if parts.username is not None:
        credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = "Basic " + b64encode(credentials.encode()).decode()
    return Proxy(host, port, authorization)


def _split(url: str, what: str, schemes: tuple[str, ...]) -> tuple[SplitResult, str, int]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        host.encode("idna")  # what the resolver will do, and may refuse
    except ValueError:
        raise ConfigError(f"{what} is not a valid URL") from None
    if parts.scheme not in schemes or not host:
        raise ConfigError(f"{what} must be an {' or '.join(schemes)} URL with a host")
    return parts, host, port or _PORTS[parts.scheme]


async def connect(
    there: Route, protocol: asyncio.Protocol, ssl_context: ssl.SSLContext, timeout_s: float
) -> asyncio.Transport:
    """An open connection, its certificate verified, that calls `protocol`.

    TCP_NODELAY is on: asyncio and uvloop both see to it.
    """
    try:
        return await _connect(there, protocol, ssl_context, timeout_s)
    except ProviderError as error:
        error.asked = False
        raise


async def _connect(
    there: Route, protocol: asyncio.Protocol, ssl_context: ssl.SSLContext, timeout_s: float
) -> asyncio.Transport:
    try:
        async with asyncio.timeout(timeout_s):
            if there.proxy is not None and there.tls:
                return await _tunnel(there, there.proxy, protocol, ssl_context)
            first = there.proxy or there
            loop = asyncio.get_running_loop()
            transport, _ = await loop.create_connection(
                lambda: protocol, first.host, first.port, ssl=ssl_context if there.tls else None
            )
            return transport
    except TimeoutError:
        raise ProviderTimeout(f"no connection to the provider within {timeout_s:g} s") from None
    except ssl.SSLCertVerificationError as error:
        reason = error.verify_message or "it does not match"
        raise ProviderUnreachable(f"the provider's certificate was refused: {reason}") from None
    except OSError as error:
        # The error's own text may hold an address; its type says enough.
        raise ProviderUnreachable(f"no connection to the provider ({type(error).__name__})") from None


async def _tunnel(
    there: Route, proxy: Proxy, protocol: asyncio.Protocol, ssl_context: ssl.SSLContext
) -> asyncio.Transport:
    """TLS to the provider through a proxy that passes bytes on (CONNECT, RFC 9110 section 9.3.6)."""
    loop = asyncio.get_running_loop()
    raw, opening = await loop.create_connection(lambda: _Opening(loop), proxy.host, proxy.port)
    try:
        headers = [("Host", there.address)]
        if proxy.authorization is not None:
            headers.append(("Proxy-Authorization", proxy.authorization))
        raw.write(encode_request("CONNECT", there.address, headers, b""))
        status = await opening.status
        if not 200 <= status < 300:
            raise ProviderUnreachable(f"the proxy refused to connect to the provider, with status {status}")
        transport = await loop.start_tls(raw, protocol, ssl_context, server_hostname=there.host)
        if transport is None:
            raise ProviderUnreachable("the proxy closed the connection to the provider")
        return transport
    except BaseException:
        raw.abort()
        raise


class _Opening(asyncio.Protocol):
    """Waits for the proxy's answer to CONNECT."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.status: asyncio.Future[int] = loop.create_future()
        self._parser = ResponseParser(method="CONNECT")

    def data_received(self, data: bytes) -> None:
        if self.status.done():
            return
        try:
            self._parser.feed(data)
        except ProviderError:
            self.status.set_exception(ProviderGarbage("the proxy's answer is not valid HTTP"))
        else:
            if self._parser.head is not None:
                self.status.set_result(self._parser.head.status)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.status.done():
            self.status.set_exception(ProviderUnreachable("the proxy closed the connection"))
