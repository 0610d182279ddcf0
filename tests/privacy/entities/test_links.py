from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.privacy.entities.found import found, values


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("see https://example.com/a?b=c.", ["https://example.com/a?b=c"]),
        ("[link](https://example.com/foo_(bar))", ["https://example.com/foo_(bar)"]),
        ("(http://www.example.co.uk:8080/x#y), and", ["http://www.example.co.uk:8080/x#y"]),
        ("WWW.Example.com/foo", ["WWW.Example.com/foo"]),
        ("my domains: microsoft.com google.co.il", ["microsoft.com", "google.co.il"]),
        ("docs.python.org/3/library (good)", ["docs.python.org/3/library"]),
        ("wss://stream.example.io/v1", ["wss://stream.example.io/v1"]),
        ("http://münchen.de/straße", ["http://münchen.de/straße"]),
    ],
)
def test_a_link_ends_before_the_sentence_goes_on(text: str, links: list[str]) -> None:
    assert values(text, "URL") == links


@pytest.mark.parametrize(
    "text",
    [
        "self.name", "import os.path; obj.method()", "file.py main.rs app.js", "logger.info console.log", "from stdnum.de import x",
        "org.apache.hadoop.net", "ASP.NET and VB.NET", "http://localhost:8080/x", "ws://localhost:8765", "www.microsoft", "a = escape.bg",
        "System.IO.File", "e.g. this", "rhost=220-135-151-1.hinet-ip.hinet.net", "v1.2.3", "end.It is", "socket.io",
    ],
)  # fmt: skip
def test_code_and_hosts_of_a_network_are_no_links(text: str) -> None:
    assert values(text, "URL") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://user:hunter22x@host.example.com/x", [("API_KEY", "hunter22x")]),
        ("http://10.0.0.1/path", [("IP_ADDRESS", "10.0.0.1")]),
        ("http://[2001:db8::1]/path", [("IP_ADDRESS", "2001:db8::1")]),
        (
            "https://example.com/reset?email=john@example.com",
            [("URL", "https://example.com/reset"), ("EMAIL_ADDRESS", "john@example.com")],
        ),
    ],
)
def test_a_link_does_not_hide_what_it_carries(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


_NAMES = st.from_regex(r"[a-z][a-z0-9]{1,12}", fullmatch=True)


@given(
    _NAMES,
    st.sampled_from(["com", "org", "de", "co.uk", "io"]),
    st.from_regex(r"(/[a-z0-9_-]{1,9}){0,4}", fullmatch=True),
)
def test_any_link_with_a_scheme_is_found_whole(name: str, top: str, path: str) -> None:
    link = f"https://{name}.{top}{path}"
    assert values(f"at {link.rstrip('_')}, and", "URL") == [link.rstrip("_")]
