"""Bedrock's URLs as recorded, and signatures that are the ones botocore makes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import ConfigError, InvalidRequest
from gateway.providers import aws
from tests.conftest import SHARED, needs_shared

auth = pytest.importorskip("botocore.auth", reason="botocore, the oracle, is not installed")
awsrequest = pytest.importorskip("botocore.awsrequest")
credentials = pytest.importorskip("botocore.credentials")

# --- URLs -------------------------------------------------------------------------------------------------

URLS = {json.loads(meta.read_bytes())["url"] for meta in SHARED.glob("recorded/bedrock/*/meta.json")} or {
    "https://bedrock-runtime.us-east-1.amazonaws.com/model/m/converse"
}


@needs_shared
@pytest.mark.parametrize("url", sorted(URLS))
def test_a_recorded_url_is_the_one_we_make(url: str) -> None:
    model, operation = urlsplit(url).path.removeprefix("/model/").split("/")
    make = aws.converse_url if operation.startswith("converse") else aws.invoke_url
    assert make(aws.base_url("us-east-1"), unquote(model), "stream" in operation) == url


def test_each_operation() -> None:
    base_url = aws.base_url("eu-west-1") + "/"
    model = "arn:aws:bedrock:eu-west-1:012345678901:inference-profile/eu.m-v1:0"
    there = (
        "https://bedrock-runtime.eu-west-1.amazonaws.com/model/"
        "arn%3Aaws%3Abedrock%3Aeu-west-1%3A012345678901%3Ainference-profile%2Feu.m-v1%3A0"
    )
    assert aws.converse_url(base_url, model, stream=False) == f"{there}/converse"
    assert aws.converse_url(base_url, model, stream=True) == f"{there}/converse-stream"
    assert aws.invoke_url(base_url, model, stream=False) == f"{there}/invoke"
    assert aws.invoke_url(base_url, model, stream=True) == f"{there}/invoke-with-response-stream"


def test_what_reaches_another_path_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        aws.converse_url(aws.base_url("us-east-1"), "..", stream=False)
    with pytest.raises(ConfigError, match="region"):
        aws.base_url("us-east-1.evil.example/")


@pytest.mark.parametrize("region", ["us-east-1", "ap-southeast-2", "us-gov-west-1", "cn-north-1"])
def test_the_endpoint_is_the_one_that_botocore_resolves(region: str) -> None:
    session = pytest.importorskip("botocore.session").Session()
    client = session.create_client(
        "bedrock-runtime", region, aws_access_key_id="a", aws_secret_access_key="b"
    )
    try:
        assert aws.base_url(region) == client.meta.endpoint_url
    finally:
        client.close()


# --- signatures -------------------------------------------------------------------------------------------

KEY = aws.Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "fixture-session-token")
AT = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)
Headers = list[tuple[str, str]]


def by_botocore(
    method: str,
    url: str,
    headers: Headers,
    body: bytes,
    key: aws.Credentials,
    region: str,
    service: str,
    at: datetime,
) -> dict[str, str]:
    """What botocore adds. It reads its clock in one place, which is given ours here."""
    request = awsrequest.AWSRequest(method=method, url=url, data=body)
    for name, value in headers:
        request.headers.add_header(name, value)
    given = credentials.Credentials(key.access_key, key.secret_key, key.token)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(auth, "get_current_datetime", lambda: at.astimezone(UTC).replace(tzinfo=None))
        auth.SigV4Auth(given, service, region).add_auth(request)
    return {
        name: request.headers[name]
        for name in ("X-Amz-Date", "X-Amz-Security-Token", "Authorization")
        if name in request.headers
    }


def ours(
    method: str,
    url: str,
    headers: Headers,
    body: bytes,
    key: aws.Credentials,
    region: str,
    service: str,
    at: datetime,
) -> dict[str, str]:
    return dict(aws.sign(method, url, headers, body, credentials=key, region=region, service=service, at=at))


words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(
    lambda word: word not in (".", "..")
)
visible = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20)
headers = st.lists(
    st.tuples(
        st.sampled_from(["Content-Type", "X-Amz-Content-Custom", "x-amzn-bedrock-accept", "X-Amz-Target"]),
        visible,
    ),
    unique_by=lambda header: header[0].lower(),
)
keys = st.builds(
    aws.Credentials,
    st.text("ABCDEFGHIJ234567", min_size=16, max_size=20),
    st.text("abcXYZ019/+=", min_size=1, max_size=40),
    st.none() | st.text("abcXYZ019/+=", min_size=1, max_size=60),
)
times = st.datetimes(
    datetime(2000, 1, 1), datetime(2090, 1, 1), timezones=st.sampled_from([UTC, timezone(timedelta(hours=9))])
)
places = st.sampled_from(
    [
        "https://bedrock-runtime.us-east-1.amazonaws.com",
        "http://127.0.0.1:8080",
        "https://[::1]:443/base",
        "https://A.example:444/",
    ]
)
queries = st.sampled_from(["", "?b=2&a=1", "?a", "?a=%2F&a=%2B"])


@settings(max_examples=150)
@given(st.data(), words, headers, st.binary(max_size=50), keys, times)
def test_the_signature_is_the_one_that_botocore_makes(
    data: st.DataObject, model: str, headers: Headers, body: bytes, key: aws.Credentials, at: datetime
) -> None:
    url = aws.converse_url(data.draw(places), model, data.draw(st.booleans())) + data.draw(queries)
    region = data.draw(st.sampled_from(["us-east-1", "eu-west-3"]))
    service = data.draw(st.sampled_from(["bedrock", "bedrock-mantle"]))
    # botocore signs x-amzn-* too, as all it is given.
    given = [(name, value) for name, value in headers if not name.startswith("x-amzn-")]
    assert ours("POST", url, headers, body, key, region, service, at) == by_botocore(
        "POST", url, given, body, key, region, service, at
    )


@pytest.fixture
def vector(shared: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((shared / "recorded/_vectors/sigv4-bedrock-mantle.json").read_bytes())
    return found


def test_the_published_vector(vector: dict[str, Any]) -> None:
    key = vector["credentials"]
    request, expected = vector["request"], vector["expected"]
    headers = [("Content-Type", request["contentType"]), ("X-Amz-Content-SHA256", expected["payloadHash"])]
    added = aws.sign(
        request["method"],
        request["url"],
        headers,
        request["body"].encode(),
        credentials=aws.Credentials(key["accessKeyId"], key["secretAccessKey"], key["sessionToken"]),
        region=vector["region"],
        service=vector["service"],
        at=datetime.fromisoformat(vector["signingDate"]),
    )
    assert dict(added) == {
        "X-Amz-Date": expected["date"],
        "X-Amz-Security-Token": key["sessionToken"],
        "Authorization": expected["authorization"],
    }


URL = aws.converse_url(aws.base_url("us-east-1"), "us.anthropic.claude-v1:0", stream=True)


def test_only_what_no_proxy_changes_is_signed() -> None:
    headers = [
        ("content-type", "application/json"),
        ("User-Agent", "x"),
        ("X-Forwarded-For", "10.0.0.1"),
        ("Connection", "keep-alive"),
        ("Accept-Encoding", "identity"),
        ("X-Amzn-Trace-Id", "x"),
        ("X-Title", "x"),
    ]
    added = aws.sign("POST", URL, headers, b"{}", credentials=KEY, region="us-east-1", at=AT)
    assert "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token," in dict(added)["Authorization"]
    assert added == aws.sign("POST", URL, headers[:1], b"{}", credentials=KEY, region="us-east-1", at=AT)


def test_a_host_header_goes_before_the_urls() -> None:
    def signature(host: str, url: str) -> str:
        headers = [("Host", host)] if host else []
        return dict(aws.sign("POST", url, headers, b"", credentials=KEY, region="us-east-1", at=AT))[
            "Authorization"
        ]

    assert signature("b.example", "https://a.example/x") == signature("", "https://b.example/x")


@pytest.mark.parametrize(
    "change",
    [
        {"method": "PUT"},
        {"url": URL.replace("%3A", ":")},
        {"body": b"{ }"},
        {"region": "us-east-2"},
        {"at": AT + timedelta(seconds=1)},
        {"headers": [("content-type", "text/plain")]},
        {"credentials": aws.Credentials(KEY.access_key, "another", KEY.token)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_signature_covers(change: dict[str, Any]) -> None:
    request: dict[str, Any] = {
        "method": "POST",
        "url": URL,
        "headers": [("content-type", "application/json")],
        "body": b"{}",
        "credentials": KEY,
        "region": "us-east-1",
        "at": AT,
    }
    assert aws.sign(**request)[-1] != aws.sign(**{**request, **change})[-1]


def test_credentials_show_nothing() -> None:
    assert repr(KEY) == str(KEY) == f"{KEY}" == "Credentials(…)"
