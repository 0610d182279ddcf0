"""What a conversation is about: words, phrases and patterns of a policy's topics in, judgements out.

A topic is hit when so many different ones of its words and patterns (`threshold`) stand in the text. The text
is read as people would: lower case, without invisible characters, look-alike letters made plain. Forbidden
topics are looked for in the user's last turn and in the whole answer. Where `allowed` topics are given, a
request must be about one of them; an answer need not use their words.

These are lists of words. They know no synonyms, no other languages than those they are written in, and no
irony; a guard or a classifier does (see `checks`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal

from msgspec import Struct

from gateway.guard.checks import Decision, Judgement
from gateway.guard.normalise import fold, words

# A turn of no more words is a greeting, thanks or a yes, and about nothing.
GREETING_WORDS = 6
# A turn of no more words may go on with what an earlier turn was about ("and the second one?").
FOLLOW_UP_WORDS = 20
OFF_TOPIC = "topic:off_topic"


class Topic(Struct, frozen=True, forbid_unknown_fields=True):
    """`words` are words and phrases, whole and in any case; `patterns` regular expressions.

    Without an `action` of its own a topic has that of its table.
    """

    name: str
    words: list[str] = []
    patterns: list[str] = []
    threshold: int = 1
    action: Decision | None = None
    on: Literal["request", "answer", "both"] = "both"


class Topics(Struct, frozen=True, forbid_unknown_fields=True):
    """`action` is what is done about a forbidden topic, `off_topic` about a request on none of the allowed."""

    forbidden: list[Topic] = []
    allowed: list[Topic] = []
    action: Decision = "block"
    off_topic: Decision = "block"


class _Compiled(Struct, frozen=True):
    topic: Topic
    action: Decision
    phrases: Mapping[str, tuple[tuple[str, ...], ...]]  # by their first word
    patterns: tuple[re.Pattern[str], ...]


class Matcher:
    """A policy's topics, compiled. `tame` rewrites a pattern so that hostile text cannot make it slow.

    Raises what `tame` raises.
    """

    def __init__(self, topics: Topics, tame: Callable[[str, str], str]) -> None:
        self._forbidden = [_compiled(each, topics.action, tame) for each in topics.forbidden]
        self._allowed = [_compiled(each, "allow", tame) for each in topics.allowed]
        self._off_topic = topics.off_topic
        self.on_requests = bool(self._allowed) or any(each.topic.on != "answer" for each in self._forbidden)
        self.on_answers = any(each.topic.on != "request" for each in self._forbidden)

    def request(self, turns: Sequence[str]) -> list[Judgement]:
        """Of the user's turns of a conversation, the last one last."""
        if not turns:
            return []
        last = _Text(turns[-1:])
        found = self._found(last, "answer")
        if self._allowed and not any(map(last.hits, self._allowed)) and not self._goes_on(last, turns[:-1]):
            found.append(Judgement(OFF_TOPIC, self._off_topic))
        return found

    def answer(self, texts: Iterable[str]) -> list[Judgement]:
        """Of everything that an answer says, lane by lane."""
        return self._found(_Text(list(texts)), "request")

    def _found(self, text: _Text, other: str) -> list[Judgement]:
        return [
            Judgement(f"topic:{each.topic.name}", each.action)
            for each in self._forbidden
            if each.topic.on != other and text.hits(each)
        ]

    def _goes_on(self, last: _Text, earlier: Sequence[str]) -> bool:
        if last.length <= GREETING_WORDS:
            return True
        before = _Text(earlier)
        return last.length <= FOLLOW_UP_WORDS and any(map(before.hits, self._allowed))


class _Text:
    """Texts, folded; each is read by itself, and what is hit in any of them counts."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._folded = [fold(text).text for text in texts]
        self._words = [words(text) for text in self._folded]
        self._known = frozenset(word for some in self._words for word in some)

    @property
    def length(self) -> int:
        return sum(map(len, self._words))

    def hits(self, topic: _Compiled) -> bool:
        needed = topic.topic.threshold
        return any(number >= needed for number, _ in enumerate(self._hits(topic), 1))

    def _hits(self, topic: _Compiled) -> Iterator[None]:
        """One for each different word or pattern."""
        firsts = self._known & topic.phrases.keys()
        for first in firsts:
            for phrase in topic.phrases[first]:
                if len(phrase) == 1 or any(_holds(some, phrase) for some in self._words):
                    yield
        for pattern in topic.patterns:
            if any(map(pattern.search, self._folded)):
                yield


def _holds(text: list[str], phrase: tuple[str, ...]) -> bool:
    at, size = -1, len(phrase)
    try:
        while True:
            at = text.index(phrase[0], at + 1)
            if tuple(text[at : at + size]) == phrase:
                return True
    except ValueError:
        return False


def _compiled(topic: Topic, action: Decision, tame: Callable[[str, str], str]) -> _Compiled:
    by_first: dict[str, set[tuple[str, ...]]] = {}
    for written in topic.words:
        if phrase := tuple(words(fold(written).text)):
            by_first.setdefault(phrase[0], set()).add(phrase)
    # Texts are folded to lower case before a pattern sees them.
    patterns = tuple(re.compile(tame(topic.name, each), re.IGNORECASE) for each in topic.patterns)
    phrases = {first: tuple(sorted(some)) for first, some in by_first.items()}
    return _Compiled(topic, topic.action or action, phrases, patterns)
