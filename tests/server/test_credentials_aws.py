"""AWS credentials from each place where its SDK looks, and what is signed with them."""

from __future__ import annotations

import asyncio
import logging
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.errors import (
    AuthenticationFailed,
    ProviderUnreachable,
)
from gateway.providers import aws
from gateway.server import credentials
from gateway.server.credentials import AWSSignature
from tests.server.token_server import Clock, Server

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
