"""Azure OpenAI: its older style of URL.

In: a resource's endpoint (`https://name.openai.azure.com`), a deployment, an api-version. Out: URLs. Both
styles take a key as `api-key`.

The v1 style (`…/openai/v1`) needs nothing from here: no api-version, and its body names the deployment as the
model. The older style has the deployment in the path, for chat completions only, and ignores the body's model
(openai-python, lib/azure; learn.microsoft.com, "API version lifecycle").
"""

from __future__ import annotations

import re

from gateway.errors import ConfigError
from gateway.providers.urls import segment

_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(-preview)?")


def chat_url(endpoint: str, deployment: str, api_version: str) -> str:
    """Chat completions in the older style. Raises ConfigError for what is no api-version."""
    path = f"deployments/{segment(deployment)}/chat/completions"
    return f"{endpoint.rstrip('/')}/openai/{path}?{_query(api_version)}"


def responses_url(endpoint: str, api_version: str) -> str:
    """Responses in the older style, where they have no deployment in the path either."""
    return f"{endpoint.rstrip('/')}/openai/responses?{_query(api_version)}"


def _query(api_version: str) -> str:
    if not _VERSION.fullmatch(api_version):
        raise ConfigError(
            "api_version must be a date, such as 2024-10-21 or 2025-04-01-preview", param="api_version"
        )
    return f"api-version={api_version}"
