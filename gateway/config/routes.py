"""The tables that say where a model's requests may go, and what happens when a provider fails.

`Route`, `Retries` and `CircuitBreaker` are what a file says; who is asked next is decided in `access`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct

from gateway.providers.catalog import is_pattern

Seconds = Annotated[float, Meta(gt=0, le=86_400)]
Weight = Annotated[int, Meta(ge=1, le=1000)]
# What stands for the model's name that the client used: `azure/*`.
SAME = "*"


class Retries(Struct, frozen=True, forbid_unknown_fields=True):
    """How often a provider is asked again that could not answer, and until when after the request came.

    The wait doubles from `first_wait_s`, unless the provider says `Retry-After`.
    """

    most: Annotated[int, Meta(ge=0, le=10)] = 2
    first_wait_s: Seconds = 0.25
    within_s: Seconds = 20.0


class CircuitBreaker(Struct, frozen=True, forbid_unknown_fields=True):
    """Who fails so many times more than it answers within `window_s` is asked nothing for `rest_s`."""

    failures: Annotated[int, Meta(ge=1, le=1_000_000)] = 10
    window_s: Seconds = 30.0
    rest_s: Seconds = 10.0


class Route(Struct, frozen=True, forbid_unknown_fields=True):
    """Who answers for models, by the names and patterns that clients use for them.

    `to` are written `provider/model`, `provider/*` for the name that the client used. `balance` says who of
    them is asked first; the others follow if that one fails, and after them all `fallback`, in order.
    `weights` go with `to`, one each.
    """

    models: list[str]
    to: list[str]
    balance: Literal["order", "weighted", "least-latency"] = "order"
    weights: list[Weight] = []
    fallback: list[str] = []


class Cache(Struct, frozen=True, forbid_unknown_fields=True):
    """Answers in one piece, kept as the provider gave them to a redacted request. Each worker has its own."""

    ttl_s: Seconds = 300.0
    max_bytes: Annotated[int, Meta(ge=1)] = 64 << 20


def split(candidate: str) -> tuple[str, str]:
    """The provider's name and the model's there."""
    provider, _, model = candidate.partition("/")
    return provider, model


def mistakes_of_routes(routes: Sequence[Route], providers: Sequence[str]) -> Iterator[tuple[str, str]]:
    seen: dict[str, str] = {}
    for at, route in enumerate(routes):
        place = f"routes[{at}]"
        if not route.models:
            yield f"{place}.models", "serves nothing: name a model, or a pattern such as gpt-*"
        if not route.to:
            yield f"{place}.to", "leads nowhere: name a provider and a model, such as openai/gpt-4o"
        for index, name in enumerate(route.models):
            if not name:
                yield f"{place}.models[{index}]", "a model's name is empty"
            elif name in seen:
                yield f"{place}.models[{index}]", f"is the same as {seen[name]}"
            seen.setdefault(name, f"{place}.models[{index}]")
        if route.weights and route.balance != "weighted":
            yield f"{place}.weights", 'are only for balance = "weighted"'
        elif route.weights and len(route.weights) != len(route.to):
            yield f"{place}.weights", f"must be one for each of to, which has {len(route.to)}"
        for option, candidates in _candidates(route).items():
            for index, candidate in enumerate(candidates):
                if problem := _mistake(candidate, providers):
                    yield f"{place}.{option}[{index}]", problem
        every = [*route.to, *route.fallback]
        if len(set(every)) < len(every):
            yield f"{place}.to", "names a candidate twice, here or in fallback"


def _candidates(route: Route) -> Mapping[str, Sequence[str]]:
    return {"to": route.to, "fallback": route.fallback}


def _mistake(candidate: str, providers: Sequence[str]) -> str | None:
    provider, model = split(candidate)
    if not model or (model != SAME and is_pattern(model)):
        return "must be provider/model, or provider/* for the name that the client used"
    if provider not in providers:
        return f"there is no provider {provider[:80]}; there is {', '.join(providers)}"
    return None
