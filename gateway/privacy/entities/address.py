"""Where people live, best effort: postal addresses, their codes, and a person's age.

In goes text that has the shape of an address as one country or another writes it; nothing here knows which
streets or towns exist. An address is one span, from the house's number or the street to the postal code.
"""

from __future__ import annotations

import re

from gateway.privacy.entities.entity import DIGIT, Entity, Validator, whole
from gateway.privacy.entities.names import MARKS, Mark

_CAPITALS = "".join(c for c in map(chr, range(0xC0, 0x180)) if c.isupper())
_U = f"[A-Z{_CAPITALS}]"
_LETTERS = "A-Za-zÀ-ÖØ-öø-ž"
_NAME = rf"{_U}[{_LETTERS}'’.-]{{0,24}}"
_NUMBER = r"[0-9]{1,6}(?:[A-Za-z]|[-/][0-9]{1,5}[A-Za-z]?)?"

# --- what may follow the street: a unit, a town with its region and code, a country ---

_GAP = r"(?:,? ?\n ?,? {0,3}|, ?| )"
_UNIT = (
    r"(?:(?:[Aa]pt|APT|[Aa]partment|[Ss]uite|SUITE|[Ss]te|STE|[Uu]nit|UNIT|[Ff]loor|[Rr]oom|[Rr]m|[Bb]ldg|[Ff]lat"
    r"|[Ll]ot)\.? ?(?:# ?)?[0-9A-Za-z-]{1,6}|# ?[0-9A-Za-z-]{1,6}|[0-9]{1,2}(?:st|nd|rd|th) [Ff]loor)"
)
_TOWN = rf"{_NAME}(?: (?:(?:de|del|la|le|di|do|da|upon|on|am|an|der|im|sur|nad) ){{0,2}}{_NAME}){{0,3}}"
_REGION = r"(?:[A-Z]{2,3}|D\.C\.)"
_LONG_CODE = (
    r"(?:[0-9]{5}(?:-[0-9]{3,4})?|[A-Z][0-9][A-Z] ?[0-9][A-Z][0-9]|[A-Z]{1,2}[0-9][0-9A-Z]? [0-9][A-Z]{2}"
    r"|[0-9]{4} ?[A-Z]{2}|[0-9]{4}-[0-9]{3}|[0-9]{2}-[0-9]{3}|[0-9]{3} [0-9]{2})"
)
_CODE = rf"(?:{_LONG_CODE}|[0-9]{{4}})"
_COUNTRY = (
    r"(?:U\.?S\.?A?\.?|UK|U\.K\.|United States(?: of America)?|United Kingdom|England|Scotland|Wales"
    r"|Ireland|Canada|Australia|New Zealand|Germany|Deutschland|France|Spain|España|Italy|Italia"
    r"|Portugal|Netherlands|Nederland|The Netherlands|Belgium|Austria|Österreich|Switzerland|Schweiz"
    r"|Suisse|Sweden|Sverige|Norway|Norge|Denmark|Danmark|Finland|Poland|Polska|Czech Republic"
    r"|Hungary|Greece|Turkey|India|Japan|China|Singapore|South Africa|Mexico|México|Brazil|Brasil"
    r"|Argentina|Chile|Colombia|Uruguay)"
)
_TAIL = (
    rf"(?:{_GAP}{_UNIT}){{0,2}}"
    rf"(?:{_GAP}(?:{_TOWN}{_GAP}(?:{_REGION}(?:,?[ \n]{{1,2}}{_CODE})?|{_CODE}|{_TOWN} {_LONG_CODE})"
    rf"|{_CODE},? {_TOWN}|{_LONG_CODE}|{_REGION} {_LONG_CODE}))?"
    rf"(?:{_GAP}(?:{_TOWN}{_GAP})?{_COUNTRY}(?: {_CODE})?)?"
)
_LONGEST = 420

# --- how a street is written ---

