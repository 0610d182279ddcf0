"""Google's access tokens from each place where its library looks."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from aiohttp import web

from gateway.errors import (
    AuthenticationFailed,
    ProviderUnreachable,
)
from gateway.server import credentials
from gateway.server.credentials import GoogleToken
from tests.server.token_server import Clock, Server

METADATA = "google.auth.compute_engine._metadata"


@pytest.fixture(scope="session")
def rsa_key() -> str:
    pytest.importorskip("google.auth", reason="google-auth is not installed")
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


@pytest.fixture
def google_env(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rsa_key: str) -> pytest.MonkeyPatch:
    """No credentials anywhere; a test sets its own."""
    import os

    for name in list(os.environ):
        if name.startswith(("GOOGLE_", "GCE_", "GCLOUD_", "CLOUDSDK_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    # The library reads these variables only when it is imported.
    monkeypatch.setattr(f"{METADATA}._NO_GCE_CHECK", True)
    return monkeypatch


@pytest.fixture
def key_file(google_env: pytest.MonkeyPatch, server: Server, tmp_path: Path, rsa_key: str) -> Path:
    file = tmp_path / "key.json"
    file.write_text(
        json.dumps(
            {
                "type": "service_account",
                "project_id": "p",
                "private_key_id": "1",
                "private_key": rsa_key,
                "client_email": "sluice@p.iam.gserviceaccount.com",
                "token_uri": f"{server.url}/token",
            }
        )
    )
    return file


async def token_of(token: GoogleToken) -> str:
    return dict(await token.headers_for("POST", "https://a.example", [], b"{}"))["authorization"]


async def test_google_from_a_service_account(key_file: Path, server: Server) -> None:
    claims: list[dict[str, Any]] = []

    async def answer(request: web.BaseRequest) -> web.Response:
        from google.auth.jwt import decode

        form = parse_qs(await request.text())
        claims.append(decode(form["assertion"][0], verify=False))  # type: ignore[no-untyped-call]
        return web.json_response({"access_token": f"ya29.{len(claims)}", "expires_in": 3600})

    server.answers["POST /token"] = answer
    token = GoogleToken("vertex", file=str(key_file))
    assert await asyncio.gather(*(token_of(token) for _ in range(5))) == ["Bearer ya29.1"] * 5
    (claim,) = claims
    assert claim["iss"] == "sluice@p.iam.gserviceaccount.com"
    assert claim["scope"] == "https://www.googleapis.com/auth/cloud-platform"


async def test_google_is_fetched_anew_before_it_expires(key_file: Path, server: Server, clock: Clock) -> None:
    server.tell("POST /token", access_token="first", expires_in=30)
    token = GoogleToken("vertex", file=str(key_file))
    assert await token_of(token) == "Bearer first"
    server.tell("POST /token", access_token="second", expires_in=3600)
    clock.now += credentials.PAUSE_S
    assert await token_of(token) == "Bearer second"
    assert await token_of(token) == "Bearer second"
    assert server.asked == ["POST /token"] * 2


async def test_google_by_default_from_the_file_that_the_environment_names(
    key_file: Path, google_env: pytest.MonkeyPatch, server: Server
) -> None:
    google_env.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key_file))
    server.tell("POST /token", access_token="adc", expires_in=3600)
    assert await token_of(GoogleToken("vertex")) == "Bearer adc"


async def test_google_from_the_metadata_server(google_env: pytest.MonkeyPatch, server: Server) -> None:
    google_env.setattr(f"{METADATA}._NO_GCE_CHECK", False)
    host = server.url.removeprefix("http://")
    google_env.setenv("GCE_METADATA_IP", host)
    google_env.setattr(f"{METADATA}._GCE_METADATA_HOST", host)
    account = "/computeMetadata/v1/instance/service-accounts/default/"
    server.say("GET /", "ok")
    server.say("GET /computeMetadata/v1/project/project-id", "p")
    server.say("GET /computeMetadata/v1/universe/universe-domain", "googleapis.com")
    server.tell(f"GET {account}", email="default@p.iam.gserviceaccount.com", scopes=[], aliases=["default"])
    server.tell(f"GET {account}token", access_token="instance", expires_in=3600, token_type="Bearer")
    server.tell(
        "GET /computeMetadata/v1/instance/service-accounts/default@p.iam.gserviceaccount.com/token",
        access_token="instance",
        expires_in=3600,
        token_type="Bearer",
    )
    assert await token_of(GoogleToken("vertex")) == "Bearer instance"


async def test_google_nowhere(google_env: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        AuthenticationFailed, match="provider claude: no Google credentials found; set GOOGLE_APP"
    ):
        await token_of(GoogleToken("claude"))


async def test_google_refuses_the_key(key_file: Path, server: Server) -> None:
    server.say("POST /token", '{"error": "invalid_grant", "error_description": "secret"}', status=400)
    with pytest.raises(AuthenticationFailed) as caught:
        await token_of(GoogleToken("claude", file=str(key_file)))
    assert str(caught.value) == (
        "provider claude: Google credentials were found but could not be used (RefreshError); "
        "check the service account and its key"
    )


async def test_google_is_not_there(key_file: Path) -> None:
    key_file.write_text(re.sub(r"http://127\.0\.0\.1:\d+", "http://127.0.0.1:1", key_file.read_text()))
    with pytest.raises(
        ProviderUnreachable, match="provider claude: no Google access token could be fetched"
    ) as caught:
        await token_of(GoogleToken("claude", file=str(key_file)))
    assert caught.value.retryable


@pytest.mark.parametrize("text", [None, "", "{}", '{"type": "service_account", "private_key": "SECRET"}'])
async def test_google_a_file_that_is_no_key_shows_no_secret(
    google_env: pytest.MonkeyPatch, tmp_path: Path, text: str | None
) -> None:
    file = tmp_path / "key.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(AuthenticationFailed, match="provider claude: ") as caught:
        await token_of(GoogleToken("claude", file=str(file)))
    assert "SECRET" not in str(caught.value)
