"""A model's name as one segment of a path, and what a configuration may put into a URL."""

from __future__ import annotations

import re
from urllib.parse import quote

from gateway.errors import ConfigError, InvalidRequest

# A region, a location, a project (Google's may stand in a domain: `example.com:project`).
_WORD = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")


def segment(name: str, safe: str = "") -> str:
    """A name that a client chose, percent-encoded, so that it cannot reach another path (RFC 3986, 3.3).

    Raises InvalidRequest for what percent-encoding does not tame: no name, a dot segment, half a surrogate
    pair.
    """
    if name in ("", ".", ".."):
        raise InvalidRequest("the model's name is not one that a provider can have", param="model")
    try:
        return quote(name, safe=safe)
    except UnicodeEncodeError:
        raise InvalidRequest("the model's name is not valid text", param="model") from None


def word(value: str, what: str) -> str:
    """A value that becomes part of a host's name or a path as it is. Raises ConfigError."""
    if not _WORD.fullmatch(value):
        raise ConfigError(f"{what} must be letters, digits and hyphens", param=what)
    return value
