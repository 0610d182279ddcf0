"""A model's name in, what is to happen out: `sim`, `sim:SCRIPT` or `sim:SCRIPT?option=value&…`."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta, Struct, field

from gateway.simulator.asked import Refused

Count = Annotated[int, Meta(ge=1, le=128)]
Tokens = Annotated[int, Meta(ge=0, le=1_000_000)]
Size = Annotated[int, Meta(ge=1)] | Literal["random"]


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    pace_ms: Annotated[float, Meta(ge=0, le=3_600_000)] | None = None
    delta: Size | None = None
    write: Size | None = field(default=None, name="bytes")
    escape: Annotated[int, Meta(ge=0, le=2)] = 0
    seed: int | None = None
    calls: Count | None = None
    tokens: Tokens = 100
    cached: Tokens = 0
    text: str = ""
    reasoning: bool = False
    hidden: bool = False
    refusal: bool = False
    logprobs: bool = False
    crlf: bool = False
    comments: bool = False
    obfuscation: bool = False
    no_done: bool = False
    fail: str = ""


SCRIPTS = (
    *("say", "echo", "tool", "long", "script", "thinking", "parallel", "zero"),
    *("citations", "json", "stop", "length", "safety", "image"),
)
NAMES = ("sim", *(f"sim:{script}" for script in SCRIPTS))
BREAKS = ("drop", "reset", "stall", "garbage")
FAILURES = {  # and what may follow the colon
    **dict.fromkeys(("", "error_first", "html", "json", "empty"), ""),
    **dict.fromkeys(("error_mid", "malformed", "truncate"), r"|\d{1,6}"),
    **dict.fromkeys(BREAKS, r"|\d{1,6}|head"),
    "status": r"[45]\d\d",
    "slow_head": r"\d{1,4}(\.\d{1,3})?",
}


def parse(model: str, unknown: Refused) -> tuple[str, Options]:
    """The script and the options. Raises `unknown` if there is no such model, Refused for wrong options."""
    name, _, query = model.partition("?")
    if name not in NAMES:
        raise unknown
    pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    options = msgspec.convert(dict(pairs), Options, strict=False)
    kind, _, argument = options.fail.partition(":")
    if not re.fullmatch(FAILURES.get(kind, "(?!)"), argument, re.ASCII):
        raise Refused(f"There is no failure `{options.fail}`.", param="model")
    return name.removeprefix("sim:"), options