_TYPES = (
    "Street St Avenue Ave Av Road Rd Boulevard Blvd Lane Ln Drive Dr Court Ct Place Pl Square Sq"
    " Terrace Ter Way Parkway Pkwy Circle Cir Highway Hwy Close Crescent Cres Gardens Gdns Grove Mews"
    " Row Walk Alley Trail Trl Plaza Turnpike Path Quay Esplanade Heights Expressway Freeway Causeway"
    " Crossing Broadway"
)
_SMALL_TYPES = (
    "street st avenue ave road rd boulevard blvd lane ln drive dr court ct place pl terrace way".split()
)
_SIDE = r"(?:N|S|E|W|NE|NW|SE|SW|North|South|East|West)\.?"
_ORDINAL = r"[0-9]{1,3}(?:st|nd|rd|th|ST|ND|RD|TH)"
_TYPE = "(?:" + "|".join(f"{t}|{t.upper()}" for t in sorted(_TYPES.split(), key=len, reverse=True)) + ")"
_SMALL_TYPE = "(?:" + "|".join(sorted(_SMALL_TYPES, key=len, reverse=True)) + ")"
_STREET = (
    rf"{_NUMBER}(?:,? [0-9]{{1,5}}[A-Za-z]?)?,? "
    rf"(?:(?:{_SIDE} )?(?:(?:{_NAME}|{_ORDINAL}) ){{1,4}}{_TYPE}\.?(?: {_SIDE})?"
    rf"|{_NAME} Broadway|Broadway|(?:[a-z]{{2,15}} ){{1,2}}{_SMALL_TYPE}\.?){_TAIL}"
)

_OF = (
    r"(?:(?:d[eiao]s?|du|del|della|dello|delle|degli|dei|dal|la|le|les|las|los|al|San|Santa) |[dl]['’]){0,3}"
)
_LEADING = (
    "rue avenue boulevard place chemin allée quai impasse route cours square passage via viale piazza"
    " corso largo vicolo calle avenida avda av paseo plaza plaça carrer camino rua travessa praça"
    " alameda estrada ulica ul"
)
_LEAD = (
    "(?:"
    + "|".join(f"{t}|{t[0].upper()}{t[1:]}" for t in sorted(_LEADING.split(), key=len, reverse=True))
    + ")"
)
_LED = (
    rf"(?:{_NUMBER}(?: ?(?:bis|ter))?,? (?:[0-9]{{1,5}} )?)?"
    rf"{_LEAD}\.? {_OF}(?:{_NAME}|[0-9]{{1,2}})(?: {_OF}{_NAME}){{0,4}}"
    rf"(?:,? (?:n[º°.] ?)?[0-9]{{1,4}}[A-Za-z]?(?:/[0-9]{{1,4}})?)?{_TAIL}"
)

_ENDING = (
    "straße|strasse|str\\.|gasse|weg|platz|allee|ring|damm|ufer|straat|laan|gracht|plein|kade|singel|dijk|gatan|vägen"
    "|gränd|vej|gade|allé|gata|veien|gaten|katu|tie|kuja|utca|utja"
)
_LAST_WORD = "Straße|Strasse|Str\\.|Gasse|Weg|Platz|Allee|Ring|Damm|Ufer|Laan|utca|út"
# How all of them end: a sign that text with numbers in it seldom has.
_ENDS = "|".join(
    sorted({re.escape(f" {end}".replace("\\", "")[-3:]) for end in f"{_ENDING}|{_LAST_WORD}".split("|")})
)
_ENDED = (
    rf"{_NAME}(?: {_NAME}){{0,2}}"
    rf"(?:{_ENDING}| (?:{_LAST_WORD}))"
    rf",? [0-9]{{1,4}} ?[a-zA-Z]?(?:-[0-9]{{1,4}})?{_TAIL}"
)

