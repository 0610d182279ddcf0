"""URLs of the older style, as recorded and as the SDK writes them."""

from __future__ import annotations

import pytest

from gateway.errors import ConfigError, InvalidRequest
from gateway.providers import azure


@pytest.mark.parametrize("endpoint", ["https://name.openai.azure.com", "https://name.openai.azure.com/"])
def test_the_older_style_has_the_deployment_in_the_path(endpoint: str) -> None:
    home = "https://name.openai.azure.com/openai"
    assert (
        azure.chat_url(endpoint, "gpt-5-nano", "2024-02-01")
        == f"{home}/deployments/gpt-5-nano/chat/completions?api-version=2024-02-01"
    )
    assert (
        azure.responses_url(endpoint, "2025-04-01-preview")
        == f"{home}/responses?api-version=2025-04-01-preview"
    )


def test_a_deployment_is_one_segment() -> None:
    url = azure.chat_url("https://a.example", "a/../b?c", "2024-02-01")
    assert (
        url == "https://a.example/openai/deployments/a%2F..%2Fb%3Fc/chat/completions?api-version=2024-02-01"
    )
    with pytest.raises(InvalidRequest):
        azure.chat_url("https://a.example", "..", "2024-02-01")


@pytest.mark.parametrize(
    "version", ["", "v1", "2024-2-1", "2024-02-01&a=b", "2024-02-01-beta", "2024-02-01\n"]
)
def test_what_is_no_api_version_is_refused(version: str) -> None:
    with pytest.raises(ConfigError, match=r"^api_version must be a date"):
        azure.responses_url("https://a.example", version)
