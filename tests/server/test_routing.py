"""Which candidates a model has: laws of routes, patterns, keys and grants."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.keys import Caller
from gateway.config import Config, Key, Provider, Route, Secret
from gateway.errors import NotFound, PermissionDenied
from gateway.server import routing
from gateway.server.routing import Chains, Tier, chain, listed

NAMES = ("a", "b", "c")


def configured(*routes: Route, keys: int = 1) -> Config:
    secrets = [Secret(f"k{at}") for at in range(keys)]
    providers = [
        Provider(each, f"http://{each}/v1", api_keys=secrets, models=[f"{each}-*"]) for each in NAMES
    ]
    return Config(providers=providers, routes=[*routes])


def told(tiers: list[Tier]) -> list[list[str]]:
    return [[f"{each.provider.name}/{each.model}" for each in tier.candidates] for tier in tiers]


def asked(config: Config, model: str, caller: Caller | None = None) -> list[list[str]]:
    return told(chain(config, caller or Caller(), model))


candidates = st.lists(
    st.sampled_from([f"{each}/m{at}" for each in NAMES for at in range(3)]), unique=True, min_size=1
)


@given(
    candidates, st.integers(0, 8), st.sampled_from(["order", "weighted", "least-latency"]), st.integers(1, 3)
)
def test_every_candidate_is_in_one_tier_with_each_of_its_keys(
    every: list[str], cut: int, balance: str, keys: int
) -> None:
    to, fallback = every[: cut + 1], every[cut + 1 :]
    route = Route(["x"], to, balance, fallback=fallback)  # type: ignore[arg-type]
    tiers = chain(configured(route, keys=keys), Caller(), "x")
    found = [each for tier in told(tiers) for each in tier]
    assert found == [each for each in every for _ in range(keys)]
    assert len(tiers) == (len(to) if balance == "order" else 1) + len(fallback)
    for tier in tiers:
        assert set(tier.weights) == {each.target for each in tier.candidates}
        assert len(tier.weights) == len(tier.candidates)


@given(st.lists(st.integers(1, 9), min_size=3, max_size=3), st.integers(1, 3))
def test_keys_share_the_weight_of_their_candidate(weights: list[int], keys: int) -> None:
    route = Route(["x"], [f"{each}/m" for each in NAMES], "weighted", weights)
    (tier,) = chain(configured(route, keys=keys), Caller(), "x")
    shares = {
        each: sum(tier.weights[it.target] for it in tier.candidates if it.provider.name == each)
        for each in NAMES
    }
    assert shares == pytest.approx(dict(zip(NAMES, weights, strict=True)))


def test_the_nearest_route_is_taken() -> None:
    config = configured(
        Route(["*"], ["a/any"]),
        Route(["x-*"], ["b/*"]),
        Route(["x-large*"], ["c/*"]),
        Route(["x-larger"], ["a/exact"]),
        Route(["*-x"], ["c/second"]),
    )
    assert asked(config, "x-larger") == [["a/exact"]]
    assert asked(config, "x-largest") == [["c/x-largest"]]
    assert asked(config, "x-small") == [["b/x-small"]]
    assert asked(config, "x-x") == [["b/x-x"]]  # as near as *-x, and listed before
    assert asked(config, "whatever") == [["a/any"]]
    assert asked(config, "b/b-1") == [["b/b-1"]]  # it names its provider


def test_without_a_route_the_providers_models_decide() -> None:
    assert asked(configured(), "b-1") == [["b/b-1"]]
    with pytest.raises(NotFound):
        asked(configured(), "z")


def test_a_callers_own_key_is_for_one() -> None:
    config = configured(Route(["x"], ["b/m", "c/m"], "weighted", [1, 5], ["a/m"]), keys=2)
    tiers = chain(config, Caller(provider_credential="sk-own"), "x")
    assert told(tiers) == [["b/m"]]
    ours = chain(config, Caller(), "x")[0].candidates[0]
    assert tiers[0].candidates[0].target != ours.target  # what is learnt of its key says nothing of ours


def test_grants_hold_for_each_candidate() -> None:
    config = configured(Route(["x"], ["a/m"], fallback=["b/m", "c/n"]))

    def granted(**grant: list[str]) -> list[list[str]]:
        return asked(config, "x", Caller(Key("k", Secret("sk-sluice-k"), **grant)))  # type: ignore[arg-type]

    assert granted() == [["a/m"], ["b/m"], ["c/n"]]
    assert granted(models=["x"]) == [["a/m"], ["b/m"], ["c/n"]]
    assert granted(models=["x"], providers=["b", "c"]) == [["b/m"], ["c/n"]]
    assert granted(models=["b/*"]) == [["b/m"]]
    assert granted(models=["n"]) == [["c/n"]]
    with pytest.raises(PermissionDenied):
        granted(models=["y"])
    with pytest.raises(PermissionDenied):
        granted(models=["a/m"], providers=["b"])


def test_what_a_key_may_use_is_listed() -> None:
    config = configured(Route(["x", "pattern-*"], ["a/m"]), Route(["y"], ["b/m"]))
    assert listed(config, None) == [("x", "a"), ("y", "b")]
    assert listed(config, Key("k", Secret("sk-sluice-k"), providers=["b"])) == [("y", "b")]
    assert listed(config, None, "a") == []


def test_what_is_remembered_is_what_was_worked_out() -> None:
    key = Key("app", Secret("sk-sluice-1"), models=["a-*"])
    same_name = Key("app", Secret("sk-sluice-1"), models=["b-*"])
    config = configured(keys=2)
    chains = Chains(config)
    for _ in range(2):
        for caller in (Caller(), Caller(key), Caller(provider_credential="sk-own")):
            for named in (None, "a"):
                assert chains.of(caller, "a-1", named) == chain(config, caller, "a-1", named)
        with pytest.raises(PermissionDenied):
            chains.of(Caller(same_name), "a-1")
    assert chains.of(Caller(key), "a-1") is chains.of(Caller(key), "a-1")


def test_only_so_much_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routing, "_MOST_KNOWN", 3)
    monkeypatch.setattr(routing, "_LONGEST_KNOWN", 10)
    chains = Chains(configured())
    for name in [*(f"a-{number}" for number in range(9)), "a-" + "x" * 20]:
        assert chains.of(Caller(), name)[0].candidates[0].model == name
    assert [model for _, _, model, _ in chains._known] == ["a-6", "a-7", "a-8"]
