"""Other providers' sealed reasoning in `encrypted_content`, the one opaque field that clients bring back.

Messages' signatures sign a text: it goes along, so that what comes back is what was signed whatever a client
does to the summary. Nothing here is secret, and OpenAI's own content begins otherwise (`gAAAA`).
"""

from __future__ import annotations

import base64
import binascii
from typing import Literal, NamedTuple, cast

Kind = Literal["signature", "redacted", "encrypted"]
_MARK = "sluice:"


class Seal(NamedTuple):
    """`id` is the reasoning item's at its provider, `text` what a signature signs."""

    kind: Kind
    data: str
    id: str = ""
    text: str = ""


def wrap(seal: Seal, item_id: str) -> str:
    """What stands in `encrypted_content` of the item: OpenAI's own as it is, if the id is its own too."""
    if seal.kind == "encrypted" and seal.id in ("", item_id):
        return seal.data
    text = base64.urlsafe_b64encode(seal.text.encode("utf-8", "surrogatepass")).decode()
    return f"{_MARK}{seal.kind}:{seal.id}:{text}:{seal.data}"


def unwrap(content: str, item_id: str) -> Seal:
    if is_wrapped(content):
        kind, _, rest = content.removeprefix(_MARK).partition(":")
        id, _, rest = rest.partition(":")
        text, _, data = rest.partition(":")
        if kind in ("signature", "redacted", "encrypted"):
            return Seal(cast(Kind, kind), data, id, _text(text))
    return Seal("encrypted", content, item_id)


def is_wrapped(content: str) -> bool:
    return content.startswith(_MARK)


def _text(encoded: str) -> str:
    try:
        return base64.urlsafe_b64decode(encoded).decode("utf-8", "surrogatepass")
    except (ValueError, binascii.Error):
        return ""
