"""How many tokens a request may cost, before anybody has counted them.

In: a request's body, before anything in it is replaced. Out: tokens of the prompt, and the most that may be
answered. A token is taken for four bytes of text, as OpenAI's rule of thumb has it for English. What is
estimated is reserved only; the provider's own count takes its place when it comes.
"""

from __future__ import annotations

from typing import Any

from gateway.dialects.dialect import Classify
from gateway.privacy.walk import strings

BYTES_A_TOKEN = 4

# What an answer is taken for if the request sets no limit to it.
UNSAID_OUTPUT = 1024

# Where the dialects say how long an answer may be, and how many of them there are to be.
_MOST = ("max_completion_tokens", "max_tokens", "max_output_tokens", "maxOutputTokens")
_CHOICES = ("n", "candidateCount")
_SETTINGS = "generationConfig"  # of Gemini


def prompt_tokens(body: dict[str, Any], classify: Classify) -> int:
    """Tokens of all texts that the provider will read, with the names of their fields: a message costs a few
    tokens beside its text. Images and files are not counted.
    """
    size = 0
    for _, text in strings(body, classify, ()):
        size += len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    return tokens_in(size)


def tokens_in(size: int) -> int:
    return -(-size // BYTES_A_TOKEN)


def most_output(body: dict[str, Any]) -> int:
    """The most tokens that all choices of the answer may have."""
    settings = body.get(_SETTINGS)
    places = (body, settings) if isinstance(settings, dict) else (body,)
    most = _first(places, _MOST)
    return (UNSAID_OUTPUT if most is None else most) * (_first(places, _CHOICES) or 1)


def _first(places: tuple[dict[str, Any], ...], names: tuple[str, ...]) -> int | None:
    found = (place.get(name) for name in names for place in places)
    return next((each for each in found if type(each) is int and 0 <= each < 10**9), None)
