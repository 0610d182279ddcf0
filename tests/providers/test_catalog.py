"""The rows are sound, and a model's name finds one provider, always the same."""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from gateway.errors import NotFound, PermissionDenied
from gateway.providers.catalog import GENERIC, ROWS, Row, allowed, is_pattern, listed, route, row


@dataclass(frozen=True)
class Served:
    name: str
    models: list[str]


@dataclass(frozen=True)
class Grant:
    providers: list[str] = field(default_factory=lambda: ["*"])
    models: list[str] = field(default_factory=lambda: ["*"])


# --- rows -------------------------------------------------------------------------------------------------


def test_rows_are_told_apart() -> None:
    assert len({each.name for each in ROWS}) == len(ROWS)
    urls = [each.base_url for each in ROWS if each.base_url]
    assert len(set(urls)) == len(urls)
    variables = [variable for each in ROWS for variable in each.key_variables]
    assert len(set(variables)) == len(variables)


@pytest.mark.parametrize("each", ROWS, ids=lambda each: each.name)
def test_a_row_is_found_by_its_own_name_and_url(each: Row) -> None:
    assert row(each.name, "") is each
    if each.base_url and "{" not in each.base_url:
        assert row("anything", each.base_url) is each
        assert not each.base_url.endswith("/")
        assert each.base_url.startswith("https://") or not each.needs_key


@pytest.mark.parametrize(
    ("name", "base_url", "found"),
    [
        ("mine", "https://API.mistral.ai/v1", "mistral"),
        ("openai", "https://api.mistral.ai/v1", "mistral"),
        ("mine", "https://mine.openai.azure.com/openai/v1", "azure"),
        ("mine", "https://openai.azure.com.example.com/v1", "generic"),
        ("mine", "https://notapi.mistral.ai/v1", "generic"),
        ("azure", "https://gateway.example.com/openai/v1", "azure"),
        ("mine", "http://localhost:11434/v1", "ollama"),
        ("mine", "http://localhost:9/v1", "generic"),
        ("mine", "https://org-account.snowflakecomputing.com/api/v2/cortex/v1", "snowflake"),
        ("mine", "https://bedrock-runtime.eu-west-1.amazonaws.com", "bedrock"),
        ("mine", "https://europe-west1-aiplatform.googleapis.com/v1", "vertex"),
        ("mine", "https://aiplatform.eu.rep.googleapis.com/v1", "vertex"),
        ("mine", "https://dashscope.aliyuncs.com/compatible-mode/v1", "alibaba"),
    ],
)
def test_the_host_says_more_than_the_name(name: str, base_url: str, found: str) -> None:
    assert row(name, base_url).name == found


def test_nothing_is_demanded_of_an_unknown_server() -> None:
    assert row("simulator", "http://127.0.0.1:1/v1") is GENERIC
    assert not GENERIC.needs_key


# --- routes -----------------------------------------------------------------------------------------------

OPENAI = Served("openai", ["gpt-4o", "gpt-*"])
GROQ = Served("groq", ["groq/compound", "llama-*"])
LOCAL = Served("local", ["*"])
ALL = [OPENAI, GROQ, LOCAL]


@pytest.mark.parametrize(
    ("model", "provider", "name"),
    [
        ("gpt-4o", OPENAI, "gpt-4o"),
        ("gpt-4.1", OPENAI, "gpt-4.1"),
        ("openai/gpt-4.1", OPENAI, "gpt-4.1"),
        # Not what openai serves, so the prefix is part of a name that somebody else may know.
        ("openai/whisper", LOCAL, "openai/whisper"),
        ("groq/compound", GROQ, "groq/compound"),
        ("groq/llama-3.3", GROQ, "llama-3.3"),
        ("local/gpt-4o", LOCAL, "gpt-4o"),
        ("local/openai/gpt-4o", LOCAL, "openai/gpt-4o"),
        ("local/", LOCAL, "local/"),
        ("qwen3", LOCAL, "qwen3"),
    ],
)
@pytest.mark.parametrize("order", [1, -1])
def test_routes(model: str, provider: Served, name: str, order: int) -> None:
    assert route(model, ALL[::order]) == (provider, name)


def test_between_equals_the_first_is_chosen() -> None:
    first, second = Served("first", ["*"]), Served("second", ["*"])
    assert route("m", [first, second]) == (first, "m")
    assert route("second/m", [first, second]) == (second, "m")


def test_the_pattern_with_the_most_literal_characters_is_chosen() -> None:
    wide, narrow = Served("wide", ["gpt-*"]), Served("narrow", ["*", "gpt-4*"])
    assert route("gpt-4o", [wide, narrow]) == (narrow, "gpt-4o")
    assert route("gpt-3", [wide, narrow]) == (wide, "gpt-3")


