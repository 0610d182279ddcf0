"""A model's name stays one segment of a path, whatever it holds."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigError, InvalidRequest
from gateway.providers.urls import segment, word
from gateway.wire.http1 import encode_request

names = st.text(st.characters(exclude_categories=["Cs"])) | st.text("./:@%?#;\\ \r\n", max_size=6)


@given(names, st.sampled_from(["", "@"]))
def test_a_name_stays_in_its_segment(name: str, safe: str) -> None:
    try:
        encoded = segment(name, safe)
    except InvalidRequest:
        assert name in ("", ".", "..")
        return
    url = f"https://a.example/model/{encoded}/converse"
    parts = urlsplit(url)
    assert (parts.netloc, parts.query, parts.fragment) == ("a.example", "", "")
    before, model, last = parts.path.removeprefix("/").split("/")
    assert (before, unquote(model), last) == ("model", name, "converse")
    encode_request("POST", parts.path, [], b"")  # a valid request line


@pytest.mark.parametrize("name", ["", ".", "..", "\ud800"])
def test_a_name_that_no_segment_can_hold_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        segment(name)
    assert caught.value.param == "model"


@pytest.mark.parametrize(
    "value", ["us-east-1", "europe-west4", "my-project", "gen-lang-client-0498264908", "A1"]
)
def test_a_word_stays(value: str) -> None:
    assert word(value, "region") == value


@pytest.mark.parametrize(
    "value", ["", "us east", "a/b", "evil.example#", "-a", "a-", "a\n", "é", "a:b", "a@b"]
)
def test_what_is_no_word_is_refused_with_its_place(value: str) -> None:
    with pytest.raises(ConfigError, match=r"^region must be") as caught:
        word(value, "region")
    assert caught.value.param == "region"