# Armed forces' post: DMM 602.
_FORCES = rf"{_GAP}[ADF]PO,? A[AEP],? [0-9]{{5}}(?:-[0-9]{{4}})?"
_BOX_WORD = "[Bb](?:ox|OX)"
_BOX = (
    rf"(?:(?:[0-9]{{1,5}} )?(?:P\.? ?O\.?|p\.?o\.?|[Pp]ost [Oo]ffice) ?{_BOX_WORD}:? ?#? ?[0-9]{{1,7}}{_TAIL}"
    rf"|Postfach [0-9 ]{{2,9}}[0-9]{_TAIL}"
    rf"|(?:PSC|CMR|Unit|UNIT) [0-9]{{1,5}},? {_BOX_WORD} [0-9]{{1,5}}(?:{_FORCES})?"
    rf"|US[A-Z]{{1,4}} {_NAME}{_FORCES})"
)

_DOUBTFUL_TYPE = re.compile(
    r"[0-9] \S+(?: \S+)* "
    r"(?:Way|Place|Pl|Court|Ct|Square|Row|Walk|Path|Close|Circle|Heights|Crossing|Plaza|Dr|St|Drive)\Z"
)
_STATES = frozenset(
    "AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC"
    " ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY DC PR GU VI AS MP".split()
)
# Royal Mail's postcode areas, with those of the Crown dependencies.
_POSTCODE_AREAS = frozenset(
    "AB AL B BA BB BD BH BL BN BR BS BT CA CB CF CH CM CO CR CT CV CW DA DD DE DG DH DL DN DT DY E EC"
    " EH EN EX FK FY G GL GU GY HA HD HG HP HR HS HU HX IG IM IP IV JE KA KT KW KY L LA LD LE LL LN LS"
    " LU M ME MK ML N NE NG NN NP NR NW OL OX PA PE PH PL PO PR RG RH RM S SA SE SG SK SL SM SN SO SP SR"
    " SS ST SW SY TA TD TF TN TQ TR TS TW UB W WA WC WD WF WN WR WS WV YO ZE".split()
)
_AREA = re.compile("[A-Z]{1,2}")


def street(candidate: str) -> int:
    """A number and a street; what is written small must not read like a sentence."""
    if _DOUBTFUL_TYPE.match(candidate):
        return 0
    words = re.findall(r"[A-Za-z]+", candidate)
    if words and words[0].islower() and len(words[0]) > 1:
        for word in words[:2]:
            if word in _SMALL_TYPES:
                break
            if MARKS.get(word, 0) & Mark.WORD and word not in (
                "main",
                "park",
                "church",
                "high",
                "mill",
                "first",
            ):
                return 0
    return len(candidate)


def numbered(candidate: str) -> int:
    """A street that is named before its number: one of the numbers must be there."""
    return len(candidate) if any(c.isdigit() for c in candidate) else 0


def american_town(candidate: str) -> int:
    """`Houston, TX 77001`: the state is one."""
    return len(candidate) if candidate.rsplit(", ", 1)[-1][:2] in _STATES else 0


def british_postcode(candidate: str) -> int:
    """BS 7666: an area in use; the inward code has none of the letters C I K M O V."""
    area = _AREA.match(candidate)
    fine = area is not None and area[0] in _POSTCODE_AREAS and not set(candidate[-2:]) & set("CIKMOV")
    return len(candidate) if fine else 0


def age(candidate: str) -> int:
    """0 to 120 years; the words behind the number only show what it is."""
    digits = re.match("[0-9]+", candidate)
    return digits.end() if digits and int(digits[0]) <= 120 else 0


def _address(
    rule: str, core: str, openings: tuple[tuple[str, ...], ...], validate: Validator, words: str
) -> Entity:
    return Entity(
        name="LOCATION",
        label="ADDRESS",
        kind="personal",
        core=core,
        longest=_LONGEST,
        openings=openings,
        validate=validate,
        before=r"[\w/.-]",
        after=r"[\w]",
        words=frozenset(words.split()),
        rule=rule,
        aliases=("STREET_ADDRESS", "ADDRESS"),
    )