@pytest.mark.parametrize(
    ("model", "offered"),
    [
        ("gpt-4p", "did you mean gpt-4o?"),
        ("xyz", "there is gpt-4o, groq/compound, llama-*"),
        ("gpt4o" * 10**5, "there is gpt-4o"),
    ],
)
def test_an_unknown_model_is_told_the_nearest(model: str, offered: str) -> None:
    with pytest.raises(NotFound) as caught:
        route(model, [Served("openai", ["gpt-4o"]), GROQ])
    assert offered in str(caught.value)
    assert (caught.value.status, caught.value.param, caught.value.code) == (404, "model", "model_not_found")


def test_a_key_sees_only_its_models() -> None:
    grant = Grant(models=["local/*", "gpt-4o"])
    assert route("gpt-4o", ALL, grant) == (OPENAI, "gpt-4o")
    assert route("qwen3", ALL, grant) == (LOCAL, "qwen3")
    assert listed(ALL, grant) == [("gpt-4o", "openai")]
    with pytest.raises(PermissionDenied):
        route("llama-3", [OPENAI, GROQ], grant)


def test_a_key_is_routed_to_the_provider_that_it_may_use() -> None:
    azure = Served("azure", ["gpt-4o"])
    assert route("gpt-4o", [OPENAI, azure], Grant(models=["azure/*"])) == (azure, "gpt-4o")


def test_allowed_providers() -> None:
    assert allowed(ALL, None) == ALL
    assert allowed(ALL, Grant(providers=["groq", "lo*"])) == [GROQ, LOCAL]
    assert allowed(ALL, None, "groq") == [GROQ]
    with pytest.raises(PermissionDenied):
        allowed(ALL, Grant(providers=["openai"]), "groq")
    with pytest.raises(NotFound, match="did you mean groq"):
        allowed(ALL, None, "grok")
    with pytest.raises(NotFound) as caught:
        allowed(ALL, Grant(providers=["openai"]), "grok")
    assert "groq" not in str(caught.value)


def test_listed_names_a_model_twice_when_two_serve_it() -> None:
    assert listed([OPENAI, Served("azure", ["gpt-4o"])]) == [("gpt-4o", "openai"), ("azure/gpt-4o", "azure")]


# --- the laws ---------------------------------------------------------------------------------------------

Route = Callable[[str, Sequence[Served], Grant | None], tuple[Served, str]]

words = st.sampled_from("a b a/a a/b b/a b/b a/b/a a/ /a c".split())
patterns = words | st.sampled_from("* a* */b a/* ? ?/* [ab]".split())
houses = st.lists(
    st.builds(Served, st.sampled_from("abc"), st.lists(patterns, min_size=1, max_size=3)),
    max_size=3,
    unique_by=lambda each: each.name,
)
grants = st.none() | st.builds(Grant, st.just(["*"]), st.lists(patterns, min_size=1, max_size=2))


def check_route(find: Route, model: str, house: list[Served], grant: Grant | None) -> None:
    """What is sent is served there and granted; an exact name is sent as it is; order only breaks ties."""
    wanted = any(fnmatchcase(model, pattern) or model == pattern for each in house for pattern in each.models)
    try:
        provider, name = find(model, house, grant)
    except PermissionDenied:
        assert grant is not None
        return
    except NotFound:
        assert not wanted
        return
    assert any(fnmatchcase(name, pattern) or name == pattern for pattern in provider.models)
    assert model in (name, f"{provider.name}/{name}")
    if grant is not None:
        forms = (name, f"{provider.name}/{name}")
        assert any(
            fnmatchcase(form, pattern) or form == pattern for form in forms for pattern in grant.models
        )
    elif any(model in each.models for each in house):
        assert model in provider.models
        assert name == model


@given(words, houses, grants)
def test_law_of_routing(model: str, house: list[Served], grant: Grant | None) -> None:
    check_route(route, model, house, grant)


def test_the_law_catches_a_router_that_always_strips() -> None:
    def broken(model: str, house: Sequence[Served], grant: Grant | None) -> tuple[Served, str]:
        provider, name = route(model, house, grant)
        return provider, name.removeprefix(f"{provider.name}/")

    @settings(report_multiple_bugs=False, database=None)
    @given(words, houses, grants)
    @example("a/m", [Served("a", ["a/m"])], None)
    def law(model: str, house: list[Served], grant: Grant | None) -> None:
        check_route(broken, model, house, grant)

    with pytest.raises(AssertionError):
        law()


@given(houses, grants)
def test_whatever_is_listed_reaches_its_provider(house: list[Served], grant: Grant | None) -> None:
    for model, owner in listed(house, grant):
        assert route(model, house, grant)[0].name == owner


@given(words, houses, st.text(string.ascii_lowercase, min_size=3))
def test_a_provider_that_does_not_serve_a_model_changes_nothing(
    model: str, house: list[Served], name: str
) -> None:
    assume(not model.startswith(name))
    try:
        expected = route(model, house)
    except NotFound:
        return
    assert route(model, [Served(name, ["zzz*"]), *house]) == expected


@pytest.mark.parametrize(
    ("name", "pattern"), [("gpt-4o", False), ("gpt-*", True), ("gpt-?", True), ("[ab]", True)]
)
def test_is_pattern(name: str, pattern: bool) -> None:
    assert is_pattern(name) is pattern
