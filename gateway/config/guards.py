"""The `[[guards]]` tables: other people's guards, and classifiers of the user's, that policies name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from gateway.config.routes import CircuitBreaker, Seconds
from gateway.config.secret import Secret
from gateway.errors import ConfigError
from gateway.guard.judgements import Decision
from gateway.guard.normalise import fold, words
from gateway.guard.policy import Policy
from gateway.guard.topics import Subject
from gateway.privacy import custom

Share = Annotated[float, Meta(ge=0, le=1)]


class Guard(Struct, frozen=True, forbid_unknown_fields=True):
    """Something that judges texts: a `webhook`, a classifier over `http`, a model in an `onnx` file.

    `labels` say what is done about a classifier's label from `threshold` on. `classes` are those of an ONNX
    model in the order of its scores, which are `logits` or `probabilities`; without a `tokenizer` it must
    take texts. `fail` is what happens when it cannot judge, or when `breaker` gives it a rest: `closed`
    blocks, `open` lets pass, counted and logged. `secret` goes with each call, in `secret_header`; behind
    Bearer if that is Authorization.
    """

    name: str
    kind: Literal["webhook", "http", "onnx"] = "webhook"
    url: str = ""
    path: str = ""
    tokenizer: str = ""
    classes: list[str] = []
    labels: dict[str, Decision] = {}
    threshold: Share = 0.5
    scores: Literal["logits", "probabilities"] = "logits"
    on: Literal["request", "answer", "both"] = "both"
    timeout_s: Seconds = 5.0
    fail: Literal["closed", "open"] = "closed"
    send_raw: bool = False
    secret: Secret | None = None
    secret_header: str = "Authorization"
    breaker: CircuitBreaker = CircuitBreaker()

    @property
    def is_remote(self) -> bool:
        return self.kind != "onnx"


def mistakes_of_guard(guard: Guard) -> Iterator[tuple[str, str]]:
    """What is wrong with a guard that no single value shows, by option."""
    if guard.is_remote and not guard.url:
        yield "url", "missing option: where it is asked, such as http://127.0.0.1:9000/judge"
    elif guard.is_remote and not _is_url(guard.url):
        yield "url", "must begin http:// or https://, name a host, and hold no user and password"
    if guard.kind == "onnx":
        if not guard.path:
            yield "path", "missing option: the .onnx file"
        if not guard.classes:
            yield "classes", 'missing option: what the model\'s scores stand for, such as ["safe", "toxic"]'
    if guard.kind != "webhook" and not guard.labels:
        yield "labels", 'missing option: what is done about a label, such as { toxic = "block" }'
    for label in guard.labels:
        if guard.classes and label not in guard.classes:
            yield f"labels.{label[:80]}", f"no such class; there is {', '.join(guard.classes)}"
    if not guard.secret_header.isascii() or not guard.secret_header.replace("-", "").isalnum():
        yield "secret_header", "must be a header's name"


def unknown_guards(policy: Policy, guards: list[Guard]) -> Iterator[tuple[str, str]]:
    known = [each.name for each in guards]
    for at, name in enumerate(policy.guards):
        if name not in known:
            there_is = f"there is {', '.join(known)}" if known else "add a [[guards]] table"
            yield f"guards[{at}]", f"no such guard; {there_is}"


def mistakes_of_topics(policy: Policy) -> Iterator[tuple[str, str]]:
    topics = policy.topics
    kinds: list[tuple[str, Sequence[Subject]]] = [
        ("forbidden", topics.forbidden),
        ("allowed", topics.allowed),
    ]
    for kind, some in kinds:
        for at, topic in enumerate(some):
            place = f"topics.{kind}[{at}]"
            if not topic.name.replace("_", "").replace("-", "").isalnum() or len(topic.name) > 64:
                yield f"{place}.name", "must be letters, digits, hyphens and underscores, at most 64"
            if not topic.words and not topic.patterns:
                yield place, "finds nothing: give it words or patterns"
            for number, word in enumerate(topic.words):
                if not words(fold(word).text):
                    yield (
                        f"{place}.words[{number}]",
                        "has no letter and no digit, so it is never found",
                    )
            for number, pattern in enumerate(topic.patterns):
                try:
                    custom.tame(topic.name, pattern)
                except ConfigError as error:
                    yield f"{place}.patterns[{number}]", error.message
            if not 1 <= topic.threshold <= len(topic.words) + len(topic.patterns):
                yield (
                    f"{place}.threshold",
                    "must be from 1 to the number of words and patterns, since each counts once",
                )


def _is_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    right = parts.scheme in ("http", "https") and bool(parts.hostname) and port != 0
    return right and "@" not in parts.netloc and url.isascii() and url.isprintable() and " " not in url
