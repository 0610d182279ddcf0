"""Names of people, best effort: lists, shapes and cues, no model.

In goes a run of capitalised words; out comes how much of it is a name. What it refuses to know: what the
sentence means. "Jordan" the country and Jordan the colleague look alike, so a word that is also a place or
a common word needs a surname behind it, a cue before it, or to be said to speak or sign.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple

from gateway.privacy.entities.entity import Entity, Validator, spelt
from gateway.privacy.entities.names import MARKS, Mark, fold
from gateway.privacy.entities.person_scripts import PERSON_SCRIPTS

_GIVEN, _ALONE, _DOUBTFUL = int(Mark.GIVEN), int(Mark.ALONE), int(Mark.DOUBTFUL)
_SURNAME, _SURNAME_ALONE = int(Mark.SURNAME), int(Mark.SURNAME_ALONE)
_WORD, _PLACE, _BODY = int(Mark.WORD), int(Mark.PLACE), int(Mark.BODY)
_ANY_GIVEN = _GIVEN | _DOUBTFUL
_NAME = _ANY_GIVEN | _SURNAME
_ORDINARY = _WORD | _PLACE | _BODY
_STANDS_ALONE = _ALONE | _SURNAME_ALONE


def _spelt(words: Iterable[str]) -> str:
    """One pattern for many words: common beginnings are spelt once."""
    branches = []
    for first, group in groupby(sorted(words), key=lambda word: word[:1]):
        rests = [word[1:] for word in group]
        if first:
            branches.append(first + _spelt(rests))
    end = "?" if "" in set(words) else ""
    return f"(?:{'|'.join(branches)}){end}" if branches else ""


_CAPITALS = "".join(c for c in map(chr, range(0xC0, 0x180)) if c.isupper())
_U = f"[A-Z{_CAPITALS}]"
_L = r"[A-Za-zÀ-ÖØ-öø-žḀ-ỹ'’\-]"
_LOWER = r"[a-zß-öø-žḀ-ỹ'’\-]"
_PARTICLES = (
    "van|von|der|den|de|del|della|di|da|dos|das|do|du|la|le|el|al|bin|bint|ibn|ben|ten|ter|zu|af|av|y|e"
)
_PREFIX = rf"(?:{_spelt(_PARTICLES.split('|'))} |(?:al|el|ul|d)[-'’])"
# What people do and places or things do not, said of a name that could be either.
_DOES = (
    "said|says|told|asked|asks|replied|answered|wrote|thinks|thought|wants|wanted|called|emailed|texted|phoned"
    "|agreed|joined|reviewed|signed|approved|submitted|completed|presented|reported|confirmed|ordered|prescribed"
    "|graduated|married|lives|lived|died|born|smiled|laughed|nodded|shouted|whispered|filed|prepared|designed"
    "|managed|led|finished|helped|gave|sent|works|worked|explained|suggested|mentioned|noted|chaired|debugged"
)
_DID = _spelt(_DOES.split("|"))
_RUN = rf"{_U}{_L}{{0,30}}(?:(?:\.,? ?|, | ){_PREFIX}{{0,3}}{_U}{_L}{{0,30}}){{0,4}}(?: {_DID}|\.)?"
_CUED_RUN = rf"{_PREFIX}{{0,3}}{_U}{_L}{{0,30}}(?:(?:\.,? ?|, | ){_PREFIX}{{0,3}}{_U}{_L}{{0,30}}){{0,4}}\.?"
_SMALL_RUN = rf"{_LOWER}{{2,24}}(?: {_LOWER}{{2,24}})?"
_LONGEST = 270

_GLUED_PARTICLES = tuple((*particle, "[-'’]") for particle in ("al", "el", "ul", "d"))
_PIECE = re.compile(r"([^ .,]+)([ .,]*)")
# A member or a host: `Config.Load`.
_GLUED = re.compile(r"[^ .,]{2,}\.[^ .,]")
_AFTER_NAME = frozenset("jr sr ii iii iv md phd esq dds dvm".split())
_ABBREVIATED = frozenset("jr sr wm chas geo thos jos".split())
_PARTICLE_WORDS = frozenset(_PARTICLES.split("|"))
_CAPITAL_PARTICLES = frozenset(
    "Van Von Der Den De Del Della Di Da Dos Das Do Du La Le El Al Bin Ibn Ben Ten Ter".split()
)
_DEEDS = frozenset(_DOES.split("|"))

# Endings of surnames and of little else (Slavic, Nordic, Georgian, Greek, Turkish, Romanian) ...
_SURE_ENDING = re.compile(
    r"(?:.{2,}(?:ovs?k[yi]|evs?k[yi]|wski|nski|cki|skaya|[aeiou]wicz|czyk|czak|[eo]vic|enko|sson|dottir"
    r"|[aeiou]nova|[mkrt]ova|eeva|yeva|escu|opoulos|oglu|shvili|adze|[aiou]nen|kvist|quist|strom|gaard|haug))\Z"
)
# ... and those that other words have too.
_LIKELY_ENDING = re.compile(
    r"(?:.{2,}(?:ska|ski|sky|[eo]v|[eo]va|[eo]vich|chuk|[ei]ades|akis|[aeiou]nez|iguez|yan|ian|sen|berg|stein|mann)"
    r"|(?:mc|o'|fitz|d')[a-z]{3,}|mac[^aehiorkuy][a-z]{3,})\Z"
)
_INNER_CAPITAL = re.compile(r"(?:Mc|Mac|De|Di|Da|Du|La|Le|Van|Fitz|O'|O’|D'|D’)[A-Z][a-z]+\Z")


class Word(NamedTuple):
    """A word of a candidate: as written, its marks, where it ends (without a possessive) and what follows."""

    text: str
    marks: int
    end: int
    gap: str


def marks_of(word: str) -> int:
    """The marks of a word; a hyphenated one is known by its parts, an unknown one by its ending."""
    key = fold(word)
    marks = MARKS.get(key)
    if marks is not None:
        return marks
    if "-" in key:
        parts = [MARKS.get(part, 0) for part in key.split("-")]
        if any(part & _ORDINARY and not part & _NAME for part in parts):
            return _WORD
        return parts[0] & ~_ORDINARY | (parts[-1] & (_SURNAME | _SURNAME_ALONE))
    if len(key) > 5:
        if _SURE_ENDING.match(key) or _INNER_CAPITAL.match(word):
            return _SURNAME | _SURNAME_ALONE
        if _LIKELY_ENDING.match(key):
            return _SURNAME
    return 0


def words_of(candidate: str) -> list[Word]:
    """The words up to where a name must end: a full stop, a comma, a possessive."""
    words: list[Word] = []
    for found in _PIECE.finditer(candidate):
        text, gap = found.groups()
        bare = text
        if not text.isalpha():
            bare = (text[:-2] if text.endswith(("'s", "’s", "'S", "’S")) else text).rstrip("-'’") or text
        words.append(Word(bare, marks_of(bare), found.start() + len(bare), gap))
        if bare is not text and bare != text:
            break
        if gap != " " and (
            "," in gap or (gap[:1] == "." and len(bare) > 1 and fold(bare) not in _ABBREVIATED)
        ):
            break
    return words


def _name_end(words: list[Word]) -> int:
    """Where the name that begins with the first word ends. Unknown words are taken until a surname came."""
    end = words[0].end
    surname = False
    shouted = len(words[0].text) > 1 and words[0].text.isupper()
    for text, marks, word_end, gap in words[1:]:
        if fold(text) in _AFTER_NAME and not text.islower():
            return word_end
        if text in _PARTICLE_WORDS or (text in _CAPITAL_PARTICLES and not surname):
            continue
        if text.islower():
            break
        if len(text) == 1:
            if surname:
                break
            end = word_end + (gap[:1] == ".")
            continue
        if marks & _ORDINARY and not marks & _NAME:
            break
        if text.isupper() and not shouted and not marks & _SURNAME:
            break
        if surname and (not marks & _SURNAME or marks & _ORDINARY):
            break
        surname = bool(marks & _SURNAME) or not marks & _NAME
        end = word_end
    return end


def _second(words: list[Word]) -> Word | None:
    """The next full word behind the first; initials and particles do not count."""
    for word in words[1:]:
        if len(word.text) > 1 and word.text not in _PARTICLE_WORDS and word.text not in _CAPITAL_PARTICLES:
            return word
    return None


def _first(words: list[Word]) -> Word:
    return next((word for word in words if word.text not in _PARTICLE_WORDS), words[0])


def person(candidate: str) -> int:
    """A name that its own words give away."""
    # Most capitalised words of a text end in these lines.
    if candidate.isalpha():
        marks = MARKS.get(candidate.lower())
        if marks is None:
            marks = marks_of(candidate)
        return 0 if not marks & _STANDS_ALONE or candidate.isupper() else len(candidate)
    text = candidate.partition(" ")[0]
    marks = MARKS.get(text.lower(), 0)
    if marks & _ORDINARY and not marks & _NAME and len(text) > 1:
        return 0
    if _GLUED.match(candidate):
        return 0
    words = words_of(candidate)
    head = words[0]
    marks = head.marks
    second = _second(words)
    if second is not None and any(word.marks & _BODY and not word.marks & _SURNAME for word in words[1:]):
        return 0
    if second is None or second.text in _DEEDS:
        if len(head.text) > 1 and not head.text.isupper() and marks & _STANDS_ALONE:
            return _name_end(words)
        said = second is not None and not head.text.isupper() and marks & _NAME
        if said and (not marks & _ORDINARY or marks & _ANY_GIVEN):
            return head.end
        return 0 if marks & _ORDINARY else _surname_first(head, candidate)
    known = second.marks & _SURNAME and not second.marks & _ORDINARY
    if len(head.text) == 1:
        if head.text == "U" and words[1].text in ("S", "K", "N"):
            return 0
        several = len(words[1].text) == 1 and not second.marks and not second.text.isupper()
        return _name_end(words) if (known or several) and head.gap[:1] == "." else 0
    if head.text.isupper():
        return _name_end(words) if known and second.text.isupper() and marks & _ANY_GIVEN else 0
    if marks & _ALONE:
        return _name_end(words)
    unknown = not second.marks and not second.text.isupper()
    two_given = second.marks & _GIVEN and not second.marks & _ORDINARY
    if marks & _GIVEN and (known or unknown or two_given or second.marks & _SURNAME):
        return _name_end(words)
    if marks & _DOUBTFUL and (known or (unknown and not marks & _ORDINARY)):
        return _name_end(words)
    if not marks & _ORDINARY and known and second.marks & _SURNAME_ALONE:
        return _name_end(words)
    return head.end if marks & _SURNAME_ALONE and not marks & _ORDINARY else 0


def _surname_first(head: Word, candidate: str) -> int:
    """`Smith, John` and `Smith, John R.`"""
    if head.gap != ", " or not head.marks & _SURNAME or head.marks & (_PLACE | _ALONE):
        return 0
    rest = words_of(candidate[head.end + 2 :])
    if not rest or not rest[0].marks & _GIVEN:
        return 0
    end = rest[0].end
    if len(rest) > 1 and len(rest[1].text) == 1:
        end = rest[1].end + (rest[1].gap[:1] == ".")
    return head.end + 2 + end


def titled(candidate: str) -> int:
    """Behind a title: any capitalised word that is not an ordinary one."""
    words = words_of(candidate)
    first = _first(words)
    if _GLUED.match(candidate) or (first.marks & (_WORD | _BODY) and not first.marks & _NAME):
        return 0
    return _name_end(words) if len(first.text) > 1 or len(words) > 1 else 0


def fielded(candidate: str) -> int:
    """Behind a field's name, "my name is", "Dear": an unknown word too, but no place and no identifier."""
    words = words_of(candidate)
    first = _first(words)
    if _GLUED.match(candidate) or (first.marks & _ORDINARY and not first.marks & _NAME):
        return 0
    if not first.marks and not first.text[1:].islower() and not first.text.isupper():
        return 0
    if any(word.marks & _BODY and not word.marks & _SURNAME for word in words[1:]):
        return 0
    if length := _surname_first(words[0], candidate):
        return length
    return _name_end(words) if len(first.text) > 1 or len(words) > 1 else 0


