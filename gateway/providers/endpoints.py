"""Where a request goes, and in which dialect: a provider's place and a model in, a URL out.

The shapes of the clouds' URLs stand in `aws`, `azure` and `google`; here is which of them it is. No
credential is known here, and nothing that a request names becomes more than one segment of a path.
"""

from __future__ import annotations

from typing import Protocol
from urllib.parse import urlsplit

from gateway.errors import NotFound
from gateway.providers import aws, azure, google
from gateway.providers.catalog import Row

_PATHS = {
    "openai_chat": "/chat/completions",
    "openai_completions": "/completions",
    "openai_responses": "/responses",
    "anthropic": "/messages",
}


class Place(Protocol):
    """Where a configured provider is. `region` is also Google's location."""

    @property
    def base_url(self) -> str: ...
    @property
    def region(self) -> str: ...
    @property
    def project(self) -> str: ...
    @property
    def api_version(self) -> str: ...


def base_url(row: Row, region: str) -> str:
    """The provider's own URL, where the configuration gives none; empty if there is no such thing."""
    if row.site == "bedrock":
        return aws.base_url(region) if region else ""
    if row.site == "vertex":
        return google.vertex_base_url(region) if region else ""
    return "" if "{" in row.base_url else row.base_url


def check(row: Row, place: Place) -> None:
    """Raises ConfigError, with the option in `param`, for a place whose URLs cannot be built."""
    if place.base_url:
        for dialect in row.dialects:
            url_for(row, place, dialect, "model", stream=True)


def dialect_for(row: Row, configured: str | None, client: str, model: str) -> str:
    """The dialect to speak about a model: the configured one, else the client's, else the row's first.

    Claude is called in its own dialect on Vertex AI, which has no other for it, and on Bedrock where the
    client speaks it: then nothing is lost that Converse has no word for.
    """
    if configured is not None:
        return configured
    if row.site == "vertex":
        return "anthropic_on_vertex" if model.startswith("claude") else "gemini"
    if row.site == "bedrock" and client == "anthropic" and "anthropic.claude" in model:
        return "anthropic_on_bedrock"
    return client if client in row.dialects else row.dialects[0]


def url_for(row: Row, place: Place, dialect: str, model: str, stream: bool) -> str:
    """Raises NotFound for a dialect that has no URL there, ConfigError for a place that makes none."""
    base = place.base_url.rstrip("/")
    match row.site, dialect:
        case "openai", "openai_chat":  # most of all: the cases are looked at in turn
            return base + _PATHS[dialect]
        case "bedrock", "bedrock":
            return aws.converse_url(base, model, stream)
        case "bedrock", "anthropic_on_bedrock":
            return aws.invoke_url(base, model, stream)
        case "vertex", "gemini":
            return google.vertex_url(base, place.project, place.region, model, stream)
        case "vertex", "anthropic" | "anthropic_on_vertex":
            return google.vertex_anthropic_url(base, place.project, place.region, model, stream)
        case "azure", "openai_chat" if place.api_version:
            return azure.chat_url(base, model, place.api_version)
        case "azure", "openai_responses" if place.api_version:
            return azure.responses_url(base, place.api_version)
        case _, "gemini":
            return google.gemini_url(base, model, stream)
        case _, "bedrock":
            return aws.converse_url(base, model, stream)
        case _, "anthropic":
            # Anthropic's SDK takes a base URL without the version.
            return base + ("/v1" if not urlsplit(base).path else "") + _PATHS[dialect]
        case _:
            if dialect not in _PATHS:
                raise NotFound("the provider has no such endpoint")
            return base + _PATHS[dialect]
