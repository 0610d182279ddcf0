"""Proxies as the environment's usual variables mean them."""

from __future__ import annotations

import pytest

from gateway.errors import ConfigError
from gateway.providers.proxies import Proxies


@pytest.mark.parametrize(
    ("env", "url", "proxy"),
    [
        ({}, "https://api.example.com", None),
        ({"https_proxy": "http://p:1"}, "https://api.example.com/v1", "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1"}, "https://api.example.com/v1", "http://p:1"),
        ({"https_proxy": "http://low:1", "HTTPS_PROXY": "http://up:1"}, "https://a.example", "http://low:1"),
        ({"https_proxy": "http://p:1"}, "http://api.example.com", None),
        ({"http_proxy": "p:1"}, "http://api.example.com", "http://p:1"),
        ({"all_proxy": "http://p:1"}, "http://api.example.com", "http://p:1"),
        ({"ALL_PROXY": "http://p:1"}, "https://api.example.com", "http://p:1"),
        ({"https_proxy": "https://u:w@p:1", "all_proxy": "http://q"}, "https://a.example", "https://u:w@p:1"),
        ({"all_proxy": "http://p:1"}, "http://localhost:11434/v1", None),
        ({"all_proxy": "http://p:1"}, "http://127.0.0.1:11434/v1", None),
        ({"all_proxy": "http://p:1"}, "http://[::1]:11434/v1", None),
    ],
)
def test_from_environment(env: dict[str, str], url: str, proxy: str | None) -> None:
    assert Proxies.from_environment(env).for_url(url) == proxy


@pytest.mark.parametrize(
    ("entry", "url", "exempt"),
    [
        ("*", "https://a.example", True),
        ("a.example", "https://a.example", True),
        ("A.Example", "https://a.EXAMPLE.", True),
        ("example", "https://a.example", True),
        (".example", "https://a.example", True),
        ("*.example", "https://a.example", True),
        ("ample", "https://a.example", False),
        ("a.example:443", "https://a.example", True),
        ("a.example:444", "https://a.example", False),
        ("a.example:444", "https://a.example:444", True),
        ("10.0.0.0/8", "http://10.1.2.3", True),
        ("10.0.0.0/8", "http://11.1.2.3", False),
        ("10.1.2.3", "http://10.1.2.3:99", True),
        ("10.1.2.3:99", "http://10.1.2.3:99", True),
        ("10.0.0.0/8", "http://a.example", False),
        ("fd00::/8", "http://[fd00::1]", True),
        ("[fd00::1]:80", "http://[fd00::1]", True),
        (" , b.example , a.example", "https://a.example", True),
    ],
)
def test_no_proxy(entry: str, url: str, exempt: bool) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        proxies = Proxies.from_environment({"all_proxy": "http://p:1", name: entry})
        assert proxies.for_url(url) == (None if exempt else "http://p:1")


@pytest.mark.parametrize("url", ["socks5://p:1", "http://", "http://p:x", "ftp://p"])
def test_a_proxy_that_cannot_be_spoken_to_is_an_error(url: str) -> None:
    # Going around the proxy instead would break the very rule it is there for.
    with pytest.raises(ConfigError, match="https_proxy or all_proxy"):
        Proxies.from_environment({"https_proxy": url})


def test_a_proxys_password_is_not_shown() -> None:
    proxies = Proxies.from_environment({"https_proxy": "http://user:word@p:1"})
    assert "word" not in f"{proxies} {proxies!r}"
