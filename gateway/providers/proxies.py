"""Which HTTP proxy a URL is reached through.

In: the environment's variables, as a mapping, and URLs. Out: a proxy's URL or None. Knows no connection;
speaking to the proxy is the upstream's business.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from msgspec import Struct

from gateway.errors import ConfigError


class Proxies(Struct, frozen=True):
    """The proxy for each scheme; `no_proxy` holds the hosts, domains and networks that need none."""

    http: str | None = None
    https: str | None = None
    no_proxy: list[str] = []

    def __repr__(self) -> str:
        # The URLs may hold a password.
        return f"Proxies(http={bool(self.http)}, https={bool(self.https)})"

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> Proxies:
        """As curl reads it: the lower-case name of a variable comes before the upper-case one."""

        def value(name: str) -> str:
            return (env.get(name) or env.get(name.upper()) or "").strip()

        def proxy(name: str) -> str | None:
            url = value(name) or value("all_proxy")
            if not url:
                return None
            url = url if "://" in url else f"http://{url}"
            if not _is_proxy(url):
                raise ConfigError(f"{name} or all_proxy: must be http://host:port or https://host:port")
            return url

        # This machine's own servers stand behind no proxy.
        exempt = [*value("no_proxy").split(","), "localhost", "127.0.0.0/8", "::1"]
        return cls(
            http=proxy("http_proxy"),
            https=proxy("https_proxy"),
            no_proxy=[name for each in exempt if (name := each.strip())],
        )

    def for_url(self, url: str) -> str | None:
        if self.http is None and self.https is None:
            return None
        parts = urlsplit(url)
        proxy = self.https if parts.scheme == "https" else self.http
        if proxy is None:
            return None
        host = (parts.hostname or "").rstrip(".")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return None if any(_exempts(each.lower(), host, port) for each in self.no_proxy) else proxy


def _is_proxy(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _exempts(entry: str, host: str, port: int) -> bool:
    """Whether an entry means the host: `*`, a host or domain (`:port` may follow), an address or network."""
    try:
        network = ipaddress.ip_network(entry.strip("[]"), strict=False)
        return ipaddress.ip_address(host) in network
    except ValueError:
        pass
    name, colon, digits = entry.rpartition(":")
    if colon and digits.isdecimal():
        if int(digits) != port:
            return False
        entry = name
    domain = entry.strip("[]").removeprefix("*").removeprefix(".")
    return entry == "*" or host == domain or (bool(domain) and host.endswith(f".{domain}"))
