"""One configured provider for each dialect that providers speak, named by it."""

from __future__ import annotations

from gateway.config import Provider, Secret
from tests.server.running import PROVIDER_KEY

_KINDS = {
    "openai_chat": "openai",
    "openai_responses": "openai",
    "anthropic": "anthropic",
    "gemini": "gemini",
    "bedrock": "bedrock",
}


def providers(url: str) -> list[Provider]:
    return [
        Provider(
            name=dialect,
            base_url=url,
            kind=kind,
            dialect=dialect,  # type: ignore[arg-type]
            api_key=Secret(PROVIDER_KEY),
        )
        for dialect, kind in _KINDS.items()
    ]