def addressed(candidate: str) -> int:
    """Behind "Hi", "by", "patient": some word must be known as a name, or have the look of one."""
    words = words_of(candidate)
    first, second = words[0], _second(words)
    if _GLUED.match(candidate) or any(word.marks & _BODY and not word.marks & _SURNAME for word in words[1:]):
        return 0
    if first.marks & _WORD and not (first.marks & _NAME and second and second.marks & _SURNAME):
        return 0
    if length := _surname_first(first, candidate):
        return length
    shouted = first.text.isupper() and len(first.text) > 1
    if not shouted and first.marks & _NAME and (not first.marks & _PLACE or first.marks & _ANY_GIVEN):
        return _name_end(words)
    return person(candidate)


def small(candidate: str) -> int:
    """A common given name and a surname that is no word, both written small."""
    marks = marks_of(candidate.partition(" ")[2].rstrip("-'’"))
    return len(candidate.rstrip("-'’")) if marks & _SURNAME and not marks & (_ORDINARY | _DOUBTFUL) else 0


def small_cued(candidate: str) -> int:
    """A name written small behind a cue: a given name, then perhaps a surname."""
    words = words_of(candidate)
    first = words[0]
    if not first.marks & _NAME or first.marks & (_ORDINARY | _DOUBTFUL):
        return 0
    second = words[1] if len(words) > 1 and first.gap == " " else None
    if second and second.marks & _NAME and not second.marks & (_ORDINARY | _DOUBTFUL):
        return second.end
    return first.end


