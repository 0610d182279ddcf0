"""Policies: what happens to what is found, per caller; data, and how a request may change it.

A policy names entities by strings (an entity, another vendor's name for it, a kind, or `*`) and knows none
of them. What a request asks for by header may only make it stricter, unless the caller's key allows more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Literal, TypeVar, get_args

from msgspec import Struct
from msgspec.structs import replace

from gateway.errors import InvalidRequest, PermissionDenied
from gateway.guard.limits import Threats, ToolLimits
from gateway.guard.presets import Level, Preset
from gateway.guard.topics import Topics

Action = Literal["allow", "flag", "redact", "block"]
Detection = Literal["real-time", "balanced", "thorough"]
Format = Literal["token", "synthetic", "hash", "mask", "redact"]
Enforcement = Literal["enforce", "monitor"]
Hold = Literal["end", "answer"]
T = TypeVar("T", bound=str)

REVERSIBLE: frozenset[Format] = frozenset({"token", "synthetic"})
_DETECTIONS: tuple[Detection, ...] = get_args(Detection)
_FORMATS: tuple[Format, ...] = get_args(Format)


class Policy(Struct, frozen=True, forbid_unknown_fields=True):
    """`request` and `answer` give actions by entity; what they do not name has its kind's default.

    `detection` says who looks: rules only, a model on the request too, or on both ways. `format` is how a
    redacted value is written. `deny` are words and `patterns` regular expressions that are findings too, by
    the name of an entity of the policy's own; `allow` are values, and `allow_patterns` what whole values look
    like, that are never redacted.
    `threats` says what is done about attacks in requests, `tools` which tools a request may offer. `models`
    and `paths` are globs over what is asked for and where: such a policy holds for these requests without
    being named. `preset` and `level` fill in what the file does not say (gateway/guard/presets.py).
    `restore_hosts` are hosts into whose URLs values may be restored although the request names none of them.
    `topics` and `guards` judge the whole request and the whole answer; of the answer, its end waits for the
    verdict, or with `hold` all of it.
    In `monitor` nothing is changed or refused: findings are logged and counted.
    """

    name: str
    enforcement: Enforcement = "enforce"
    detection: Detection = "real-time"
    format: Format = "token"
    request: dict[str, Action] = {}
    answer: dict[str, Action] = {}
    deny: dict[str, list[str]] = {}
    patterns: dict[str, str] = {}
    allow: list[str] = []
    allow_patterns: list[str] = []
    restore_hosts: list[str] = []
    threats: Threats = Threats()
    tools: ToolLimits = ToolLimits()
    topics: Topics = Topics()
    guards: list[str] = []
    hold: Hold = "end"
    models: list[str] = []
    paths: list[str] = []
    preset: Preset | None = None
    level: Level = "moderate"

    @property
    def is_conditional(self) -> bool:
        return bool(self.models or self.paths)


class Wishes(Struct, frozen=True):
    """What a request's headers ask for; empty for nothing.

    `entities` is a comma list. `choose` leaves it alone: which names mean the same is not known here.
    """

    policy: str = ""
    mode: str = ""
    format: str = ""
    entities: str = ""


def applying(policies: Mapping[str, Policy], listed: Sequence[str], model: str, path: str) -> str:
    """The listed policy of a request that names none.

    The first that is for such models and paths, else the first that is for any. Raises PermissionDenied.
    """
    for name in listed:
        policy = policies[name]
        if policy.is_conditional and _is_for(policy.models, model) and _is_for(policy.paths, path):
            return name
    for name in listed:
        if not policies[name].is_conditional:
            return name
    raise PermissionDenied("this key has no policy for that model and path")


def _is_for(globs: Sequence[str], asked: str) -> bool:
    return not globs or any(fnmatchcase(asked, glob) for glob in globs)


def choose(
    wishes: Wishes,
    policies: Mapping[str, Policy],
    listed: Sequence[str],
    may_loosen: bool,
    prefix: str = "X-Sluice",
) -> Policy:
    """The policy for a request: the one it names, or the first that its key lists, made stricter.

    Raises PermissionDenied for a policy that is not listed and for what would be looser, InvalidRequest for
    words that mean nothing; both name the header.
    """
    name = wishes.policy or listed[0]
    if name not in listed:
        raise PermissionDenied("this key may not use that policy", param=f"{prefix}-Policy")
    if name not in policies:  # a key of the store may list what this configuration has no more
        raise PermissionDenied("that policy of the key's does not exist here", param=f"{prefix}-Policy")
    policy = policies[name]
    if wishes.mode:
        mode = _one_of(wishes.mode, _DETECTIONS, f"{prefix}-Mode")
        if _DETECTIONS.index(mode) < _DETECTIONS.index(policy.detection) and not may_loosen:
            raise _looser(f"{prefix}-Mode")
        policy = replace(policy, detection=mode)
    if wishes.format:
        format = _one_of(wishes.format, _FORMATS, f"{prefix}-Format")
        if not _tells_less(format, policy.format) and not may_loosen:
            raise _looser(f"{prefix}-Format")
        policy = replace(policy, format=format)
    return policy


def _tells_less(format: Format, than: Format) -> bool:
    """Of one-way formats only a label is sure to: a mask shows characters, a hash which values are one."""
    return format in (than, "redact") or (than in REVERSIBLE and format not in REVERSIBLE)


def _one_of(word: str, known: tuple[T, ...], header: str) -> T:
    for each in known:
        if each == word.strip().lower():
            return each
    raise InvalidRequest(f"{header} must be one of {', '.join(known)}", param=header)


def _looser(header: str) -> PermissionDenied:
    return PermissionDenied(f"{header} would loosen the policy, which this key does not allow", param=header)
