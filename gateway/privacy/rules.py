"""The entity table, put together for searching: rows in, searches out.

Rows are looked for together where that is cheaper (`Probe`), only where the shape of a text shows that one
may match (`Sighted`), and rows with `words` only near one of their words (`Nearby`). What is asked of the
table: words of a row with a cue stand in the cue, and end before the match. So does the sign of a row with a
cue and without words, if it is a class of letters of other scripts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from string import ascii_letters
from typing import Any, NamedTuple

from gateway.privacy.entities import ENTITIES, LEFT_CONTEXT, Entity
from gateway.privacy.probe import Probe, probe_of
from gateway.privacy.rule import Rule
from gateway.privacy.shapes import NO_NEEDLES, Needles, long_runs, needles, runs, spelt_out
from gateway.privacy.sighted import Sighted, Tokens, sighted_in_tokens

# A cut word is read as a shorter one; it then stands farther from the place than any row allows.
_LONGEST_WORD = 2 * LEFT_CONTEXT
# What may begin farther before a token than that is tried too often in vain (with 16 1.06 ×, with 1 1.04 ×).
_BEFORE_TOKEN = 3
# Near a word, looking for more strings than that costs as much as the search.
_MANY_NEEDLES = 6


class Nearby:
    """Rules that are looked for near their words: where these may begin, counted from where a match does."""

    __slots__ = ("earliest", "latest", "offset", "probe", "strings")

    def __init__(self, probe: Probe, earliest: int, latest: int) -> None:
        self.probe = probe
        self.earliest = earliest
        self.latest = latest
        # None, where every text would have to be looked at.
        self.strings, self.offset = needles_of_all(rule.needles for rule in probe.rules)


class Woken(NamedTuple):
    """What a word says, which stands between spaces here, of a pair the second.

    `in_tokens` are bits of rules that tokens show, by where these may begin, at the earliest and the latest;
    `nearby` other rules.
    """

    spaced: str
    length: int
    in_tokens: tuple[tuple[int, int, int], ...]
    nearby: tuple[Nearby, ...]


class Rules(tuple[Rule, ...]):
    """Rules in the order in which they are tried, and how to look for them in a whole text.

    `probes` run on all text; `by_token` and `by_shape` where the text's shape has what they need, `by_signs`
    where it is between runs of letters, `by_run` and `by_long_run` where there are long ones; `near` only
    near words: `by_word` says which, and again for a text that holds no digit. Of a word that counts only
    behind another `pairs` has both. `reach` is how far behind a match's beginning its digit may stand,
    `shape_reach` what its shape needs, `word_reach` how far a word of its may end.
    """

    probes: tuple[Probe, ...]
    probes_without_digit: tuple[Probe, ...]
    by_token: Tokens
    by_shape: tuple[tuple[str, tuple[Sighted, ...]], ...]
    by_signs: tuple[Sighted, ...]
    by_run: tuple[Probe, ...]
    by_long_run: tuple[Probe, ...]
    near: tuple[Nearby, ...]
    by_word: dict[str, Woken]
    by_word_without_digit: dict[str, Woken]
    pairs: dict[str, tuple[str, ...]]
    reach: int
    shape_reach: int
    word_reach: int

    def warm(self) -> None:
        """Compile every pattern now, so that no text has to wait for one."""
        for probe in (*self.probes, *(nearby.probe for nearby in self.near)):
            probe.warm()
        by_shape = [each for _, members in self.by_shape for each in members]
        for probe in (*self.by_run, *self.by_long_run):
            probe.warm()
        for sighted in (*self.by_token.members, *self.by_token.near, *by_shape, *self.by_signs):
            sighted.probe.warm()


def compile_rules(entities: Iterable[Entity]) -> Rules:
    return _compile_rules(tuple(entities))


@lru_cache(maxsize=64)
def _compile_rules(entities: tuple[Entity, ...]) -> Rules:
    # A row of the table keeps its place there, so that every subset of the table shares its patterns.
    before = -len(entities)
    places = [_PLACES.get(entity, before + order) for order, entity in enumerate(entities)]
    if places != sorted(places):  # not a policy's own rows and then the table's
        places = list(range(len(entities)))
    return combine(map(_compile_rule, entities, places))


_PLACES = {entity: place for place, entity in enumerate(ENTITIES)}


@lru_cache(maxsize=4096)
def _compile_rule(entity: Entity, order: int) -> Rule:
    return Rule(entity, order)


def combine(some: Iterable[Rule]) -> Rules:
    """Rules put together for searching. They keep their order."""
    rules = Rules(some)
    always: dict[tuple[str, str, bool, bool], list[Rule]] = {}
    shaped: dict[tuple[Needles, bool], list[Rule]] = {}
    by_signs: dict[tuple[Needles, bool], list[Rule]] = {}
    run: dict[tuple[str, bool], list[Rule]] = {}
    long_run: dict[tuple[str, bool], list[Rule]] = {}
    near: dict[tuple[frozenset[str], int, int, bool], list[Rule]] = {}
    opening: dict[Rule, frozenset[str]] = {}
    in_tokens: list[Sighted] = []
    bits: dict[str, dict[tuple[int, int], int]] = {}
    for rule in rules:
        entity = rule.entity
        if entity.words:
            reach = (-entity.within, -1) if entity.cue else (0, rule.longest)
            seen = sighted_in_tokens(rule)
            if seen is None or seen.before > _BEFORE_TOKEN:
                near.setdefault((entity.words, *reach, rule.digit), []).append(rule)
                continue
            # It is told by a token that begins so much later than the match.
            reach = (reach[0] - min(seen.before, 1) * _BEFORE_TOKEN, reach[1])
            for word in entity.words:
                known = bits.setdefault(word, {})
                known[reach] = known.get(reach, 0) | 1 << len(in_tokens)
            in_tokens.append(seen)
        elif words := _opening_words(entity):
            opening[rule] = words
        else:
            spelt = all(len(opening) > 2 for opening in entity.openings) and not entity.cue
            before = entity.before if spelt else ""
            if entity.cue:
                always.setdefault((before, entity.sign, spelt, rule.digit), []).append(rule)
            elif rule.needles.weight < _TELLING and _holds(entity.core, runs, RUN):
                # Few texts have such a run, so one look for all of them will do.
                run.setdefault((before, spelt), []).append(rule)
            elif rule.needles.weight < _TELLING and _holds(entity.core, long_runs, LONG_RUN):
                long_run.setdefault((before, spelt), []).append(rule)
            elif (signs := spelt_out(entity.sign, runs)).says >= _TELLING:
                by_signs.setdefault((signs, spelt), []).append(rule)
            elif rule.needles.strings:
                shaped.setdefault((rule.needles, spelt), []).append(rule)
            else:
                # What one way to begin spells is found sooner by itself than by the search for a match.
                sign = entity.sign or (
                    "".join(*entity.openings) if spelt and len(entity.openings) == 1 else ""
                )
                always.setdefault((before, sign, spelt, rule.digit), []).append(rule)
    rules.probes = tuple(probe_of(tuple(group), sign, spelt) for (_, sign, spelt, _), group in always.items())
    rules.probes_without_digit = tuple(probe for probe in rules.probes if not probe.digit)
    sighted: list[Sighted] = []
    for (strings, spelt), group in shaped.items():
        one = Sighted(strings, probe_of(tuple(group), spelt=spelt))
        sighted += [Sighted(strings, probe_of((rule,))) for rule in group] if one.in_tokens else [one]
    rules.by_token = Tokens((each for each in sighted if each.in_tokens), in_tokens)
    rules.by_shape = _grouped(each for each in sighted if not each.in_tokens)
    rules.by_signs = tuple(
        Sighted(known, probe_of(tuple(group), spelt=spelt)) for (known, spelt), group in by_signs.items()
    )
    rules.by_run = tuple(probe_of(tuple(group), spelt=spelt) for (_, spelt), group in run.items())
    rules.by_long_run = tuple(probe_of(tuple(group), spelt=spelt) for (_, spelt), group in long_run.items())
    if opening:
        near[frozenset().union(*opening.values()), 0, 0, False] = list(opening)
    rules.near = tuple(
        Nearby(probe_of(tuple(group), spelt=high == 0, anchored=high == 0), low, high)
        for (_, low, high, _), group in near.items()
    )
    places: dict[str, list[Nearby]] = {}
    for (words, *_), nearby in zip(near, rules.near, strict=True):
        for word in words:
            places.setdefault(word, []).append(nearby)
    shared: dict[object, Any] = {}  # thousands of words say the same, with a digit and without
    rules.by_word = {
        word: _woken(word, bits.get(word, {}), places.get(word, ()), shared) for word in (*bits, *places)
    }
    rules.by_word_without_digit = {
        word: _woken(word, {}, without, shared)
        for word, known in places.items()
        if (without := tuple(nearby for nearby in known if not nearby.probe.digit))
    }
    pairs: dict[str, list[str]] = {}
    for word in rules.by_word:
        if " " in word:
            pairs.setdefault(word.partition(" ")[2], []).append(word)
    rules.pairs = {word: tuple(known) for word, known in pairs.items()}
    rules.reach = max((rule.longest for rule in rules if rule.digit), default=0) + 1
    rules.shape_reach = max(
        (
            *(each.offset + len(string) for each in (*sighted, *in_tokens) for string in each.strings),
            *(rule.needles.offset + len(string) for rule in rules for string in rule.needles.strings),
            *(each.shortest for each in (*sighted, *in_tokens)),
            *(rule.longest for group in by_signs.values() for rule in group),
            len(RUN),
        )
    )
    latest = [nearby.latest for nearby in rules.near]
    latest += [latest for known in bits.values() for _, latest in known]
    rules.word_reach = max(latest, default=0) + _LONGEST_WORD
    return rules


def _woken(
    word: str, bits: dict[tuple[int, int], int], nearby: Iterable[Nearby], shared: dict[object, Any]
) -> Woken:
    last = word.rpartition(" ")[2]
    in_tokens = tuple((earliest, latest, some) for (earliest, latest), some in bits.items())
    in_tokens, every = (shared.setdefault(each, each) for each in (in_tokens, tuple(nearby)))
    woken = Woken(f" {last} ", len(last), in_tokens, every)
    made: Woken = shared.setdefault(woken, woken)
    return made


# Tokens that nothing but their beginning and their length gives away.
RUN = "x" * 16
LONG_RUN = "x" * 13
# A run of letters says less than that.
_TELLING = 5.0


def _grouped(sighted: Iterable[Sighted]) -> tuple[tuple[str, tuple[Sighted, ...]], ...]:
    """By what all of their needles have in common, so that a look for it may spare the look for them."""
    groups: dict[str, list[Sighted]] = {}
    for each in sighted:
        groups.setdefault(
            next(
                part
                for part in ("00000000", "0", "AAAAAAA", "AA", "")
                if all(part in string for string in each.strings)
            ),
            [],
        ).append(each)
    return tuple((part, tuple(members)) for part, members in groups.items())


def _holds(core: str, of: Callable[[str], str], run: str) -> bool:
    strings = needles(core, of).strings
    return bool(strings) and all(run in string for string in strings)


def needles_of_all(of_each: Iterable[Needles]) -> Needles:
    """Strings of which the shape of every match of several rows holds one, if they are few."""
    known = list(of_each)
    strings = {string: None for each in known for string in each.strings}
    if not all(each.strings for each in known) or len(strings) > _MANY_NEEDLES:
        return NO_NEEDLES
    return Needles(tuple(strings), max(each.offset for each in known))


_PLAIN_ATOM = re.compile(r"\\?[^\w\s]|\w", re.ASCII)
_LETTERS_FIRST = re.compile(r"([A-Za-z]{2,})[^A-Za-z]")


def _opening_words(entity: Entity) -> frozenset[str]:
    """The words that a row's matches begin with, empty if it has others: `ghp` for `ghp_`."""
    if not entity.before or len(re.findall(entity.before, ascii_letters)) < len(ascii_letters):
        return frozenset()
    words = set()
    for opening in entity.openings:
        plain = "".join(atom[-1] if _PLAIN_ATOM.fullmatch(atom) else "\0" for atom in opening)
        found = _LETTERS_FIRST.match(plain)
        if found is None or plain[found.end() - 1] == "\0":
            return frozenset()
        words.add(found[1].lower())
    return frozenset(words)


_WORD = re.compile("[a-z]+")
_LETTERS = bytes(ord(chr(c).lower()) if chr(c) in ascii_letters else ord(" ") for c in range(256))


def fold(text: str) -> str:
    """Lower case, a character for a character, with what `re` takes for an ASCII letter made one."""
    if not text.isascii():
        text = text.replace("İ", "i").replace("ı", "i").replace("ſ", "s")
    return text.lower()


def read_words(text: str) -> tuple[str, list[str]]:
    """The text in lower case, a character for a character, and its words.

    A space stands for what is no letter.
    """
    raw = text.encode() if text.isascii() else fold(text).encode("latin-1", "replace")
    folded = raw.translate(_LETTERS).decode()
    return folded, folded.split()


def word_places(folded: str) -> Iterator[re.Match[str]]:
    return _WORD.finditer(folded)
