"""Where a URL leads. What `connect` does there stands in `test_upstream`."""

from __future__ import annotations

import pytest

from gateway.config import Proxies
from gateway.errors import ConfigError
from gateway.server.connect import Proxy, Route, route

DIRECT = Proxies()


@pytest.mark.parametrize(
    ("url", "tls", "host", "port", "authority", "target"),
    [
        ("https://API.example.com", True, "api.example.com", 443, "api.example.com", "/"),
        ("https://h:443/v1/a%2Fb?c=d&e", True, "h", 443, "h", "/v1/a%2Fb?c=d&e"),
        ("http://h:443/v1#part", False, "h", 443, "h:443", "/v1"),
        ("http://h/", False, "h", 80, "h", "/"),
        ("http://[::1]:8080/v1", False, "::1", 8080, "[::1]:8080", "/v1"),
    ],
)
def test_a_url_leads_somewhere(
    url: str, tls: bool, host: str, port: int, authority: str, target: str
) -> None:
    there, asked = route(url, DIRECT)
    assert there == Route(tls, host, port, None)
    assert (there.authority, asked) == (authority, target)


def test_urls_of_one_provider_share_connections() -> None:
    assert route("https://h/a", DIRECT)[0] == route("https://h:443/b", DIRECT)[0]
    assert route("https://h/a", DIRECT)[0] != route("http://h:443/a", DIRECT)[0]
    assert route("https://h/a", DIRECT)[0] != route("https://h/a", Proxies(https="http://p:1"))[0]


def test_a_proxy_is_asked_for_the_whole_url_unless_it_only_passes_bytes_on() -> None:
    proxies = Proxies(http="http://p:3128", https="p:3128", no_proxy=["direct.test"])
    proxy = Proxy("p", 3128, None)
    assert route("http://h/v1?a", proxies) == (Route(False, "h", 80, proxy), "http://h/v1?a")
    assert route("https://h/v1?a", proxies) == (Route(True, "h", 443, proxy), "/v1?a")
    assert route("http://direct.test/v1", proxies)[0].proxy is None


@pytest.mark.parametrize("proxy", ["https://p:1", "socks5://p:1", "http://", "http://p:x", "http://[p"])
def test_a_proxy_that_cannot_be_used_is_refused(proxy: str) -> None:
    with pytest.raises(ConfigError):
        route("https://h/", Proxies(https=proxy))


def test_a_proxys_credentials_have_no_repr() -> None:
    there, _ = route("https://h/", Proxies(https="http://me:hunter2@p"))
    assert there.proxy is not None
    assert there.proxy.authorization == "Basic bWU6aHVudGVyMg=="
    assert "bWU6" not in repr(there)
    assert "hunter2" not in repr(there)
