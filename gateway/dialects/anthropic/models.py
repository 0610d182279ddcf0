"""What Claude models take, by their names. A name that says nothing gets what compatible servers take.

Models from 4.7 on think adaptively and refuse sampling parameters, 4.6 thinks adaptively, older ones by a
budget. Output is up to 128k tokens from 4.6 on, 64k for 4.5, Sonnet 4 and 3.7, 32k for Opus 4 and 4.1, 8k for
3.5, 4k for Claude 3.

Source: Vercel's AI SDK (`getModelCapabilities` in `@ai-sdk/anthropic`), Anthropic's list of models.
"""

from __future__ import annotations

import re
from typing import Literal

from msgspec import Struct

Thinking = Literal["none", "budget", "adaptive"]


class Model(Struct, frozen=True):
    """`max_output` is in tokens; `sampling` says whether temperature, top_p and top_k are taken."""

    max_output: int
    sampling: bool
    thinking: Thinking
    xhigh: bool = False


# `claude-opus-4-1-20250805`, `us.anthropic.claude-sonnet-4-5-20250929-v1:0`, `claude-3-5-haiku@20241022`
_NAME = re.compile(
    r"claude-(?:(?P<family>[a-z]+)-)?(?P<major>\d{1,2})(?!\d)(?:[-.](?P<minor>\d{1,2})(?!\d))?"
)
_UNKNOWN = Model(8_192, True, "budget")


def model_for(name: str) -> Model:
    match = _NAME.search(name)
    if match is None:
        return _UNKNOWN
    version = (int(match["major"]), int(match["minor"] or 0))
    if version >= (4, 7):
        return Model(128_000, False, "adaptive", xhigh=True)
    if version >= (4, 6):
        return Model(128_000, True, "adaptive")
    if version >= (4, 0):
        small = match["family"] == "opus" and version < (4, 5)
        return Model(32_000 if small else 64_000, True, "budget")
    if version >= (3, 7):
        return Model(64_000, True, "budget")
    return Model(8_192 if version >= (3, 5) else 4_096, True, "none")