def _row(rule: str, core: str, validate: Validator, **more: object) -> Entity:
    settings: dict[str, object] = {
        "longest": _LONGEST,
        "openings": (
            (_U,),
            *spelt(*(f"{particle} " for particle in _PARTICLES.split("|"))),
            *_GLUED_PARTICLES,
        ),
        "before": r"[\w@#/\\.$%+~&=-]",
        "after": r"[\w@]",
        "score": 0.6,
    } | more
    return Entity(
        name="PERSON",
        label="PERSON",
        kind="personal",
        core=core,
        validate=validate,
        rule=rule,
        **settings,  # type: ignore[arg-type]
    )


# What makes a saint's town or a street of the name behind it.
_PLACE_BEFORE = (
    r"(?:(?<![A-Za-z])(?:San|Santa|Santo|São|Sta|Sto|Saint|Sainte|St|Lake|Fort|Port|Mount|Cape|Point|New"
    r"|North|South|East|West|Camp|Rua|Rue|Via|Viale|Piazza|Calle|Avenida|Avda|Avenue|Boulevard|Travessa|Place"
    r"|Plaza|Paseo|Colonia|ul|Ulica|(?:University|City|County|Bank) of)\.? |(?<![\d.)])\d{1,3} )"
    r"(?:[A-Z][a-zà-ž]{1,20} )?"
)
_COMMON = frozenset(
    word for word, marks in MARKS.items() if marks & Mark.COMMON and not marks & (_ORDINARY | _DOUBTFUL)
)


