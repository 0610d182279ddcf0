"""URLs of the Gemini API and of Vertex AI, as recorded and as the SDKs write them."""

from __future__ import annotations

import pytest

from gateway.errors import ConfigError
from gateway.providers import catalog, google


@pytest.mark.parametrize(
    ("model", "stream", "url"),
    [
        ("gemini-2.5-pro", False, "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:generateContent"),
        ("gemini-flash-latest", True, "https://generativelanguage.googleapis.com/v1beta/models/gemini-flash-latest:streamGenerateContent?alt=sse"),
        ("a/../b:c?d", False, "https://generativelanguage.googleapis.com/v1beta/models/a%2F..%2Fb%3Ac%3Fd:generateContent"),
    ],
)  # fmt: skip
def test_gemini(model: str, stream: bool, url: str) -> None:
    row = catalog.named("gemini")
    assert row is not None
    assert google.gemini_url(row.base_url, model, stream) == url
    assert google.gemini_url(row.base_url + "/", model, stream) == url


@pytest.mark.parametrize(
    ("location", "base_url"),
    [
        ("us-central1", "https://us-central1-aiplatform.googleapis.com/v1"),
        ("europe-west4", "https://europe-west4-aiplatform.googleapis.com/v1"),
        ("global", "https://aiplatform.googleapis.com/v1"),
        ("us", "https://aiplatform.us.rep.googleapis.com/v1"),
        ("eu", "https://aiplatform.eu.rep.googleapis.com/v1"),
    ],
)
def test_a_location_of_vertex(location: str, base_url: str) -> None:
    assert google.vertex_base_url(location) == base_url


def test_vertex_with_googles_models() -> None:
    base_url = google.vertex_base_url("us-central1")
    path = "projects/fake-project/locations/us-central1/publishers/google/models/gemini-2.5-pro"
    args = (base_url, "fake-project", "us-central1", "gemini-2.5-pro")
    assert google.vertex_url(*args, stream=False) == f"{base_url}/{path}:generateContent"
    assert google.vertex_url(*args, stream=True) == f"{base_url}/{path}:streamGenerateContent?alt=sse"


def test_vertex_with_anthropics_models() -> None:
    base_url = google.vertex_base_url("global")
    path = "projects/p/locations/global/publishers/anthropic/models/claude-sonnet-4-5@20250929"
    args = (base_url, "p", "global", "claude-sonnet-4-5@20250929")
    assert (
        google.vertex_anthropic_url(*args, stream=False)
        == f"https://aiplatform.googleapis.com/v1/{path}:rawPredict"
    )
    assert google.vertex_anthropic_url(*args, stream=True).endswith(f"/v1/{path}:streamRawPredict")


@pytest.mark.parametrize("location", ["", "evil.example/", "us-central1.evil.example", "a b"])
def test_what_is_no_location_is_refused(location: str) -> None:
    with pytest.raises(ConfigError, match="location"):
        google.vertex_base_url(location)
    with pytest.raises(ConfigError, match="location"):
        google.vertex_url("https://a.example/v1", "p", location, "m", stream=False)


def test_what_is_no_project_is_refused() -> None:
    with pytest.raises(ConfigError, match="project"):
        google.vertex_url("https://a.example/v1", "p/../q", "global", "m", stream=False)
