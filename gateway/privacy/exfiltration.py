"""Whether a value put in somewhere would be carried away: a text, a place and hosts in, yes or no out."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

import regex

# How far back a URL may begin that would carry a restored value away.
URL_REACH = 2048
# A URL whose query or path may carry a restored value away, and where it must not.
_URL_BEFORE = regex.compile(r"(!\[[^\]\n]*\]\([^\s)]*|https?://([^\s/?#:@\"'<>()]*)[^\s\"'<>()]*)\Z")


def exfiltrates(text: str, at: int, hosts: AbstractSet[str]) -> bool:
    """Does the position stand in an image link, or in a URL of a host the request never mentioned?

    A page that shows the answer would fetch it and so carry the value away (hard case 76).
    """
    start = max(0, at - URL_REACH)
    if text.find("](", start, at) < 0 and text.find("://", start, at) < 0:
        return False
    found = _URL_BEFORE.search(text, start, at)
    if found is None:
        return False
    return found[2] is None or found[2].lower() not in hosts