_TITLES = (
    "mr mrs ms miss mx mister dr doctor prof professor sir dame madam rev reverend capt captain sgt"
    " sergeant lt lieutenant col colonel maj judge justice senator sen gov governor officer detective"
    " nurse uncle aunt auntie herr frau mme mlle monsieur madame mademoiselle sr sra srta don dona sig"
    " signor signora dott"
)
_TITLE = "|".join(f"[{t[0].upper()}{t[0]}]{t[1:]}" for t in _TITLES.split())
# Whose name a field may hold: `customer_name`, `customerName`, "the customer's name".
_WHOSE = (
    "first last middle full given family maiden nick display legal preferred patient customer client"
    " employee account contact applicant provider holder cardholder beneficiary owner agent guest"
    " student tenant doctor physician manager member borrower policyholder insured spouse father mother"
    " author sender recipient billing shipping your my"
)
_NAMES = "name surname forename"
_NAME_FIELDS = rf"(?:(?:{'|'.join(_WHOSE.split())})(?:(?:['’]s)?[ _-])?)?(?:{'|'.join(_NAMES.split())})"
_NAME_FIELD_WORDS = frozenset(
    whose + name for whose in ("", *_WHOSE.split()) for name in (*_NAMES.split(), "named")
)
_ROLES = (
    "patient customer client employee user agent contact applicant provider cardholder beneficiary"
    " owner guest student tenant physician surgeon prescriber manager supervisor author authors assignee"
    " reporter sender recipient signed borrower policyholder insured witness spouse guardian teacher"
    " producer director counsel plaintiff defendant consignee instructor attendee attendees interviewer"
    " candidate"
)
_HEADERS = "from cc bcc attn attention"
_GREETINGS = "hi hello hey thanks cheers meet named called by"
_BETWEEN = r"[\"'*)]{0,4} {0,24}[:=|][*]{0,2} {0,24}[\"']?"


