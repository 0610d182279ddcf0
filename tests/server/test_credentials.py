"""Credentials by the real libraries, from files, variables and servers of this machine.

First how a value is kept, with a source of our own: one renewal at a time, in time, nobody waits in vain.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from aiohttp import web

from gateway.errors import (
    AuthenticationFailed,
    ConfigError,
    ProviderTimeout,
    ProviderUnreachable,
    SluiceError,
)
from gateway.providers import aws
from gateway.server import credentials
from gateway.server.credentials import AWSSignature, GoogleToken, Kept

# --- keeping ----------------------------------------------------------------------------------------------


class Source:
    """Gives 1, 2, 3, …, each lasting as long as `left_s` says; waits for `gate`, fails with `fault`."""

    def __init__(self) -> None:
        self.given = 0
        self.left_s = 1e9
        self.lasts_s = 1e9
        self.fault: SluiceError | None = None
        self.gate = threading.Event()
        self.gate.set()

    def obtain(self) -> int:
        assert self.gate.wait(10)
        self.given += 1
        if self.fault is not None:
            raise self.fault
        self.left_s = self.lasts_s
        return self.given

    def expires_within(self, seconds: float) -> bool:
        return self.left_s < seconds


class Clock:
    def __init__(self) -> None:
        self.now = 1e6

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(credentials, "monotonic", clock)
    return clock


@pytest.fixture
def source() -> Source:
    return Source()


async def settled(kept: Kept[int]) -> None:
    while kept._renewal is not None:
        await asyncio.sleep(0.001)


async def test_a_lasting_value_is_fetched_once(source: Source) -> None:
    kept = Kept(source)
    assert await asyncio.gather(*(kept.get() for _ in range(20))) == [1] * 20
    assert await kept.get() == 1


async def test_before_it_expires_the_old_one_serves_while_one_new_one_is_fetched(
    source: Source, clock: Clock
) -> None:
    kept = Kept(source)
    await kept.get()
    clock.now += 3600
    source.left_s = credentials.RENEW_S - 1
    source.gate.clear()
    assert [await kept.get() for _ in range(5)] == [1] * 5
    source.gate.set()
    await settled(kept)
    assert await kept.get() == 2


async def test_with_too_little_left_all_wait_for_one_new_one(source: Source, clock: Clock) -> None:
    kept = Kept(source)
    await kept.get()
    clock.now += 3600
    source.left_s = credentials.SPARE_S - 1
    assert await asyncio.gather(*(kept.get() for _ in range(20))) == [2] * 20


async def test_a_failure_shows_only_once_the_old_one_is_used_up(source: Source, clock: Clock) -> None:
    kept = Kept(source)
    await kept.get()
    clock.now += 3600
    source.left_s = credentials.RENEW_S - 1
    source.fault = ProviderUnreachable("gone")
    assert await kept.get() == 1
    await settled(kept)
    source.left_s = 0
    with pytest.raises(ProviderUnreachable, match="gone"):
        await kept.get()


async def test_after_a_failure_there_is_a_pause_and_then_another_attempt(
    source: Source, clock: Clock
) -> None:
    kept = Kept(source)
    source.fault = AuthenticationFailed("none")
    raised = []
    for _ in range(5):
        with pytest.raises(AuthenticationFailed, match="none") as caught:
            await kept.get()
        raised.append(caught.value)
    assert source.given == 1
    assert len(set(map(id, raised))) == 5
    source.fault = None
    clock.now += credentials.PAUSE_S
    assert await kept.get() == 2


async def test_a_value_that_never_lasts_is_not_fetched_with_every_request(
    source: Source, clock: Clock
) -> None:
    kept = Kept(source)
    source.lasts_s = credentials.SPARE_S - 1
    assert [await kept.get() for _ in range(5)] == [1] * 5
    clock.now += credentials.PAUSE_S
    assert await kept.get() == 2


async def test_a_request_that_gives_up_does_not_take_the_attempt_with_it(source: Source) -> None:
    kept = Kept(source)
    source.gate.clear()
    first = asyncio.create_task(kept.get())
    second = asyncio.create_task(kept.get())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    source.gate.set()
    assert await second == 1
    assert first.cancelled()


async def test_a_request_does_not_wait_for_ever(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "WAIT_S", 0.01)
    kept = Kept(source)
    source.gate.clear()
    with pytest.raises(ProviderTimeout, match="no credentials for the provider within"):
        await kept.get()
    source.gate.set()
    await settled(kept)
    assert await kept.get() == 1


# --- what the libraries need ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "make", "message"),
    [
        (
            "botocore.session",
            lambda: AWSSignature("bedrock", "us-east-1"),
            "provider bedrock: botocore is not installed; pip install 'sluice-gateway[bedrock]'",
        ),
        (
            "google.auth.transport.requests",
            lambda: GoogleToken("vertex"),
            "provider vertex: google-auth[requests] is not installed; pip install 'sluice-gateway[vertex]'",
        ),
    ],
)
def test_a_missing_library_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, module: str, make: Callable[[], object], message: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError) as caught:
        make()
    assert str(caught.value) == message


# --- a server ---------------------------------------------------------------------------------------------

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Server:
    """Answers by `METHOD /path`, and notes what was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.url = ""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        asked = f"{request.method} {request.path}"
        self.asked.append(asked)
        answer = self.answers.get(asked)
        return await answer(request) if answer else web.Response(status=404)

    def say(self, asked: str, text: str, status: int = 200) -> None:
        async def answer(_: web.BaseRequest) -> web.Response:
            return web.Response(text=text, status=status, headers={"Metadata-Flavor": "Google"})

        self.answers[asked] = answer

    def tell(self, asked: str, **fields: Any) -> None:
        async def answer(_: web.BaseRequest) -> web.Response:
            return web.json_response(fields, headers={"Metadata-Flavor": "Google"})

        self.answers[asked] = answer


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    runner = web.ServerRunner(web.Server(server.handle), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


# --- AWS --------------------------------------------------------------------------------------------------

URL = aws.converse_url(aws.base_url("us-east-1"), "m", stream=True)
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


@pytest.fixture
def aws_env(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """No credentials anywhere; a test sets its own."""
    pytest.importorskip("botocore.session", reason="botocore is not installed")
    import os

    for name in list(os.environ):
        if name.startswith(("AWS_", "BOTO")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("BOTO_CONFIG", str(tmp_path / "boto"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return monkeypatch


async def signed_by(signature: AWSSignature) -> tuple[str, str | None]:
    """The access key that a request was signed with, and its session token. The signature is looked at."""
    given = [("Content-Type", "application/json")]
    added = dict(await signature.headers_for("POST", URL, given, b"{}"))
    at = datetime.strptime(added["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=1)
    found = re.search(r"Credential=(\w+)/(\d+)/us-east-1/bedrock/aws4_request", added["Authorization"])
    assert found is not None
    key = aws.Credentials(found[1], SECRET, added.get("X-Amz-Security-Token"))
    assert added == dict(aws.sign("POST", URL, given, b"{}", credentials=key, region="us-east-1", at=at))
    return key.access_key, key.token


def iso(left: timedelta) -> str:
    return (datetime.now(UTC) + left).strftime("%Y-%m-%dT%H:%M:%SZ")


def fetched(access_key: str, left: timedelta = timedelta(hours=6)) -> dict[str, str]:
    return {
        "Code": "Success",
        "Type": "AWS-HMAC",
        "AccessKeyId": access_key,
        "SecretAccessKey": SECRET,
        "Token": "session",
        "Expiration": iso(left),
    }


async def test_aws_from_the_environment(aws_env: pytest.MonkeyPatch) -> None:
    aws_env.setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
    aws_env.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    assert await signed_by(AWSSignature("bedrock", "us-east-1")) == ("AKIAENV", None)
    aws_env.setenv("AWS_SESSION_TOKEN", "session")
    assert await signed_by(AWSSignature("bedrock", "us-east-1")) == ("AKIAENV", "session")


async def test_aws_from_a_profile(aws_env: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text(
        f"[default]\naws_access_key_id=AKIADEFAULT\naws_secret_access_key={SECRET}\n"
        f"[other]\naws_access_key_id=AKIAOTHER\naws_secret_access_key={SECRET}\n"
    )
    assert await signed_by(AWSSignature("bedrock", "us-east-1")) == ("AKIADEFAULT", None)
    assert await signed_by(AWSSignature("bedrock", "us-east-1", profile="other")) == ("AKIAOTHER", None)


async def test_aws_from_a_container(aws_env: pytest.MonkeyPatch, server: Server) -> None:
    aws_env.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{server.url}/creds")
    server.tell("GET /creds", **fetched("ASIACONTAINER"))
    signature = AWSSignature("bedrock", "us-east-1")
    assert (
        await asyncio.gather(*(signed_by(signature) for _ in range(5))) == [("ASIACONTAINER", "session")] * 5
    )
    assert server.asked == ["GET /creds"]


async def test_aws_are_fetched_anew_before_they_expire(
    aws_env: pytest.MonkeyPatch, server: Server, clock: Clock
) -> None:
    aws_env.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{server.url}/creds")
    server.tell("GET /creds", **fetched("ASIAFIRST", timedelta(seconds=30)))
    signature = AWSSignature("bedrock", "us-east-1")
    assert (await signed_by(signature))[0] == "ASIAFIRST"
    server.tell("GET /creds", **fetched("ASIASECOND"))
    clock.now += credentials.PAUSE_S
    assert (await signed_by(signature))[0] == "ASIASECOND"
    asked = len(server.asked)
    assert (await signed_by(signature))[0] == "ASIASECOND"
    assert len(server.asked) == asked


async def test_aws_from_an_instance(aws_env: pytest.MonkeyPatch, server: Server) -> None:
    aws_env.delenv("AWS_EC2_METADATA_DISABLED")
    aws_env.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url)
    server.say("PUT /latest/api/token", "imds-token")
    server.say("GET /latest/meta-data/iam/security-credentials/", "role")
    server.tell("GET /latest/meta-data/iam/security-credentials/role", **fetched("ASIAINSTANCE"))
    assert await signed_by(AWSSignature("bedrock", "us-east-1")) == ("ASIAINSTANCE", "session")


ASSUMED = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
<AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/r/s</Arn><AssumedRoleId>A:s</AssumedRoleId></AssumedRoleUser>
<Credentials><AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>
<SessionToken>session</SessionToken><Expiration>{expiration}</Expiration></Credentials>
</AssumeRoleResult></AssumeRoleResponse>"""
DENIED = """<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
<Code>AccessDenied</Code><Message>User secret-user is not authorized</Message></Error></ErrorResponse>"""


@pytest.fixture
def role(aws_env: pytest.MonkeyPatch, server: Server, tmp_path: Path) -> Server:
    (tmp_path / "credentials").write_text(
        f"[base]\naws_access_key_id=AKIABASE\naws_secret_access_key={SECRET}\n"
    )
    (tmp_path / "config").write_text("[profile app]\nrole_arn=arn:aws:iam::1:role/r\nsource_profile=base\n")
    aws_env.setenv("AWS_ENDPOINT_URL_STS", server.url)
    aws_env.setenv("AWS_MAX_ATTEMPTS", "1")
    return server


async def test_aws_from_an_assumed_role(role: Server) -> None:
    role.say("POST /", ASSUMED.format(secret=SECRET, expiration=iso(timedelta(hours=1))))
    assert await signed_by(AWSSignature("bedrock", "us-east-1", profile="app")) == ("ASIAROLE", "session")


async def test_aws_a_role_that_is_denied(role: Server) -> None:
    role.say("POST /", DENIED, status=403)
    with pytest.raises(AuthenticationFailed) as caught:
        await signed_by(AWSSignature("claude", "us-east-1", profile="app"))
    assert str(caught.value) == (
        "provider claude: AWS credentials were found but could not be used (ClientError, AccessDenied); "
        "check the profile and the role it assumes"
    )


async def test_aws_whoever_gives_the_role_is_not_there(role: Server, aws_env: pytest.MonkeyPatch) -> None:
    aws_env.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")
    with pytest.raises(ProviderUnreachable) as caught:
        await signed_by(AWSSignature("claude", "us-east-1", profile="app"))
    assert str(caught.value) == (
        "provider claude: AWS credentials could not be fetched (EndpointConnectionError)"
    )
    assert caught.value.retryable


async def test_aws_nowhere(aws_env: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        AuthenticationFailed, match="provider claude: no AWS credentials found; set AWS_ACCESS_KEY_ID"
    ):
        await signed_by(AWSSignature("claude", "us-east-1"))


@pytest.mark.parametrize(
    "files",
    [
        {"config": ""},
        {"config": f"[profile app]\naws_secret_access_key {SECRET}"},
        {"credentials": f"[app]\naws_access_key_id=AKIA\naws_secret_access_key_typo={SECRET}"},
        {"config": f"[profile app]\ncredential_process=sh -c 'echo {SECRET}; echo {SECRET} >&2; exit 1'"},
        {"config": f"[profile app]\ncredential_process=echo {SECRET}"},
    ],
    ids=["no profile", "no ini", "half a key", "a failing command", "a command that says no JSON"],
)
async def test_aws_an_error_shows_no_secret(
    aws_env: pytest.MonkeyPatch, tmp_path: Path, files: dict[str, str]
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(AuthenticationFailed, match="provider claude: ") as caught:
        await signed_by(AWSSignature("claude", "us-east-1", profile="app"))
    assert SECRET not in str(caught.value)


async def test_aws_a_log_shows_no_secret(role: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    role.say("POST /", ASSUMED.format(secret=SECRET, expiration=iso(timedelta(hours=1))))
    await signed_by(AWSSignature("bedrock", "us-east-1", profile="app"))
    assert SECRET not in caplog.text


# --- Google -----------------------------------------------------------------------------------------------


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
