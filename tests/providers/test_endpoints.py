"""Where a request goes, by the examples of the providers' own documentation."""

from __future__ import annotations

import pytest
from msgspec import Struct

from gateway.errors import ConfigError, NotFound
from gateway.providers import catalog, endpoints


class Place(Struct):
    base_url: str
    region: str = ""
    project: str = ""
    api_version: str = ""


def known(name: str) -> catalog.Row:
    row = catalog.named(name)
    assert row is not None
    return row


VERTEX = Place("https://europe-west1-aiplatform.googleapis.com/v1", "europe-west1", "p")
BEDROCK = Place("https://bedrock-runtime.us-east-1.amazonaws.com", "us-east-1")
AZURE = Place("https://r.openai.azure.com", api_version="2024-10-21")
PUBLISHERS = f"{VERTEX.base_url}/projects/p/locations/europe-west1/publishers"


@pytest.mark.parametrize(
    ("row", "place", "dialect", "model", "url"),
    [
        ("openai", Place("https://api.openai.com/v1"), "openai_chat", "gpt", "https://api.openai.com/v1/chat/completions"),
        ("openai", Place("https://api.openai.com/v1/"), "openai_responses", "gpt", "https://api.openai.com/v1/responses"),
        ("vllm", Place("http://localhost:8000/v1"), "openai_completions", "m", "http://localhost:8000/v1/completions"),
        ("anthropic", Place("https://api.anthropic.com/v1"), "anthropic", "claude", "https://api.anthropic.com/v1/messages"),
        ("anthropic", Place("https://api.anthropic.com"), "anthropic", "claude", "https://api.anthropic.com/v1/messages"),
        ("gemini", Place("https://g.example/v1beta"), "gemini", "a/b", "https://g.example/v1beta/models/a%2Fb:streamGenerateContent?alt=sse"),
        ("vertex", VERTEX, "gemini", "gemini-2", f"{PUBLISHERS}/google/models/gemini-2:streamGenerateContent?alt=sse"),
        ("vertex", VERTEX, "anthropic_on_vertex", "claude@1", f"{PUBLISHERS}/anthropic/models/claude@1:streamRawPredict"),
        ("bedrock", BEDROCK, "bedrock", "a.b-v1:0", f"{BEDROCK.base_url}/model/a.b-v1%3A0/converse-stream"),
        ("bedrock", BEDROCK, "anthropic_on_bedrock", "anthropic.claude", f"{BEDROCK.base_url}/model/anthropic.claude/invoke-with-response-stream"),
        ("azure", AZURE, "openai_chat", "d", "https://r.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21"),
        ("azure", AZURE, "openai_responses", "d", "https://r.openai.azure.com/openai/responses?api-version=2024-10-21"),
        ("azure", Place("https://r.openai.azure.com/openai/v1"), "openai_chat", "d", "https://r.openai.azure.com/openai/v1/chat/completions"),
    ],
)  # fmt: skip
def test_a_stream_is_asked_for_where_the_provider_says(
    row: str, place: Place, dialect: str, model: str, url: str
) -> None:
    assert endpoints.url_for(known(row), place, dialect, model, stream=True) == url


@pytest.mark.parametrize(
    ("row", "configured", "client", "model", "dialect"),
    [
        ("openai", None, "openai_responses", "gpt", "openai_responses"),
        ("openai", None, "anthropic", "gpt", "openai_chat"),
        ("openai", "openai_responses", "anthropic", "gpt", "openai_responses"),
        ("groq", None, "openai_responses", "llama", "openai_chat"),
        ("vertex", None, "openai_chat", "gemini-2", "gemini"),
        ("vertex", None, "openai_chat", "claude-4", "anthropic_on_vertex"),
        ("bedrock", None, "openai_chat", "us.anthropic.claude-4", "bedrock"),
        ("bedrock", None, "anthropic", "us.anthropic.claude-4", "anthropic_on_bedrock"),
        ("bedrock", None, "anthropic", "amazon.nova", "bedrock"),
    ],
)
def test_a_provider_is_spoken_to_in_the_clients_dialect_if_it_can(
    row: str, configured: str | None, client: str, model: str, dialect: str
) -> None:
    assert endpoints.dialect_for(known(row), configured, client, model) == dialect


def test_what_has_no_url_is_refused() -> None:
    with pytest.raises(NotFound):
        endpoints.url_for(known("openai"), Place("https://x.example/v1"), "nonsense", "m", stream=False)
    with pytest.raises(ConfigError, match="api_version"):
        endpoints.check(known("azure"), Place("https://r.openai.azure.com", api_version="new"))


@pytest.mark.parametrize(("row", "region", "url"), [("bedrock", "", ""), ("vertex", "", ""), ("azure", "", ""), ("vertex", "global", "https://aiplatform.googleapis.com/v1")])  # fmt: skip
def test_a_place_is_known_once_its_region_is(row: str, region: str, url: str) -> None:
    assert endpoints.base_url(known(row), region) == url
