"""A policy's own words and patterns in, entity rows and a test for exceptions out.

A pattern comes from a configuration file and meets hostile text, so it must be as tame as the built-in ones:
regular (no look-around, no back-reference, no anchor), of bounded length, beginning with known characters,
and without repeats that could share the same text in many ways. Anything else is refused with a ConfigError
that says what would be right. What is accepted is written anew from its syntax tree, ASCII classes spelt out
and groups unnamed, so that it means the same wherever it is put.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

from gateway.errors import ConfigError
from gateway.privacy.entities import Entity, Kind

LONGEST = 512
# In how many ways a pattern may divide one text among its repeats.
_MOST_WAYS = 256
_LONGEST_OPENING = 4
_LABEL = re.compile(r"[A-Z]{1,24}(?:_[A-Z]{1,24}){0,4}")
_LONGEST_LABEL = 32
_CATEGORIES = {
    sre.CATEGORY_DIGIT: "0-9",
    sre.CATEGORY_WORD: "A-Za-z0-9_",
    sre.CATEGORY_SPACE: r" \t\n\r\f\v",
}
_NEGATED = {
    sre.CATEGORY_NOT_DIGIT: "[^0-9]",
    sre.CATEGORY_NOT_WORD: "[^A-Za-z0-9_]",
    sre.CATEGORY_NOT_SPACE: r"[^ \t\n\r\f\v]",
}
_REFUSED = {
    sre.ASSERT: "looks ahead or behind",
    sre.ASSERT_NOT: "looks ahead or behind",
    sre.GROUPREF: "refers back to a group",
    sre.GROUPREF_EXISTS: "refers back to a group",
    sre.AT: r"has an anchor inside (\b may stand at its ends)",
    getattr(sre, "ATOMIC_GROUP", None): "has an atomic group",
    getattr(sre, "POSSESSIVE_REPEAT", None): "has a possessive repeat",
}

Openings = tuple[tuple[str, ...], ...]
Item = tuple[Any, Any]


def denied(name: str, words: Iterable[str], *, label: str = "", kind: Kind = "personal") -> Entity:
    """A row that always finds these words, in any case, as whole words. Raises ConfigError."""
    texts = sorted({word.strip().lower() for word in words} - {""})
    if not texts:
        raise ConfigError(f"the words of {name} are empty")
    if len(max(texts, key=len)) > LONGEST:
        raise ConfigError(f"a word of {name} is longer than {LONGEST} characters")
    openings = sorted({tuple(map(_either_case, text[:_LONGEST_OPENING])) for text in texts})
    # Longer words first: of two that begin alike the longer one is meant.
    core = "|".join("".join(map(_either_case, text)) for text in sorted(texts, key=lambda t: (-len(t), t)))
    return Entity(
        name=name,
        label=_checked_label(name, label),
        kind=kind,
        core=core,
        longest=max(map(len, texts)),
        openings=tuple(openings),
        before=_beside(text[0] for text in texts),
        after=_beside(text[-1] for text in texts),
        score=1.0,
        rule="DENIED",
    )


def _beside(edges: Iterable[str]) -> str:
    """No letter or digit may stand beside a word; beside a sign anything may."""
    return "[A-Za-z0-9]" if all(edge.isalnum() for edge in edges) else ""


def custom(name: str, pattern: str, *, label: str = "", kind: Kind = "personal") -> Entity:
    r"""A row for a pattern. `\b` at its ends says that it stands alone, which it must by default too.

    Raises ConfigError when the pattern cannot be searched for safely in a stream.
    """
    items, longest = _parsed(name, pattern)
    openings = _openings(items, _LONGEST_OPENING)
    if len(openings) > 64:
        openings = _openings(items, 1)
    if any(not atoms for atoms, _ in openings):
        raise ConfigError(f"the pattern of {name} must begin with characters that are known, such as [A-Z]")
    return Entity(
        name=name,
        label=_checked_label(name, label),
        kind=kind,
        core=_written(items),
        longest=longest,
        openings=tuple(sorted({atoms for atoms, _ in openings})),
        rule="CUSTOM",
    )


def tame(name: str, pattern: str) -> str:
    """The pattern written anew for use on whole texts: standing alone, in linear time. Raises ConfigError."""
    items, _ = _parsed(name, pattern)
    return f"(?<![A-Za-z0-9])(?:{_written(items)})(?![A-Za-z0-9])"


def rows(words: Mapping[str, Sequence[str]], patterns: Mapping[str, str]) -> tuple[Entity, ...]:
    """The rows of a policy's own entities, by their names. Raises ConfigError."""
    return (
        *(denied(name, some) for name, some in words.items()),
        *(custom(name, pattern) for name, pattern in patterns.items()),
    )


