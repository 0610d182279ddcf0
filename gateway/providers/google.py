"""Google's models: the Gemini API, and Vertex AI with Google's own models and Anthropic's.

In: a location, a project, a model's name. Out: URLs. Credentials are not known here: the Gemini API takes a
key as `x-goog-api-key`, Vertex AI an OAuth token of the scope `SCOPE` as `Authorization: Bearer`.

Streams are asked for as server-sent events; without `alt=sse` one is a JSON array in pieces.
"""

from __future__ import annotations

from gateway.providers.urls import segment, word

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
# Claude on Vertex AI: this stands in the body, which has no `model` (anthropic-sdk-python, lib/vertex).
ANTHROPIC_VERSION = "vertex-2023-10-16"


def gemini_url(base_url: str, model: str, stream: bool) -> str:
    return f"{base_url.rstrip('/')}/models/{_generate(model, stream)}"


def vertex_base_url(location: str) -> str:
    """The API of a region, of the multi-regions `us` and `eu`, or the `global` one."""
    if location == "global":
        host = "aiplatform.googleapis.com"
    elif location in ("us", "eu"):
        host = f"aiplatform.{location}.rep.googleapis.com"
    else:
        host = f"{word(location, 'location')}-aiplatform.googleapis.com"
    return f"https://{host}/v1"


def vertex_url(base_url: str, project: str, location: str, model: str, stream: bool) -> str:
    """A Gemini model on Vertex AI."""
    return f"{_publisher(base_url, project, location, 'google')}/{_generate(model, stream)}"


def vertex_anthropic_url(base_url: str, project: str, location: str, model: str, stream: bool) -> str:
    """A Claude model on Vertex AI, by the Anthropic Messages dialect."""
    method = "streamRawPredict" if stream else "rawPredict"
    return f"{_publisher(base_url, project, location, 'anthropic')}/{_model(model)}:{method}"


def _publisher(base_url: str, project: str, location: str, publisher: str) -> str:
    place = f"projects/{word(project, 'project')}/locations/{word(location, 'location')}"
    return f"{base_url.rstrip('/')}/{place}/publishers/{publisher}/models"


def _generate(model: str, stream: bool) -> str:
    return f"{_model(model)}:{'streamGenerateContent?alt=sse' if stream else 'generateContent'}"


def _model(model: str) -> str:
    # Versions stand behind an @, which a segment may hold; a colon would begin the method.
    return segment(model, safe="@")
