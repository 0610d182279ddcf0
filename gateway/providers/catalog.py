"""Well-known providers as rows of data, and which configured provider serves a model.

In: a provider's name and URL, or a model's name with the configured providers and what the caller may use.
Out: a `Row` of facts, or the provider and the model's name there. Knows no configuration file, no
credential and no body.

A provider speaks differently in few ways, so each is a column. A row is found by the host of the URL
first: who answers matters more than what somebody called it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Literal, Protocol, TypeVar
from urllib.parse import urlsplit

from msgspec import Struct

from gateway.errors import NotFound, PermissionDenied

Site = Literal["openai", "azure", "anthropic", "gemini", "vertex", "bedrock"]


class Row(Struct, frozen=True):
    """What is known of a provider.

    `base_url` may name environment variables in braces. `key_variables` are where its key is usually
    found, best first. `site` is how its URLs are built (`endpoints`), `dialects` what it speaks there, best
    first, and `auth` how a request is authenticated: the header of a key, or what must be fetched first.
    `usage_in_stream`: it takes `stream_options.include_usage`.
    """

    name: str
    base_url: str
    key_variables: tuple[str, ...] = ()
    site: Site = "openai"
    dialects: tuple[str, ...] = ("openai_chat",)
    auth: Literal["bearer", "api-key", "x-api-key", "x-goog-api-key", "aws", "google"] = "bearer"
    needs_key: bool = True
    usage_in_stream: bool = True


_OPENAI = ("openai_chat", "openai_responses", "openai_completions")
_CHAT_AND_OLD = ("openai_chat", "openai_completions")

ROWS = (
    Row("openai", "https://api.openai.com/v1", ("OPENAI_API_KEY",), dialects=_OPENAI),
    Row(
        "anthropic",
        "https://api.anthropic.com/v1",
        ("ANTHROPIC_API_KEY",),
        site="anthropic",
        dialects=("anthropic",),
        auth="x-api-key",
    ),
    Row(
        "gemini",
        "https://generativelanguage.googleapis.com/v1beta",
        ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        site="gemini",
        dialects=("gemini",),
        auth="x-goog-api-key",
    ),
    Row(
        "azure",
        "{AZURE_OPENAI_ENDPOINT}/openai/v1",
        ("AZURE_OPENAI_API_KEY",),
        site="azure",
        dialects=("openai_chat", "openai_responses"),
        auth="api-key",
    ),
    # The key is a Bedrock API key; without one, requests are signed.
    Row("bedrock", "", ("AWS_BEARER_TOKEN_BEDROCK",), site="bedrock", dialects=("bedrock",), auth="aws"),
    Row("vertex", "", site="vertex", dialects=("gemini", "anthropic"), auth="google"),
    Row("groq", "https://api.groq.com/openai/v1", ("GROQ_API_KEY",)),
    # 422 "extra inputs are not permitted" (openai-agents-python#442); usage comes with the finish anyway.
    Row("mistral", "https://api.mistral.ai/v1", ("MISTRAL_API_KEY",), usage_in_stream=False),
    Row("deepseek", "https://api.deepseek.com/v1", ("DEEPSEEK_API_KEY",)),
    Row("openrouter", "https://openrouter.ai/api/v1", ("OPENROUTER_API_KEY",)),
    Row("together", "https://api.together.xyz/v1", ("TOGETHER_API_KEY", "TOGETHERAI_API_KEY")),
    Row("xai", "https://api.x.ai/v1", ("XAI_API_KEY",)),
    # Usage stands in every chunk, asked for or not.
    Row("perplexity", "https://api.perplexity.ai", ("PERPLEXITY_API_KEY",), usage_in_stream=False),
    Row("fireworks", "https://api.fireworks.ai/inference/v1", ("FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY")),
    Row("cerebras", "https://api.cerebras.ai/v1", ("CEREBRAS_API_KEY",)),
    # Routes to many others.
    Row("huggingface", "https://router.huggingface.co/v1", ("HF_TOKEN",)),
    Row("moonshot", "https://api.moonshot.ai/v1", ("MOONSHOT_API_KEY",)),
    Row("alibaba", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", ("DASHSCOPE_API_KEY",)),
    Row("zai", "https://api.z.ai/api/paas/v4", ("ZAI_API_KEY",)),
    Row("nvidia", "https://integrate.api.nvidia.com/v1", ("NVIDIA_API_KEY", "NVIDIA_NIM_API_KEY")),
    Row("sambanova", "https://api.sambanova.ai/v1", ("SAMBANOVA_API_KEY",)),
    Row("deepinfra", "https://api.deepinfra.com/v1/openai", ("DEEPINFRA_API_KEY", "DEEPINFRA_TOKEN")),
    Row("novita", "https://api.novita.ai/openai/v1", ("NOVITA_API_KEY",)),
    Row("crusoe", "https://api.inference.crusoecloud.com/v1", ("CRUSOE_API_KEY",)),
    Row("snowflake", "https://{SNOWFLAKE_ACCOUNT}.snowflakecomputing.com/api/v2/cortex/v1"),
    # Rejects stream_options (opencode#4698).
    Row("databricks", "{DATABRICKS_HOST}/serving-endpoints", ("DATABRICKS_TOKEN",), usage_in_stream=False),
    Row("ollama", "http://localhost:11434/v1", dialects=_CHAT_AND_OLD, needs_key=False),
    Row("vllm", "http://localhost:8000/v1", dialects=_CHAT_AND_OLD, needs_key=False),
    Row("lmstudio", "http://localhost:1234/v1", dialects=_OPENAI, needs_key=False),
)
# Whoever else speaks the dialect. Nothing is demanded of a server that we know nothing of.
GENERIC = Row("generic", "", dialects=_CHAT_AND_OLD, needs_key=False)

# Hosts that the rows' own URLs do not name: one for each customer, or another region's.
_HOSTS = {
    ".openai.azure.com": "azure",
    ".services.ai.azure.com": "azure",
    ".cognitiveservices.azure.com": "azure",
    ".amazonaws.com": "bedrock",
    "aiplatform.googleapis.com": "vertex",
    "-aiplatform.googleapis.com": "vertex",
    ".rep.googleapis.com": "vertex",
    ".snowflakecomputing.com": "snowflake",
    ".azuredatabricks.net": "databricks",
    ".databricks.com": "databricks",
    "dashscope.aliyuncs.com": "alibaba",
    "dashscope-us.aliyuncs.com": "alibaba",
    "api.moonshot.cn": "moonshot",
    "open.bigmodel.cn": "zai",
    "api.together.ai": "together",
}
_BY_NAME = {row.name: row for row in ROWS}
_BY_PLACE = {urlsplit(row.base_url).netloc: row for row in ROWS if row.base_url and "{" not in row.base_url}


def named(name: str) -> Row | None:
    """What is known of a provider of that name."""
    return _BY_NAME.get(name)


@lru_cache(maxsize=1024)
def row(name: str, base_url: str) -> Row:
    """What is known of the provider at this URL, else of that name, else of any."""
    place = urlsplit(base_url).netloc.lower()
    if place in _BY_PLACE:
        return _BY_PLACE[place]
    host = place.partition(":")[0]
    for ending, known in _HOSTS.items():
        if host == ending or (ending[0] in ".-" and host.endswith(ending)):
            return _BY_NAME[known]
    return _BY_NAME.get(name, GENERIC)


# --- routing ----------------------------------------------------------------------------------------------


class Provider(Protocol):
    """A configured provider: `models` are the names and glob patterns it serves."""

    @property
    def name(self) -> str: ...
    @property
    def models(self) -> Sequence[str]: ...


class Grant(Protocol):
    """What a caller may use: names and glob patterns. A model counts as `model` and as `provider/model`."""

    @property
    def providers(self) -> Sequence[str]: ...
    @property
    def models(self) -> Sequence[str]: ...


P = TypeVar("P", bound=Provider)

# Comparing names takes their product in length, and a client chooses one of the two.
_LONGEST_COMPARED = 200


def allowed(providers: Sequence[P], grant: Grant | None, named: str | None = None) -> list[P]:
    """The providers that the caller may use; only the one that the request's path names, if it names one."""
    usable = [each for each in providers if grant is None or matches(each.name, grant.providers)]
    if named is None:
        return usable
    if chosen := [each for each in usable if each.name == named]:
        return chosen
    if any(each.name == named for each in providers):
        raise PermissionDenied("this key may not use that provider")
    raise NotFound("there is no provider of that name here" + _nearest(named, [each.name for each in usable]))


