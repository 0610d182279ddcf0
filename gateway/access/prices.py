"""What a model costs: its provider's and its own name in, prices out; and what usage costs by them.

`LIST` holds list prices of the model makers' own APIs in US dollars per million tokens, gathered in the
middle of 2026 from price lists in other open projects; what holds is what the makers publish
(openai.com/api/pricing, claude.com/pricing, ai.google.dev/gemini-api/docs/pricing), so check before you bill
by it. Tiers for long prompts, batches and regions are not in it. A configuration's own rows come first. A
model that neither knows has no price: nothing is guessed, because a new version of a model may cost four
times as much.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Annotated

from msgspec import Meta, Struct

Dollars = Annotated[float, Meta(ge=0, le=100_000)]


class Price(Struct, frozen=True, forbid_unknown_fields=True):
    """US dollars per million tokens. `model` is a name or a pattern, of `model` or of `provider/model`.

    `cached` is for input read from the provider's cache, `cache_written` for what was put there; without
    them both cost what `input` does.
    """

    model: str
    input: Dollars
    output: Dollars
    cached: Dollars | None = None
    cache_written: Dollars | None = None


def _rows(table: str) -> dict[str, Price]:
    rows = {}
    for line in table.strip().splitlines():
        name, *numbers = line.split()
        rows[name] = Price(name, *(None if each == "-" else float(each) for each in numbers))  # type: ignore[arg-type]
    return rows


# Name, input, output, cached input, writing to the cache (of Anthropic, for five minutes).
LIST = _rows(
    """
    gpt-5.5                 5     30     0.5
    gpt-5.5-pro             30    180
    gpt-5.4                 2.5   15     0.25
    gpt-5.4-mini            0.75  4.5    0.075
    gpt-5.4-nano            0.2   1.25   0.02
    gpt-5.4-pro             30    180
    gpt-5.2                 1.75  14     0.175
    gpt-5.1                 1.25  10     0.125
    gpt-5                   1.25  10     0.125
    gpt-5-mini              0.25  2      0.025
    gpt-5-nano              0.05  0.4    0.005
    gpt-5-pro               15    120
    gpt-4.1                 2     8      0.5
    gpt-4.1-mini            0.4   1.6    0.1
    gpt-4.1-nano            0.1   0.4    0.025
    gpt-4o                  2.5   10     1.25
    gpt-4o-mini             0.15  0.6    0.075
    gpt-4-turbo             10    30
    gpt-4                   30    60
    gpt-3.5-turbo           0.5   1.5
    o1                      15    60     7.5
    o3                      2     8      0.5
    o3-mini                 1.1   4.4    0.55
    o4-mini                 1.1   4.4    0.275
    claude-opus-4-8         5     25     0.5    6.25
    claude-opus-4-7         5     25     0.5    6.25
    claude-opus-4-6         5     25     0.5    6.25
    claude-opus-4-5         5     25     0.5    6.25
    claude-opus-4-1         15    75     1.5    18.75
    claude-opus-4           15    75     1.5    18.75
    claude-sonnet-4-6       3     15     0.3    3.75
    claude-sonnet-4-5       3     15     0.3    3.75
    claude-sonnet-4         3     15     0.3    3.75
    claude-3-7-sonnet       3     15     0.3    3.75
    claude-3-5-sonnet       3     15     0.3    3.75
    claude-haiku-4-5        1     5      0.1    1.25
    claude-3-5-haiku        0.8   4      0.08   1
    claude-3-haiku          0.25  1.25   0.03   0.3
    gemini-3.1-pro-preview  2     12     0.2
    gemini-3-pro-preview    2     12     0.2
    gemini-3-flash-preview  0.5   3      0.05
    gemini-2.5-pro          1.25  10     0.125
    gemini-2.5-flash        0.3   2.5    0.03
    gemini-2.5-flash-lite   0.1   0.4    0.01
    gemini-2.0-flash        0.1   0.4    0.025
    """
)

# What a version's name adds to the model's: -2024-08-06, -20250929, @20250929, -001, -latest.
_VERSION = re.compile(r"(?:[-@]20\d\d-?[01]\d-?[0-3]\d|-\d{3}|-latest)$")


def price_of(provider: str, model: str, own: Sequence[Price] = ()) -> Price | None:
    """The price of a provider's model: the configuration's most exact row for it, else the list's."""
    model = model.removeprefix(f"{provider}/")
    names = (model, f"{provider}/{model}")
    fitting = [each for each in own if any(fnmatchcase(name, each.model) for name in names)]
    if fitting:
        return max(fitting, key=_exactness)
    return LIST.get(model) or LIST.get(_VERSION.sub("", model))


def _exactness(price: Price) -> int:
    return sum(character not in "*?[]" for character in price.model)


def cost_nano_usd(
    price: Price, input_tokens: int, output_tokens: int, cached: int = 0, cache_written: int = 0
) -> int:
    """What these tokens cost, in billionths of a dollar. `input_tokens` includes the cached ones."""
    fresh = max(0, input_tokens - cached - cache_written)
    parts: Iterable[tuple[int, float]] = (
        (fresh, price.input),
        (cached, price.input if price.cached is None else price.cached),
        (cache_written, price.input if price.cache_written is None else price.cache_written),
        (output_tokens, price.output),
    )
    # A dollar for a million tokens is a thousand billionths for each.
    return round(sum(tokens * dollars for tokens, dollars in parts) * 1000)
