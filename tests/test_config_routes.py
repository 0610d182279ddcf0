"""Routes, retries, breakers and the cache in the configuration: what is wrong is told with its place."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from gateway import config
from gateway.config import Cache, CircuitBreaker, Config, Retries, Route
from gateway.errors import ConfigError

ENV = {"A": "key-a", "B": "key-b"}
PROVIDERS = """
[[providers]]
name = "openai"
api_key = "env:A"

[[providers]]
name = "azure"
base_url = "https://x.openai.azure.com/openai/v1"
api_keys = ["env:A", "env:B"]
"""


def decoded(text: str) -> Config:
    return config.decode(tomllib.loads(PROVIDERS + text), ENV, Path())


def refused(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        decoded(text)
    return str(caught.value)


def test_what_is_not_written_has_its_default() -> None:
    found = decoded('[[routes]]\nmodels = ["gpt"]\nto = ["openai/*"]\n')
    assert found.routes == [Route(["gpt"], ["openai/*"])]
    assert found.cache is None
    assert found.providers[0].retries == Retries()
    assert found.providers[0].breaker == CircuitBreaker()
    assert decoded("[cache]\n").cache == Cache()


def test_several_keys_are_one_list() -> None:
    first, second = decoded("").providers
    assert [each.reveal() for each in first.keys] == ["key-a"]
    assert [each.reveal() for each in second.keys] == ["key-a", "key-b"]
    both = decoded('[[providers]]\nname = "groq"\napi_key = "env:A"\napi_keys = ["env:B"]\n').providers[2]
    assert [each.reveal() for each in both.keys] == ["key-a", "key-b"]


def route(rest: str) -> str:
    return f'[[routes]]\nmodels = ["gpt"]\n{rest}\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (route("to = []"), "routes[0].to: leads nowhere"),
        (route('to = ["opnai/gpt"]'), "routes[0].to[0]: there is no provider opnai; there is openai, azure"),
        (route('to = ["openai"]'), "routes[0].to[0]: must be provider/model"),
        (route('to = ["openai/gpt-*"]'), "routes[0].to[0]: must be provider/model, or provider/*"),
        (route('to = ["openai/a"]\nfallback = ["x/y"]'), "routes[0].fallback[0]: there is no provider x"),
        (route('to = ["openai/a"]\nfallback = ["openai/a"]'), "routes[0].to: names a candidate twice"),
        (route('to = ["openai/a"]\nweights = [1]'), 'routes[0].weights: are only for balance = "weighted"'),
        (route('to = ["openai/a"]\nbalance = "weighted"\nweights = [1, 2]'), "routes[0].weights: must be one"),
        (route('to = ["openai/a"]\nbalance = "weighed"'), "routes[0].balance: no such choice; did you mean weighted?"),
        (route('to = ["openai/a"]\nfallbacks = []'), "routes[0].fallbacks: no such option; did you mean fallback?"),
        ('[[routes]]\nmodels = []\nto = ["openai/a"]', "routes[0].models: serves nothing"),
        (route('to = ["openai/a"]') + route('to = ["openai/b"]'), "routes[1].models[0]: is the same as routes[0]"),
        ("[cache]\nttl = 5", "cache.ttl: no such option; did you mean ttl_s?"),
        ("[providers.retries]\nmost = 11", "providers[1].retries.most: expected"),
        ("[providers.breaker]\nfailures = 0", "providers[1].breaker.failures: expected"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(text: str, expected: str) -> None:
    assert refused(text).startswith(expected)


def test_a_gateway_key_is_no_providers_key() -> None:
    text = '[[providers]]\nname = "groq"\napi_keys = ["sk-sluice-x"]\n'
    assert refused(text) == "providers[2].api_keys: this is a gateway key, which a provider must never see"


def test_it_is_explained() -> None:
    said = config.explain(
        decoded(
            route(
                'to = ["openai/a", "azure/a"]\nbalance = "weighted"\nweights = [3, 1]\nfallback = ["openai/b"]'
            )
            + '[[routes]]\nmodels = ["b"]\nto = ["openai/a", "azure/a"]\n[cache]\n'
        )
    )
    assert "  gpt: openai/a (3), azure/a (1), by weight, then openai/b" in said
    assert "  b: openai/a, then azure/a" in said
    assert "    keys: 2, set here" in said
    assert "Whole answers are kept for 300 s, at most 64 MiB in each worker" in said
