"""Who may answer a request: the configuration and the caller in, tiers of candidates out.

A *candidate* is a provider, the model's name there, and one of the provider's keys. The candidates of a
*tier* are as good as each other, and one of them is asked first; the next tier is for when all of it has
failed. Who that is at this moment is decided in `attempts`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from gateway.access.balance import By
from gateway.access.keys import Caller, Key
from gateway.config import Config, Provider, Route
from gateway.config.routes import SAME, split
from gateway.errors import PermissionDenied
from gateway.providers import catalog

_MOST_KNOWN = 1024
_LONGEST_KNOWN = 200


class Candidate(NamedTuple):
    """`target` is what balancing knows it by: as the configuration writes it, never as a request does."""

    target: str
    provider: Provider
    model: str
    key: int = 0


class Tier(NamedTuple):
    candidates: list[Candidate]
    weights: dict[str, float]  # by target
    by: By = "weighted"


def chain(config: Config, caller: Caller, model: str, named: str | None = None) -> list[Tier]:
    """The tiers for a model, at least one, none empty; `named` is the provider that the path names.

    A model that a route names goes where the route says, unless the request names the provider itself. A
    caller's own provider key is one provider's: there is one candidate then. Raises NotFound and
    PermissionDenied.
    """
    usable = catalog.allowed(config.providers, caller.key, named)
    route = None if named is not None else _route_of(model, config)
    if route is None:
        provider, name = catalog.route(model, usable, caller.key)
        tiers = [_tier([(provider.name, provider, name, 1)])]
    else:
        tiers = list(_tiers(route, model, usable, caller.key))
    if not tiers:
        raise PermissionDenied("this key may not use that model", param="model", code="model_not_allowed")
    if caller.provider_credential is not None:
        first = tiers[0].candidates[0]
        first = first._replace(target=f"{first.target}#caller")  # what its key may do says nothing of ours
        return [Tier([first], {first.target: 1})]
    return tiers


class Chains:
    """The chains of a configuration, remembered: most models that are asked for are asked for again."""

    def __init__(self, config: Config) -> None:
        self._config = config
        # Keys may change while their names stay. Each is kept here, so that no other can get its id.
        self._known: dict[tuple[int, bool, str, str | None], tuple[Key | None, list[Tier]]] = {}

    def of(self, caller: Caller, model: str, named: str | None = None) -> list[Tier]:
        """As `chain`."""
        if len(model) > _LONGEST_KNOWN:
            return chain(self._config, caller, model, named)
        asked = (id(caller.key), caller.provider_credential is None, model, named)
        known = self._known.get(asked)
        if known is None:
            while len(self._known) >= _MOST_KNOWN:
                del self._known[next(iter(self._known))]
            known = self._known[asked] = (caller.key, chain(self._config, caller, model, named))
        return known[1]


def listed(config: Config, key: Key | None, named: str | None = None) -> list[tuple[str, str]]:
    """Every model that is named outright, and that the caller may use, with its provider's name."""
    usable = catalog.allowed(config.providers, key, named)
    found = dict(catalog.listed(usable, key))
    for route in config.routes if named is None else ():
        for model in route.models:
            tiers = () if catalog.is_pattern(model) else tuple(_tiers(route, model, usable, key))
            if tiers:
                found[model] = tiers[0].candidates[0].provider.name
    return list(found.items())


def _route_of(model: str, config: Config) -> Route | None:
    for route in config.routes:
        if model in route.models:
            return route
    if any(model.startswith(f"{each.name}/") for each in config.providers):
        return None
    globs = [
        (catalog.specificity(pattern), -at)
        for at, route in enumerate(config.routes)
        for pattern in route.models
        if catalog.is_pattern(pattern) and fnmatchcase(model, pattern)
    ]
    return config.routes[-max(globs)[1]] if globs else None


def _tiers(route: Route, model: str, usable: Sequence[Provider], key: Key | None) -> Iterable[Tier]:
    """The route's candidates that this key may use: by the model it asked for, or by theirs."""
    providers = {each.name: each for each in usable}
    weights = route.weights or [1] * len(route.to)
    groups = [list(zip(route.to, weights, strict=True))]
    if route.balance == "order":
        groups = [[each] for each in groups[0]]
    for group in [*groups, *([(each, 1)] for each in route.fallback)]:
        found = []
        for written, weight in group:
            provider = providers.get(split(written)[0])
            name = model if split(written)[1] == SAME else split(written)[1]
            asked_for = key is None or catalog.matches(model, key.models)
            if provider is not None and (asked_for or catalog.granted(provider, name, key)):
                found.append((written, provider, name, weight))
        if found:
            yield _tier(found, "least-latency" if route.balance == "least-latency" else "weighted")


def _tier(found: Iterable[tuple[str, Provider, str, float]], by: By = "weighted") -> Tier:
    """Each of a provider's keys is a candidate, with its share of the weight."""
    candidates, weights = [], {}
    for written, provider, model, weight in found:
        keys = len(provider.keys) or 1
        for at in range(keys):
            target = written if keys == 1 else f"{written}#{at}"
            candidates.append(Candidate(target, provider, model, at))
            weights[target] = weight / keys
    return Tier(candidates, weights, by)
