"""Whether a value put in somewhere would be carried away: a text, a place and hosts in, yes or no out."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

import regex

# How far back a URL may begin that would carry a restored value away.
URL_REACH = 2048
# Where an image's URL begins; its description may have brackets of its own.
_IMAGE = regex.compile(r"!\[(?:[^\[\]\n]|\[[^\[\]\n]*+\])*+\]\(\s{0,8}+")
# A URL up to the end of its authority (RFC 3986 section 3.2). In Markdown a backslash may stand before a
# slash, and browsers take one for it; without a scheme it is a URL in an attribute or a link.
_AUTHORITY = r"((?:[^\s/?#\\\"'<>()]|\\(?!/))*+)"
_URL = regex.compile(rf"(?:https?:[/\\]++|(?<=[\"'(=]|\]:\s)//(?=[^\s/.]++\.)){_AUTHORITY}", regex.IGNORECASE)
_MENTIONED = regex.compile(r"https?://([^\s/?#\"'<>()]+)", regex.IGNORECASE)
_IPV6 = r"\[[0-9A-Fa-f:.]++\]"
_NAME = regex.compile(rf"{_IPV6}|[\w.~%-]*\w")
_HOST_AND_PORT = regex.compile(rf"({_IPV6}|[^:]*+)(?::.*+)?")
_PARENTHESIS_OR_END = regex.compile(r"[()\s\"'<>]")
_NOT_IN_BRACKETS = regex.compile(r"[<>\n]")


def hosts_in(text: str) -> Iterator[str]:
    """The hosts of the URLs in a text, and who is named before them (`bob` of `https://bob:…@host`)."""
    for found in _MENTIONED.finditer(text):
        for name in found[1].split("@"):
            if host := _NAME.match(name):
                yield host[0].lower()


def exfiltrates(text: str, at: int, hosts: AbstractSet[str]) -> bool:
    """Does the position stand in an image link, or in a URL of a host the request never mentioned?

    A page that shows the answer would fetch it and so carry the value away.
    """
    start = max(0, at - URL_REACH)
    has_link = text.find("](", start, at) >= 0
    if not has_link and text.find("//", start, at) < 0 and text.find(":\\", start, at) < 0:
        return False
    if has_link and any(_is_target(text, found.end(), at) for found in _IMAGE.finditer(text, start, at)):
        return True
    return any(
        _goes_on(text, found.end(), at) and not _is_known(found[1], hosts)
        for found in _URL.finditer(text, start, at)
    )


def _is_known(authority: str, hosts: AbstractSet[str]) -> bool:
    found = _HOST_AND_PORT.fullmatch(authority.rpartition("@")[2])
    return found is not None and found[1].lower() in hosts and "\\" not in authority


def _is_target(text: str, start: int, at: int) -> bool:
    """Does a link's target that begins here go on to the position?"""
    if text.startswith("<", start, at):
        return _NOT_IN_BRACKETS.search(text, start + 1, at) is None
    return _goes_on(text, start, at)


def _goes_on(text: str, start: int, at: int) -> bool:
    """Does a URL go on, which ends with a blank, a quote or a parenthesis that it did not open?"""
    depth = 0
    for found in _PARENTHESIS_OR_END.finditer(text, start, at):
        if found[0] == "(":
            depth += 1
        elif found[0] == ")" and depth:
            depth -= 1
        else:
            return False
    return True
