"""A configuration that only the environment makes, and what a configuration amounts to in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway import config
from gateway.config import Config, Key, Model, Provider, Secret, Server
from gateway.errors import ConfigError
from gateway.providers.catalog import ROWS, route

# --- no file ----------------------------------------------------------------------------------------------


def test_one_variable_is_enough() -> None:
    found = config.from_environment({"OPENAI_API_KEY": "sk-a", "PATH": "/bin"})
    (provider,) = found.providers
    assert (provider.name, provider.models) == ("openai", ["*"])
    assert provider.api_key == Secret("sk-a")
    assert found.server == Server()


def test_every_variable_adds_a_provider_and_the_first_serves_the_rest() -> None:
    env = {variable: "key" for row in ROWS for variable in row.key_variables}
    env |= {
        "AZURE_OPENAI_ENDPOINT": "https://mine.openai.azure.com/",
        "AWS_REGION": "eu-west-1",
        "DATABRICKS_HOST": "https://mine.databricks.com",
    }
    found = config.from_environment(env)
    assert [each.name for each in found.providers] == [row.name for row in ROWS if row.key_variables]
    urls = {each.name: each.base_url for each in found.providers}
    assert urls["azure"] == "https://mine.openai.azure.com/openai/v1"
    assert urls["bedrock"] == "https://bedrock-runtime.eu-west-1.amazonaws.com"
    assert route("any", found.providers)[0].name == "openai"
    for each in found.providers:
        assert route(f"{each.name}/any", found.providers) == (each, "any")


def test_a_provider_whose_url_is_not_known_is_left_out() -> None:
    found = config.from_environment({"AZURE_OPENAI_API_KEY": "a", "GROQ_API_KEY": "b"})
    assert [each.name for each in found.providers] == ["groq"]


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({}, "nothing to serve: set OPENAI_API_KEY"),
        ({"OPENAI_API_KEY": ""}, "nothing to serve"),
        ({"OPENAI_API_KEY": "a b"}, "OPENAI_API_KEY must hold one word"),
        ({"AZURE_OPENAI_API_KEY": "a", "AZURE_OPENAI_ENDPOINT": "mine"}, "base_url: must begin"),
    ],
)
def test_an_environment_that_does_not_do(env: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        config.from_environment(env)


# --- explain ----------------------------------------------------------------------------------------------


def test_explain_says_where_with_whom_and_what_is_open() -> None:
    said = config.explain(config.from_environment({"OPENAI_API_KEY": "a", "GROQ_API_KEY": "b"}))
    assert "http://127.0.0.1:8080/v1" in said
    assert "openai: https://api.openai.com/v1" in said
    assert "a model that nothing else matches goes to openai" in said
    assert "NOT PROTECTED BY KEYS" in said


def test_explain_names_keys_and_open_ways() -> None:
    found = Config(
        server=Server(host="::", cors_origins=["https://chat.example.com"]),
        providers=[Provider(name="openai", base_url="http://far.example.com/v1")],
        keys=[Key(name="app", secret=Secret("sk-sluice-a"), models=["gpt-*"])],
    )
    said = config.explain(found)
    assert "http://[::]:8080" in said
    assert "app: providers *; models gpt-*" in said
    assert "callers must send theirs as X-Provider-API-Key" in said
    assert "NOT ENCRYPTED" in said
    assert "without TLS" in said
    assert "https://chat.example.com" in said
    assert "NOT PROTECTED" not in said


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (Model("spacy", path="en_core_web_sm"), ["  spacy: en_core_web_sm"]),
        (
            Model("presidio", url="http://far.example.com", on_error="rules", send_raw=True),
            [
                "  presidio: http://far.example.com",
                "    FAILS OPEN",
                "    SEES EVERYTHING",
                "    NOT ENCRYPTED",
            ],
        ),
        (Model("presidio", url="http://127.0.0.1:5002"), ["  presidio: http://127.0.0.1:5002"]),
    ],
)
def test_explain_says_what_a_model_sees_and_what_it_leaves_open(model: Model, said: list[str]) -> None:
    found = Config(providers=[Provider(name="openai", base_url="https://a.example.com")], model=model)
    told = config.explain(found).partition("\nModel\n")[2].partition("\n\n")[0].splitlines()
    assert [line.partition(":")[0] if line[3] == " " else line for line in told] == said


def test_explain_says_what_policies_leave_open() -> None:
    def policy(**options: Any) -> dict[str, Any]:
        return {"name": f"p{len(policies)}", **options}

    policies: list[dict[str, Any]] = []
    policies.append(policy(preset="rag_system", level="strict", paths=["*/responses"]))
    policies.append(policy(enforcement="monitor"))
    policies.append(policy(threats={"enforcement": "monitor"}))
    policies.append(policy(threats={"on_error": "allow"}))
    said = config.explain(
        config.decode({"providers": [{"name": "openai"}], "policies": policies}, {}, Path())
    )
    assert said.partition("\nPolicies\n")[2].splitlines() == [
        "  p0: rag_system, strict",
        "    for models * at paths */responses",
        "  p1",
        "    MONITORS ONLY: nothing is changed or refused.",
        "  p2",
        "    MONITORS THREATS ONLY: no attack is refused.",
        "  p3",
        "    FAILS OPEN: what the threat detector fails on goes on unjudged.",
    ]