def _either(words: str) -> str:
    return "|".join(words.split())


PERSON: tuple[Entity, ...] = (
    _row(
        "title",
        _CUED_RUN,
        titled,
        cue=rf"(?<![A-Za-z])(?:{_TITLE}|MR|MRS|MS|DR|COL|SGT|CAPT)(?:\.| \.)? ",
        words=frozenset(_TITLES.split()),
        within=15,
        score=0.8,
    ),
    _row(
        "field",
        _CUED_RUN,
        fielded,
        cue=rf"(?i:(?<![a-z0-9]){_NAME_FIELDS}(?:{_BETWEEN}|[,;] |(?: is|'s| was|d| of| to| under) |\? )"
        rf"|(?<![a-z0-9])(?:dear |patient{_BETWEEN}|(?:regards|sincerely|truly|wishes),?\s{{1,3}}))",
        words=_NAME_FIELD_WORDS | frozenset("dear patient regards sincerely truly wishes".split()),
        score=0.75,
    ),
    _row(
        "cue",
        _CUED_RUN,
        addressed,
        cue=rf"(?i:(?<![a-z0-9])(?:(?:{_either(_ROLES)}|{_either(_HEADERS)}){_BETWEEN}|(?:{_either(_ROLES)}) "
        rf"|(?:{_either(_GREETINGS)}),? |(?:cheers|thanks),?\s{{1,3}}))",
        words=frozenset(f"{_ROLES} {_HEADERS} {_GREETINGS}".split()),
        score=0.7,
    ),
    _row("list", _RUN, person, openings=((_U,),), sign=_U, veto=_PLACE_BEFORE),
    _row(
        "small cue",
        _SMALL_RUN,
        small_cued,
        longest=51,
        openings=((_LOWER,),),
        cue=r"(?i:(?<![a-z0-9])(?:name(?:'s| is|:)|call(?:s|ed)?(?: me)?"
        r"|hi|hello|hey|dear|regards,|mrs?\.?|ms\.?|dr\.?) )",
        words=frozenset("name call calls called hi hello hey dear regards mr mrs ms dr".split()),
        within=10,
        score=0.5,
    ),
    _row(
        "small",
        rf"{_spelt(_COMMON)} {_LOWER}{{2,24}}",
        small,
        openings=tuple((letter,) for letter in sorted({word[0] for word in _COMMON})),
        longest=40,
        words=_COMMON,
        score=0.5,
    ),
    *PERSON_SCRIPTS,
)
