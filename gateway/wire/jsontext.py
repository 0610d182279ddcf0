"""JSON as providers write it: bytes in, a tree out, and back.

Lone surrogates, which a provider makes by cutting a pair, are kept as they are; only an escape can carry
them. What the tree means is not known here.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from gateway.errors import ProviderGarbage

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def load(data: bytes) -> Any:
    """Raises ProviderGarbage."""
    try:
        return _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        try:
            return json.loads(data)
        except (ValueError, RecursionError):
            raise ProviderGarbage("the provider sent JSON that is not valid") from None


def encode(tree: Any) -> bytes:
    try:
        return _encode(tree)
    except UnicodeEncodeError:
        return json.dumps(tree, separators=(",", ":")).encode()
