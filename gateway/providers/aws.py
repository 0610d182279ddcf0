"""Amazon Bedrock: where a model is called, and Signature Version 4.

In: a region, a model's name, a request's parts, credentials and the time. Out: URLs, and the headers that
sign the request. Where credentials come from is not known here, nor what a body means.

botocore obtains the credentials (`server.credentials`), but its signer is not used: it reads the clock
itself, writes the request with the session token in it to its debug log, and signs every header it is given
but a few. Its tests are ours: each signature must be the one that botocore makes.

A Bedrock API key needs no signature; it is sent as `Authorization: Bearer`.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import SplitResult, quote, urlsplit

from msgspec import Struct

from gateway.providers.urls import segment, word

SERVICE = "bedrock"
# Claude behind `invoke`: this stands in the body, which has no `model` and no `stream`, and betas are a list
# `anthropic_beta` there (anthropic-sdk-python, lib/bedrock).
ANTHROPIC_VERSION = "bedrock-2023-05-31"

_ALGORITHM = "AWS4-HMAC-SHA256"
_PORTS = {"http": 80, "https": 443}


class Credentials(Struct, frozen=True, gc=False):
    """An access key, with a session token if it is a temporary one."""

    access_key: str
    secret_key: str
    token: str | None = None

    def __repr__(self) -> str:
        return "Credentials(…)"


# --- URLs -------------------------------------------------------------------------------------------------


def base_url(region: str) -> str:
    """The region's public endpoint. Raises ConfigError for what is no region."""
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://bedrock-runtime.{word(region, 'region')}.{suffix}"


def converse_url(base_url: str, model: str, stream: bool) -> str:
    """`model` is an id, or the ARN of an inference profile or a deployment: `:` and `/` are encoded."""
    return _model_url(base_url, model, "converse-stream" if stream else "converse")


def invoke_url(base_url: str, model: str, stream: bool) -> str:
    """As `converse_url`, with the body that the model's maker defines."""
    return _model_url(base_url, model, "invoke-with-response-stream" if stream else "invoke")


def _model_url(base_url: str, model: str, operation: str) -> str:
    return f"{base_url.rstrip('/')}/model/{segment(model)}/{operation}"


# --- Signature Version 4 ----------------------------------------------------------------------------------


def sign(
    method: str,
    url: str,
    headers: Sequence[tuple[str, str]],
    body: bytes,
    *,
    credentials: Credentials,
    region: str,
    at: datetime,
    service: str = SERVICE,
) -> list[tuple[str, str]]:
    """The headers to add to a request (AWS Signature Version 4, "Create a signed AWS API request").

    `url` is the one on the wire, percent-encoded; AWS has its path encoded once more. Signed are Host,
    Content-Type and X-Amz-*, which only we set: whatever a proxy on the way may change is left out. AWS
    takes a signature for five minutes, so `at` is the present, with its time zone.
    """
    parts = urlsplit(url)
    time = at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    added = [("X-Amz-Date", time)]
    if credentials.token is not None:
        added.append(("X-Amz-Security-Token", credentials.token))
    signed = {"host": _host(parts)}
    for name, value in (*headers, *added):
        name = name.lower()
        if name in ("host", "content-type") or name.startswith("x-amz-"):
            signed[name] = " ".join(value.split())
    names = ";".join(sorted(signed))
    canonical = "\n".join(
        [
            method,
            quote(parts.path or "/", safe="/~"),
            _query(parts.query),
            *(f"{name}:{signed[name]}" for name in sorted(signed)),
            "",
            names,
            signed.get("x-amz-content-sha256") or hashlib.sha256(body).hexdigest(),
        ]
    )
    scope = f"{time[:8]}/{region}/{service}/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{credentials.secret_key}".encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    signature = _hmac(key, f"{_ALGORITHM}\n{time}\n{scope}\n{digest}").hex()
    credential = f"{credentials.access_key}/{scope}"
    authorization = f"{_ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={signature}"
    return [*added, ("Authorization", authorization)]


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def _host(parts: SplitResult) -> str:
    """As the Host header has it: a port only if it is not the usual one."""
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return host if parts.port in (None, _PORTS.get(parts.scheme)) else f"{host}:{parts.port}"


def _query(query: str) -> str:
    pairs = (each.partition("=") for each in query.split("&") if each)
    return "&".join(f"{name}={value}" for name, value in sorted((name, value) for name, _, value in pairs))
