"""What a conversation is about: words, phrases and patterns of a policy's topics in, judgements out.

A topic is hit when so many different ones of its words and patterns (`threshold`) stand in the text. The text
is read as people would: lower case, without invisible characters, look-alike letters made plain. Forbidden
topics are looked for in the user's last turn and in the whole answer. Where `allowed` topics are given, a
request must be about one of them; an answer need not use their words.

Reading stops after each stretch, so that others can have their turn: `request` and `answer` are generators
that return the judgements.

These are lists of words. They know no synonyms, no other languages than those they are written in, and no
irony; a guard or a classifier does (see `checks`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import Literal

from msgspec import Struct

from gateway.guard.judgements import Decision, Judgement
from gateway.guard.normalise import fold, words

# A turn of no more words is a greeting, thanks or a yes, and about nothing.
GREETING_WORDS = 6
# A turn of no more words may go on with what an earlier turn was about ("and the second one?").
FOLLOW_UP_WORDS = 20
OFF_TOPIC = "topic:off_topic"
_STRETCH = 4096
Steps = Generator[None, None, list[Judgement]]


class Subject(Struct, frozen=True, forbid_unknown_fields=True):
    """What can be talked about. `words` are words and phrases, whole and in any case; `patterns` regular
    expressions.
    """

    name: str
    words: list[str] = []
    patterns: list[str] = []
    threshold: int = 1


class Topic(Subject, frozen=True, forbid_unknown_fields=True):
    """What must not be. Without an `action` of its own a topic has that of its table."""

    action: Decision | None = None
    on: Literal["request", "answer", "both"] = "both"


class Topics(Struct, frozen=True, forbid_unknown_fields=True):
    """`action` is what is done about a forbidden topic, `off_topic` where none of the allowed is met."""

    forbidden: list[Topic] = []
    allowed: list[Subject] = []
    action: Decision = "block"
    off_topic: Decision = "block"


class _Compiled(Struct, frozen=True):
    rule: str
    threshold: int
    action: Decision
    on: Literal["request", "answer", "both"]
    phrases: Mapping[str, tuple[tuple[str, ...], ...]]  # by their first word
    patterns: tuple[re.Pattern[str], ...]


class Matcher:
    """A policy's topics, compiled. `tame` rewrites a pattern so that hostile text cannot make it slow.

    Raises what `tame` raises.
    """

    def __init__(self, topics: Topics, tame: Callable[[str, str], str]) -> None:
        self._forbidden = [
            _compiled(each, tame, each.action or topics.action, each.on) for each in topics.forbidden
        ]
        self._allowed = [_compiled(each, tame) for each in topics.allowed]
        self._off_topic = topics.off_topic
        self.on_requests = bool(self._allowed) or any(each.on != "answer" for each in self._forbidden)
        self.on_answers = any(each.on != "request" for each in self._forbidden)

    def request(self, turns: Sequence[str]) -> Steps:
        """Of the user's turns of a conversation, the last one last."""
        if not turns:
            return []
        last = _Text()
        yield from last.read(turns[-1:])
        found = yield from self._found(last, "answer")
        if self._allowed and not any(map(last.hits, self._allowed)):
            earlier = _Text()
            if last.length <= FOLLOW_UP_WORDS:
                yield from earlier.read(turns[:-1])
            if last.length > GREETING_WORDS and not any(map(earlier.hits, self._allowed)):
                found.append(Judgement(OFF_TOPIC, self._off_topic))
        return found

    def answer(self, texts: Iterable[str]) -> Steps:
        """Of everything that an answer says, lane by lane."""
        text = _Text()
        yield from text.read(texts)
        return (yield from self._found(text, "request"))

    def _found(self, text: _Text, other: str) -> Steps:
        found = []
        for each in self._forbidden:
            if each.on != other and text.hits(each):
                found.append(Judgement(each.rule, each.action))
            yield
        return found


class _Text:
    """Texts, folded; each is read by itself, and what is hit in any of them counts."""

    def __init__(self) -> None:
        self._folded: list[str] = []
        self._words: list[list[str]] = []
        self._known: set[str] = set()

    def read(self, texts: Iterable[str]) -> Iterator[None]:
        for text in texts:
            folded, found = [], []
            for stretch in _stretches(text):
                folded.append(fold(stretch).text)
                found += words(folded[-1])
                yield
            self._folded.append("".join(folded))
            self._words.append(found)
            self._known.update(found)

    @property
    def length(self) -> int:
        return sum(map(len, self._words))

    def hits(self, topic: _Compiled) -> bool:
        return any(number >= topic.threshold for number, _ in enumerate(self._hits(topic), 1))

    def _hits(self, topic: _Compiled) -> Iterator[None]:
        """One for each different word or pattern."""
        for first in self._known & topic.phrases.keys():
            for phrase in topic.phrases[first]:
                if len(phrase) == 1 or any(_holds(some, phrase) for some in self._words):
                    yield
        for pattern in topic.patterns:
            if any(map(pattern.search, self._folded)):
                yield


def _stretches(text: str) -> Iterator[str]:
    """The text, cut where a word ends, if one does."""
    at = 0
    while len(text) - at > _STRETCH:
        end = max(text.rfind(" ", at, at + _STRETCH), text.rfind("\n", at, at + _STRETCH)) + 1
        end = end if end > at else at + _STRETCH
        yield text[at:end]
        at = end
    yield text[at:]


def _holds(text: list[str], phrase: tuple[str, ...]) -> bool:
    at, size = -1, len(phrase)
    try:
        while True:
            at = text.index(phrase[0], at + 1)
            if tuple(text[at : at + size]) == phrase:
                return True
    except ValueError:
        return False


def _compiled(
    topic: Subject,
    tame: Callable[[str, str], str],
    action: Decision = "allow",
    on: Literal["request", "answer", "both"] = "both",
) -> _Compiled:
    by_first: dict[str, set[tuple[str, ...]]] = {}
    for written in topic.words:
        if phrase := tuple(words(fold(written).text)):
            by_first.setdefault(phrase[0], set()).add(phrase)
    # Texts are folded to lower case before a pattern sees them.
    patterns = tuple(re.compile(tame(topic.name, each), re.IGNORECASE) for each in topic.patterns)
    phrases = {first: tuple(sorted(some)) for first, some in by_first.items()}
    return _Compiled(f"topic:{topic.name}", topic.threshold, action, on, phrases, patterns)