def route(model: str, providers: Sequence[P], grant: Grant | None = None) -> tuple[P, str]:
    """The provider that serves a model, and the model's name there.

    An exact name wins over `provider/model`, which wins over glob patterns, of which the one with the most
    literal characters wins; between equals the provider listed first.
    """
    found = False
    for provider, name in _candidates(model, providers):
        found = True
        if granted(provider, name, grant):
            return provider, name
    if found:
        raise PermissionDenied("this key may not use that model", param="model", code="model_not_allowed")
    names = [name for name, _ in listed(providers, grant)]
    patterns = [pattern for each in providers for pattern in each.models if is_pattern(pattern)]
    raise NotFound(
        "no provider here serves that model" + _nearest(model, names + patterns),
        param="model",
        code="model_not_found",
    )


def listed(providers: Sequence[P], grant: Grant | None = None) -> list[tuple[str, str]]:
    """Every model that is named outright, as a client is to ask for it, with its provider's name."""
    owners: dict[str, str] = {}
    for provider in providers:
        for name in provider.models:
            if not is_pattern(name) and granted(provider, name, grant):
                owners.setdefault(f"{provider.name}/{name}" if name in owners else name, provider.name)
    return list(owners.items())


_GLOB = frozenset("*?[")


def is_pattern(name: str) -> bool:
    return not _GLOB.isdisjoint(name)


def _candidates(model: str, providers: Sequence[P]) -> Iterator[tuple[P, str]]:
    for each in providers:
        if model in each.models:
            yield each, model
    prefix, _, rest = model.partition("/")
    for each in providers:
        if each.name == prefix and rest and matches(rest, each.models):
            yield each, rest
    globs = [
        (-specificity(pattern), at)
        for at, each in enumerate(providers)
        for pattern in each.models
        if is_pattern(pattern) and fnmatchcase(model, pattern)
    ]
    for _, at in sorted(globs):
        yield providers[at], model


def specificity(pattern: str) -> int:
    return sum(character not in "*?[]" for character in pattern)


def matches(name: str, patterns: Iterable[str]) -> bool:
    return any(name == pattern or fnmatchcase(name, pattern) for pattern in patterns)


def granted(provider: Provider, name: str, grant: Grant | None) -> bool:
    return grant is None or matches(name, grant.models) or matches(f"{provider.name}/{name}", grant.models)


def _nearest(name: str, known: Sequence[str]) -> str:
    """The names a caller may have meant, or the first few there are."""
    near = get_close_matches(name[:_LONGEST_COMPARED], known, n=3, cutoff=0.5)
    if near:
        return f"; did you mean {' or '.join(near)}?"
    return f"; there is {', '.join(known[:5])}{', …' if len(known) > 5 else ''}" if known else ""