_ASCII_RUN = re.compile("[a-z]+")
_LEAD_WORDS = " ".join(max(_ASCII_RUN.findall(word), key=len) for word in _LEADING.split())
_CAPITAL = ((_U,),)
_LEAD_OPENINGS = (*DIGIT, *((f"[{t[0].upper()}{t[0]}]",) for t in sorted({t[0] for t in _LEADING.split()})))

ADDRESS: tuple[Entity, ...] = (
    _address("street", _STREET, DIGIT, street, _TYPES.lower()),
    _address("box", _BOX, (*DIGIT, ("[PpUC]",)), whole, "box pobox obox officebox postfach apo fpo dpo"),
    _address("street first", _LED, _LEAD_OPENINGS, numbered, _LEAD_WORDS),
    Entity(
        name="LOCATION",
        label="ADDRESS",
        kind="personal",
        core=_ENDED,
        longest=_LONGEST,
        openings=_CAPITAL,
        before=r"[\w/.-]",
        after=r"[\w]",
        sign=rf"[a-zßé.](?<={_ENDS}),? [0-9]",
        rule="street and number",
        aliases=("STREET_ADDRESS", "ADDRESS"),
    ),
    Entity(
        name="LOCATION",
        label="ADDRESS",
        kind="personal",
        core=rf"{_NAME}(?: {_NAME}){{0,2}}, [A-Z]{{2}},? [0-9]{{5}}(?:-[0-9]{{4}})?",
        longest=100,
        openings=_CAPITAL,
        validate=american_town,
        before=r"[\w/.-]",
        after=r"[\w-]",
        sign=r", [A-Z]{2},? [0-9]{5}",
        rule="town",
        aliases=("ADDRESS",),
    ),
    Entity(
        name="UK_POSTCODE",
        label="POSTCODE",
        kind="personal",
        core=r"[A-Z]{1,2}[0-9][0-9A-Z]? [0-9][A-Z]{2}",
        longest=8,
        openings=(("[A-Z]", "[0-9]"), ("[A-Z]", "[A-Z]", "[0-9]")),
        validate=british_postcode,
        sign="[0-9][0-9A-Z]? [0-9][A-Z]{2}",
    ),
    Entity(
        name="ZIP_CODE",
        label="ZIP",
        kind="ordinary",
        core=rf"(?:{_LONG_CODE}|[A-Z]{{1,2}}[0-9][0-9A-Z]?[0-9][A-Z]{{2}}|[0-9]{{6}}|[0-9]{{3,4}})",
        longest=10,
        openings=(("[0-9A-Z]",),),
        cue=r"(?i:(?<![a-z])(?:zip(?:[ _-]?codes?)?|post(?:al)?[ _-]?codes?|postleitzahl|plz"
        r"|code postal|c[óo]digo postal|codice postale|pin[ _-]?code)[\"'*)]{0,4}"
        r"(?: is| was|:| =|=|,|\|){0,2}[*]{0,2} {0,8}[\"']?)",
        after=r"[\w-]",
        words=frozenset(
            "zip zipcode zipcodes code codes postcode postcodes postalcode postalcodes postleitzahl plz"
            " postal postale pincode".split()
        ),
        rule="cue",
        aliases=("POSTAL_CODE",),
    ),
    Entity(
        name="AGE",
        label="AGE",
        kind="ordinary",
        core=r"[0-9]{1,3}(?:[ -]?(?:years?|yrs?|months?)[ -]old|[ -]?y/?o| years of age)",
        longest=17,
        openings=DIGIT,
        validate=age,
        words=frozenset("old yo y o age".split()),
        rule="old",
    ),
    Entity(
        name="AGE",
        label="AGE",
        kind="ordinary",
        core=r"[0-9]{1,3}",
        longest=3,
        openings=DIGIT,
        validate=age,
        cue=r"(?i:(?<![a-z])(?:age[ds]?(?: of| is|:|=| =)?[\"'*]{0,3}:?[*]{0,2} {1,8}[\"']?"
        r"|turned ))",
        after=r"[\w%:/$-]",
        words=frozenset("age aged ages turned".split()),
        rule="cue",
    ),
)