def allowed(values: Iterable[str] = (), patterns: Iterable[str] = ()) -> Callable[[str], bool] | None:
    """A test for values that are never a finding: exactly these, or wholly one of the patterns.

    None where there is neither.
    """
    values, patterns = list(values), list(patterns)
    if not values and not patterns:
        return None
    exact = frozenset(values)
    compiled = [re.compile(_written(_parsed("the allow-list", pattern)[0])).fullmatch for pattern in patterns]
    return lambda value: value in exact or any(matches(value) for matches in compiled)


def _checked_label(name: str, label: str) -> str:
    label = label or name
    if not _LABEL.fullmatch(label) or len(label) > _LONGEST_LABEL:
        raise ConfigError(
            f"the label of {name} must be words of A to Z joined by _, {_LONGEST_LABEL} characters at most"
        )
    return label


def _either_case(character: str) -> str:
    lower, upper = character.lower(), character.upper()
    if lower != upper and len(lower) == len(upper) == 1:
        return f"[{lower}{upper}]"
    return re.escape(character)


# --- the syntax tree ----------------------------------------------------------------------------------------


def _parsed(name: str, pattern: str) -> tuple[list[Item], int]:
    """The pattern's items without `\\b` at its ends, and the longest text it matches."""
    try:
        tree = _parser.parse(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise ConfigError(f"the pattern of {name} is no regular expression: {error}") from None
    if tree.state.flags & ~re.UNICODE.value:
        raise ConfigError(f"the pattern of {name} sets flags: write classes such as [Aa] instead")
    items: list[Item] = list(tree)
    word_end = (sre.AT, sre.AT_BOUNDARY)
    items = items[1:] if items[:1] == [word_end] else items
    items = items[:-1] if items[-1:] == [word_end] else items
    _refuse(name, items)
    low, high = tree.getwidth()
    if high > LONGEST:
        raise ConfigError(
            f"the pattern of {name} has no bound: write {{0,64}} for * and {{1,64}} for +, {LONGEST} in all"
        )
    if low == 0:
        raise ConfigError(f"the pattern of {name} matches an empty text")
    if _ways(items) > _MOST_WAYS:
        raise ConfigError(
            f"the repeats in the pattern of {name} can share a text in too many ways: part them by a "
            "character that none of them takes, or lower their bounds"
        )
    return items, int(high)


def _refuse(name: str, items: Sequence[Item]) -> None:
    for op, argument in items:
        if op in _REFUSED:
            raise ConfigError(f"the pattern of {name} {_REFUSED[op]}")
        if op is sre.SUBPATTERN and (argument[1] or argument[2]):
            raise ConfigError(f"the pattern of {name} sets flags: write classes such as [Aa] instead")
        if (
            op is sre.IN
            and len(argument) > 1
            and any(o is sre.CATEGORY and a in _NEGATED for o, a in argument)
        ):
            raise ConfigError(f"the pattern of {name} has a negated class within a class")
        for inner in _inner(op, argument):
            _refuse(name, inner)


def _inner(op: Any, argument: Any) -> list[Sequence[Item]]:
    if op is sre.SUBPATTERN:
        return [list(argument[3])]
    if op is sre.BRANCH:
        return [list(branch) for branch in argument[1]]
    if op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
        return [list(argument[2])]
    return []


def _written(items: Sequence[Item]) -> str:
    return "".join(_item(op, argument) for op, argument in items)


def _item(op: Any, argument: Any) -> str:
    """One item as a pattern again."""
    if op is sre.SUBPATTERN:
        return f"(?:{_written(list(argument[3]))})"
    if op is sre.BRANCH:
        return f"(?:{'|'.join(_written(list(branch)) for branch in argument[1])})"
    if op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
        low, high, inner = argument
        times = f"{{{low}}}" if low == high else f"{{{low},{high}}}"
        return f"(?:{_written(list(inner))}){times}{'?' if op is sre.MIN_REPEAT else ''}"
    return _one(op, argument)


def _one(op: Any, argument: Any) -> str:
    """An item of one character."""
    if op is sre.LITERAL:
        return re.escape(chr(argument))
    if op is sre.NOT_LITERAL:
        return f"[^{re.escape(chr(argument))}]"
    if op is sre.ANY:
        return r"[^\n]"
    if len(argument) == 1 and argument[0][0] is sre.CATEGORY and argument[0][1] in _NEGATED:
        return _NEGATED[argument[0][1]]
    parts = ""
    for kind, value in argument:
        if kind is sre.NEGATE:
            parts += "^"
        elif kind is sre.LITERAL:
            parts += re.escape(chr(value))
        elif kind is sre.RANGE:
            parts += f"{re.escape(chr(value[0]))}-{re.escape(chr(value[1]))}"
        else:
            parts += _CATEGORIES[value]
    return f"[{parts}]"


def _openings(items: Sequence[Item], room: int) -> list[tuple[tuple[str, ...], bool]]:
    """Every way in which a match can begin, as atoms, and whether the items end with it."""
    begun: list[tuple[tuple[str, ...], bool]] = [((), True)]
    for op, argument in items:
        begun = [
            longer
            for atoms, open_ended in begun
            for longer in (
                [(atoms + more, going) for more, going in _begin(op, argument, room - len(atoms))]
                if open_ended and len(atoms) < room
                else [(atoms, False)]
            )
        ]
        if len(begun) > 64:
            return begun if room == 1 else _openings(items, 1)
    return begun


def _begin(op: Any, argument: Any, room: int) -> list[tuple[tuple[str, ...], bool]]:
    if op is sre.SUBPATTERN:
        return _openings(list(argument[3]), room)
    if op is sre.BRANCH:
        return [opening for branch in argument[1] for opening in _openings(list(branch), room)]
    if op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
        low, high, inner = argument
        made = _openings(list(inner) * min(low or 1, room), room)
        made = made if low == high else [(atoms, False) for atoms, _ in made]
        return made if low else [((), True), *made]
    atom = _one(op, argument)
    return [((), False)] if atom.startswith("[^") else [((atom,), True)]


def _ways(items: Sequence[Item]) -> int:
    """An upper bound of the ways in which one text can be divided among the repeats."""
    ways = 1
    for at, (op, argument) in enumerate(items):
        inner = _inner(op, argument)
        if op is sre.BRANCH:
            ways *= sum(_ways(branch) for branch in inner)
        elif op is sre.SUBPATTERN:
            ways *= _ways(inner[0])
        elif inner:
            low, high, _ = argument
            lengths = 1 if _parted(inner[0], items[at + 1 :]) else int(high) - int(low) + 1
            ways *= lengths * _ways(inner[0]) ** min(int(high), 8)
    return ways


def _parted(repeated: Sequence[Item], rest: Sequence[Item]) -> bool:
    """Is what follows a repeat of one character always another one, so that it can end in one place only?"""
    if len(repeated) != 1 or _inner(*repeated[0]):
        return False
    following = [atoms for atoms, _ in _openings(rest, 1)]
    if any(not atoms for atoms in following):
        return False
    taken = re.compile(_one(*repeated[0]))
    return not any(
        taken.fullmatch(character) and re.fullmatch(atoms[0], character)
        for atoms in following
        for character in (*map(chr, range(128)), *atoms[0])
    )
