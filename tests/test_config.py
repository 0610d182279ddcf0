"""The configuration file: what is right loads, what is wrong is told with its place, secrets stay secret."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from gateway import config
from gateway.config import Config, Secret, Server, State, Timeouts
from gateway.errors import ConfigError
from tests.conftest import ROOT

EXAMPLE = ROOT / "docs" / "sluice.example.toml"
ENV = {
    "ACME_SECRET": "s",
    "ANTHROPIC_API_KEY": "k",
    "SLUICE_SECRET": "s",
    "SLUICE_AUDIT_SECRET": "s",
    "AZURE_OPENAI_API_KEY": "k",
    "OPENAI_API_KEY": "sk-provider-secret",
    "OPENAI_API_KEY_2": "sk-second-provider-secret",
    "SLUICE_KEY_CHAT_APP": "sk-sluice-secret",
}

SMALLEST = """
[server]
host = "127.0.0.1"
port = 8080

[[providers]]
name = "openai"
dialect = "openai_chat"
base_url = "https://api.openai.com/v1"
api_key = "env:OPENAI_API_KEY"
models = ["*"]
"""


def loaded(text: str, folder: Path, env: dict[str, str] | None = None) -> Config:
    path = folder / "sluice.toml"
    path.write_text(text)
    return config.load(path, ENV if env is None else env)


def refused(text: str, folder: Path, env: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        loaded(text, folder, env)
    return str(caught.value)


def one(provider: str = "", server: str = "", keys: str = "") -> str:
    """A sound file, and what a test adds to it."""
    base_url = "" if "base_url" in provider else 'base_url = "http://localhost:1/v1"'
    name = "" if "name =" in provider else 'name = "a"'
    return f"[server]\n{server}\n[[providers]]\n{name}\n{base_url}\n{provider}\n{keys}"


# --- what is right ----------------------------------------------------------------------------------------


def test_the_smallest_file(tmp_path: Path) -> None:
    found = loaded(SMALLEST, tmp_path)
    assert found.server == Server()
    (provider,) = found.providers
    assert (provider.name, provider.base_url) == ("openai", "https://api.openai.com/v1")
    assert provider.api_key is not None
    assert provider.api_key.reveal() == "sk-provider-secret"
    assert found.keys == []


def options(table: type[Any], data: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    """Each option of a table of the structs, and whether it stands in the data."""
    for name, kind in get_type_hints(table).items():
        yield f"{table.__name__}.{name}", name in data
        inner = next((each for each in (kind, *get_args(kind)) if _is_table(each)), None)
        if inner is not None:
            # An option counts where any of the tables of an array has it.
            rows = data.get(name, [])
            merged: dict[str, Any] = {}
            for each in rows if isinstance(rows, list) else [rows]:
                merged |= each
            yield from options(inner, merged)


def _is_table(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def test_the_example_shows_every_option() -> None:
    found = dict(options(Config, tomllib.loads(EXAMPLE.read_text())))
    assert {"Server.port", "Provider.headers", "Timeouts.idle_s", "Key.models"} <= set(found)
    # The one that stands in a comment: a state is in a folder or in Redis, not in both.
    assert [name for name, shown in found.items() if not shown] == ["State.redis"]


def test_the_example_loads_and_states_the_defaults() -> None:
    found = config.load(EXAMPLE, ENV)
    assert found.server == Server(secret=Secret("s"))
    assert found.providers[0].timeouts == Timeouts()
    assert [each.name for each in found.keys] == ["chat-app"]


@pytest.mark.parametrize(
    ("options", "base_url", "dialects"),
    [
        ('name = "anthropic"', "https://api.anthropic.com/v1", ("anthropic",)),
        ('name = "mine"\nkind = "gemini"', "https://generativelanguage.googleapis.com/v1beta", ("gemini",)),
        ('name = "bedrock"\nregion = "us-east-1"', "https://bedrock-runtime.us-east-1.amazonaws.com", ("bedrock",)),
        ('name = "vertex"\nregion = "eu"\nproject = "p"', "https://aiplatform.eu.rep.googleapis.com/v1", ("gemini", "anthropic")),
    ],
)  # fmt: skip
def test_a_known_provider_needs_no_url(
    options: str, base_url: str, dialects: tuple[str, ...], tmp_path: Path
) -> None:
    (provider,) = loaded(f"[[providers]]\n{options}\n", tmp_path).providers
    assert provider.base_url == base_url
    assert provider.row.dialects == dialects


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ('request = { EMIAL = "redact" }', "policies[0].request.EMIAL: "),
        ('answer = { EMAIL = "hide" }', "policies[0].answer"),
        ("patterns = { ID = '(?=x)x' }", "policies[0].patterns: the pattern of ID looks ahead or behind"),
        ('deny = { PROJECT = [""] }', "policies[0].patterns: the words of PROJECT are empty"),
        ('name = "P!"', "policies[0].name: must be lower-case"),
        ('preset = "rag_sistem"', "policies[0].preset: no such choice; did you mean rag_system?"),
        ('level = "hard"', "policies[0].level: no such choice; there is strict, moderate, permissive"),
        (
            "threats.user = { flag = 0.9, block = 0.5 }",
            "policies[0].threats.user.flag: must not be above block",
        ),
        ("threats.user = { block = 2 }", "policies[0].threats.user.block"),
        (
            'threats.rules = { "overide.prior" = "off" }',
            "policies[0].threats.rules.overide.prior: names no rule; did you mean override.prior?",
        ),
        ('threats.rules = { "nothing.*" = "off" }', "policies[0].threats.rules.nothing.*: names no rule"),
        ('threats.rules = { "model" = "on" }', "policies[0].threats.rules"),
        ("tools.most = -1", "policies[0].tools.most"),
        ('tools.denyed = ["bash"]', "policies[0].tools.denyed: no such option; did you mean denied?"),
    ],
)
def test_what_is_wrong_with_a_policy_is_told(options: str, said: str, tmp_path: Path) -> None:
    name = "" if options.startswith("name") else 'name = "p"\n'
    assert said in refused(one() + f"\n[[policies]]\n{name}{options}\n", tmp_path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ('kind = "antropic"', "providers[0].kind: no such provider is known; did you mean anthropic?"),
        ('kind = "bedrock"', "providers[0].region: missing option"),
        ('kind = "bedrock"\nregion = "a/b"', "providers[0].base_url: missing option"),
        ('kind = "vertex"\nregion = "global"', "providers[0].project: missing option"),
        ('kind = "vertex"\nregion = "global"\nproject = "a/b"', "providers[0].project: "),
        ('kind = "azure"\nbase_url = "https://a.openai.azure.com"\napi_version = "new"', "providers[0].api_version: api_version must be a date"),
    ],
)  # fmt: skip
def test_what_a_place_lacks_is_told(options: str, said: str, tmp_path: Path) -> None:
    assert said in refused(f'[[providers]]\nname = "mine"\n{options}\n', tmp_path)


def test_secrets_come_from_files_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-from-file\n")
    (provider,) = loaded(one('api_key = "file:key"'), tmp_path).providers
    assert provider.api_key == Secret("sk-from-file")
    (provider,) = loaded(one(f'api_key = "file:{tmp_path / "key"}"'), tmp_path).providers
    assert provider.api_key == Secret("sk-from-file")


def test_a_gateway_key_may_stand_in_the_file(tmp_path: Path) -> None:
    keys = '[[keys]]\nname = "a"\nsecret = "sk-sluice-literal"'
    (key,) = loaded(one(server='host = "0.0.0.0"', keys=keys), tmp_path).keys
    assert key.secret.reveal() == "sk-sluice-literal"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.1.2.3"])
def test_loopback_needs_no_keys(tmp_path: Path, host: str) -> None:
    assert loaded(one(server=f'host = "{host}"'), tmp_path).server.host == host


# --- what is wrong ----------------------------------------------------------------------------------------


KEY = '[[keys]]\nname = "k"\nsecret = "sk-sluice-k"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("port = 1\n" + SMALLEST, "port: no such option; port belongs in [server]"),
        (one(server="prot = 1"), "server.prot: no such option; did you mean port?"),
        (one('base_ulr = "x"'), "providers[0].base_ulr: no such option; did you mean base_url?"),
        (one("timeouts = {idle = 1}"), "providers[0].timeouts.idle: no such option; did you mean idle_s?"),
        (one("zzz = 1"), "providers[0].zzz: no such option; there is name, base_url"),
        (one(keys="[keyes]"), "keyes: no such option; did you mean keys?"),
        (one(server='upstream = "plane"'), "server.upstream: no such choice; did you mean plain?"),
        (one('dialect = "openai-chat"'), "providers[0].dialect: no such choice; did you mean openai_chat?"),
        (one(server='port = "80"'), "server.port: expected a whole number, got a string"),
        (one(server="port = 65536"), "server.port: expected a whole number <= 65535"),
        (one(server="workers = -1"), "server.workers: expected a whole number >= 0"),
        (one("timeouts = {idle_s = nan}"), "providers[0].timeouts.idle_s: expected a number"),
        (one("timeouts = {idle_s = inf}"), "providers[0].timeouts.idle_s: expected a number"),
        (one('models = "*"'), "providers[0].models: expected an array, got a string"),
        (one("models = []"), "providers[0].models: serves nothing"),
        ('[providers]\nname = "a"', "providers: expected an array, got a table: write [[providers]]"),
        ('[[providers]]\nname = "a"', "providers[0].base_url: missing option"),
        ("", "providers: nothing to serve"),
        ("[server", "not valid TOML"),
        (one('name = "Open AI"'), "providers[0].name: must be"),
        (one('base_url = "localhost:1"'), "providers[0].base_url: must begin http:// or https://"),
        (one('base_url = "http://"'), "providers[0].base_url: must begin http:// or https://"),
        (one('base_url = "http://h:99999"'), "providers[0].base_url: is not a URL"),
        (one('base_url = "http://h/a b"'), "providers[0].base_url: must be one word"),
        (one('base_url = "http://u:word@h"'), "providers[0].base_url: must hold no user"),
        (one('base_url = "http://h/?"'), "providers[0].base_url: must end before ?"),
        (one('base_url = "http://h/v1/chat/completions"'), "providers[0].base_url: must end before /chat"),
        (one('headers = {"a b" = "c"}'), "providers[0].headers: a header's name"),
        (one('headers = {Authorization = "c"}'), "providers[0].headers.Authorization: is set by the gateway"),
        (one('headers = {x = "a\\nb"}'), "providers[0].headers.x: must be one line"),
        (one('api_key = "sk-sluice-a"'), "providers[0].api_key: this is a gateway key"),
        (one("api_key = 1"), "providers[0].api_key: expected a string such as env:NAME"),
        (one(keys='[[providers]]\nname = "a"\nbase_url = "http://h"'), "providers[1].name: is the same as"),
        (one(keys=KEY + KEY), "keys[1].name: is the same as that of keys[0]"),
        (one(keys=KEY + KEY), "keys[1].secret: is the same as that of keys[0]"),
        (one(keys=KEY.replace("sk-sluice-k", "env:OPENAI_API_KEY")), "keys[0].secret: must begin sk-sluice-"),
        (one(keys=KEY.replace("sluice-k", "sluice-")), "keys[0].secret: must begin sk-sluice-"),
        (one(keys=KEY + 'providers = ["b"]'), "keys[0].providers[0]: no such provider; there is a"),
        (one(keys=KEY.replace('"k"', '""')), "keys[0].name: must be"),
        (one(server='header_prefix = "X Sluice"'), "server.header_prefix: must be"),
        (one(server='header_prefix = "X-Sluice-"'), "server.header_prefix: must be"),
        (one(server='header_prefix = ""'), "server.header_prefix: must be"),
        (one(server='cors_origins = ["https://a.example/"]'), "server.cors_origins[0]: must be an origin"),
        (
            one(keys=KEY + "limits = {requests_per_minuet = 1}"),
            "keys[0].limits.requests_per_minuet: no such option; did you mean requests_per_minute?",
        ),
        (
            one(keys=KEY + "limits = {concurrent = 0}"),
            "keys[0].limits.concurrent: expected a whole number >= 1",
        ),
        (one(keys=KEY + "budget = {usd = 0}"), "keys[0].budget.usd: expected"),
        (
            one(keys=KEY + 'budget = {per = "year"}'),
            "keys[0].budget.per: no such choice; there is day, month, total",
        ),
        (
            one(keys=KEY + "expires = 2027-01-01"),
            "keys[0].expires: expected a time with its zone, such as 2027-01-01T00:00:00Z",
        ),
        (one(keys=KEY + "expires = 2027-01-01T00:00:00"), "keys[0].expires: expected a time with its zone"),
        (one(keys="[[prices]]\ninput = 1"), "prices[0]: missing option `model`"),
        (
            one(keys=KEY + "limits = {concurrent = true}"),
            "keys[0].limits.concurrent: expected a whole number, got",
        ),
        (
            one(keys='[[prices]]\nmodel = "a"\ninput = -1\noutput = 0'),
            "prices[0].input: expected a number >= 0",
        ),
        (one(keys=2 * '[[prices]]\nmodel = "a"\ninput = 1\noutput = 0\n'), "prices[1].model: is the same as"),
        (
            one(keys='[state]\npath = "a"\nredis = "env:OPENAI_API_KEY"'),
            "state: is either a folder (path) or a Redis server",
        ),
        (one(keys='[state]\nredis = "env:OPENAI_API_KEY"'), "state.redis: must begin redis://"),
        (one(keys="[state]"), "state.path: missing option: a folder"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    assert said in refused(text, tmp_path)


def test_an_error_names_its_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(one('api_key = "env:UNSET"'), tmp_path)
    assert caught.value.param == "providers[0].api_key"


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    lines = refused(one('base_url = "x"', server='header_prefix = ""'), tmp_path).splitlines()
    assert [line.partition(":")[0] for line in lines] == ["server.header_prefix", "providers[0].base_url"]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.1.2", "gateway.example.com"])
def test_another_host_needs_keys_and_is_told_what_to_do(tmp_path: Path, host: str) -> None:
    said = refused(one(server=f'host = "{host}"'), tmp_path)
    assert said.startswith("server.host: without [[keys]]")
    assert "[[keys]]" in said
    assert "127.0.0.1" in said
    loaded(one(server=f'host = "{host}"', keys=KEY), tmp_path)


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ('[state]\npath = "kept"', "{here}/kept"),
        ('[state]\npath = "/kept"', "/kept"),
        ("[state]", "{here}/default/sluice"),
        (KEY + "limits = {concurrent = 1}", "{here}/default/sluice"),
        (KEY + "budget = {tokens = 1}", "{here}/default/sluice"),
        (KEY, None),
    ],
)
def test_where_the_state_is_kept(tmp_path: Path, options: str, path: str | None) -> None:
    env = {**ENV, "XDG_STATE_HOME": str(tmp_path / "default")}
    state = loaded(one(keys=options), tmp_path, env).state
    assert (state and state.path) == (path and path.format(here=tmp_path))


def test_keys_that_were_made_in_the_default_folder_are_used(tmp_path: Path) -> None:
    env = {**ENV, "HOME": str(tmp_path)}
    folder = tmp_path / ".local" / "state" / "sluice"
    folder.mkdir(parents=True)
    assert loaded(one(), tmp_path, env).state is None
    (folder / "sluice.db").touch()
    assert loaded(one(), tmp_path, env).state == State(path=str(folder))
    assert config.from_environment(env).state == State(path=str(folder))


def test_another_host_may_be_served_with_keys_of_the_state(tmp_path: Path) -> None:
    text = one(server='host = "0.0.0.0"', keys='[state]\npath = "kept"')
    assert loaded(text, tmp_path).keys == []
    assert "NOT PROTECTED" not in config.explain(loaded(text, tmp_path))


def test_limits_and_budgets_are_explained(tmp_path: Path) -> None:
    more = "expires = 2030-01-01T00:00:00Z\nlimits = {requests_per_minute = 1000, concurrent = 2}\nbudget = {usd = 5}"
    said = config.explain(loaded(one(keys=KEY + more), tmp_path, {**ENV, "HOME": "/h"}))
    for line in (
        "at most 1,000 requests a minute, 2 requests at a time",
        "may spend $5 a month",
        "until 2030-01-01T00:00:00+00:00",
        "kept in /h/.local/state/sluice",
    ):
        assert line in said


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        config.load(tmp_path / "none.toml", ENV)
    (tmp_path / "sluice.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="not UTF-8"):
        config.load(tmp_path / "sluice.toml", ENV)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("env:UNSET", "the environment variable UNSET is not set"),
        ("env:EMPTY", "the environment variable EMPTY is not set"),
        ("env:TWO", "the environment variable TWO must hold one word"),
        ("env:sk-hidden", "env: must be followed by the name"),
        ("sk-hidden", "a secret is written as env:NAME, file:PATH or credential:NAME"),
        ("", "a secret is written as env:NAME, file:PATH or credential:NAME"),
        ("file:none", "the file cannot be read (No such file"),
        ("file:empty", "the file is empty"),
        ("file:.", "the file cannot be read"),
        ("file:bad", "the file cannot be read (not text)"),
        ("credential:none", "the credential none cannot be read (No such file"),
        ("credential:empty", "the credential empty is empty"),
        ("credential:bad", "the credential bad cannot be read (not text)"),
        ("credential:../bad", "credential: must be followed by the name"),
        ("credential:..", "credential: must be followed by the name"),
        ("credential:sk/hidden", "credential: must be followed by the name"),
    ],
)
def test_a_secret_that_is_not_there(tmp_path: Path, written: str, said: str) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "bad").write_bytes(b"\xff")
    env = {"EMPTY": "", "TWO": "hidden hidden", "CREDENTIALS_DIRECTORY": str(tmp_path)}
    message = refused(one(f'api_key = "{written}"'), tmp_path, env)
    assert message.startswith(f"providers[0].api_key: {said}")
    assert "hidden" not in message


def test_a_secret_may_be_a_credential_of_the_service(tmp_path: Path) -> None:
    (tmp_path / "openai").write_text("sk-test\n")
    file = tmp_path / "sluice.toml"
    file.write_text(one('api_key = "credential:openai"'))
    loaded = config.load(file, {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert loaded.providers[0].api_key == Secret("sk-test")
    assert "there are no credentials here" in refused(one('api_key = "credential:openai"'), tmp_path, {})
