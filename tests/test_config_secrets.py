"""Laws about configurations: garbage is told as such, and a secret is never shown."""

from __future__ import annotations

import contextlib
import copy
import pickle
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import config
from gateway.config import Config, Key, Provider, Secret
from gateway.errors import ConfigError
from tests.conftest import ROOT
from tests.test_config import ENV

toml_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "server providers keys name base_url api_key host timeouts headers secret x".split()
            ),
            inner,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["server", "providers", "keys", "x"]), toml_values))
def test_garbage_raises_only_config_errors(data: dict[str, Any]) -> None:
    with contextlib.suppress(ConfigError):
        config.decode(data, ENV, ROOT)


Show = Callable[[Any], str]

secrets = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8).map(
    lambda text: f"?{text}?"
)


def check_secret(kind: Callable[[str], Any], value: str) -> None:
    """No way of showing a configuration shows a secret of it."""
    found = Config(
        providers=[Provider(name="a", base_url="http://h", api_key=kind(value))],
        keys=[Key(name="k", secret=kind(value))],
    )
    assert found.keys[0].secret.reveal() == value
    shown = [
        repr(found),
        str(found),
        f"{found.keys[0].secret}",
        f"{found.keys[0].secret!r:>9}",
        config.explain(found),
    ]
    assert not any(value in each or repr(value) in each for each in shown)
    with pytest.raises(TypeError):
        msgspec.json.encode(found)


@given(secrets)
def test_a_secret_is_never_shown(value: str) -> None:
    check_secret(Secret, value)


def test_the_law_catches_a_secret_that_is_a_string() -> None:
    class Shown(str):
        def reveal(self) -> str:
            return str(self)

    @settings(report_multiple_bugs=False, database=None)
    @given(secrets)
    def law(value: str) -> None:
        check_secret(Shown, value)

    with pytest.raises(AssertionError):
        law()


def test_secrets_are_values() -> None:
    assert Secret("a") == Secret("a")
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("a") != "a"
    for again in (copy.deepcopy(Secret("a")), pickle.loads(pickle.dumps(Secret("a")))):
        assert again.reveal() == "a"
