"""A table of the size that the real one has when every family is written: laws and timings hold for it too.

Its rows are of the kinds that there are: a few on all text, secrets by their prefix, many behind a cue word.
Some share a word that is common ("number", "id"), some begin with anything that is not a space.
"""

from __future__ import annotations

from gateway.privacy.entities import ENTITIES, Entity
from gateway.privacy.entities.entity import DIGIT, Kind, spelt

_PREFIXES = (
    "lin_api_ dckr_pat_ shpat_ shpca_ shppa_ sq0atp- sq0csp- EAAA dapi PMAK- figd_ fio-u- glc_ glsa_ hvs. hvb. "
    "key- LTAI nfp_ NRAK- NRJS- oy2 pul- pscale_tkn_ rdme_ rubygems_ secret_ sntrys_ tfp_ vc_ vercel_ wpu_ xkeysib- "
    "AGE-SECRET-KEY-1 atlasv1. CLOJARS_ CCIPAT_ cio_ ops_ r8_"
).split()

_CUED: dict[str, tuple[Kind, str]] = {
    "passport passeport reisepass": ("government", r"[A-Z]{0,2}[0-9]{6,9}"),
    "license licence driver dl": ("government", r"[A-Z]?[0-9]{5,13}"),
    "tax tin": ("government", r"[0-9]{2,3}[- ]?[0-9]{2,4}[- ]?[0-9]{2,4}"),
    "vat ust mwst": ("government", r"[A-Z]{2}[0-9A-Z]{8,12}"),
    "itin": ("government", r"9[0-9]{2}[- ]?[0-9]{2}[- ]?[0-9]{4}"),
    "account acct": ("payment", r"[0-9]{6,17}"),
    "routing aba": ("payment", r"[0-9]{9}"),
    "swift bic": ("payment", r"[A-Z]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?"),
    "cvv cvc cvn": ("payment", r"[0-9]{3,4}"),
    "sort": ("payment", r"[0-9]{2}-[0-9]{2}-[0-9]{2}"),
    "mrn medical record": ("medical", r"[A-Z0-9]{5,12}"),
    "npi": ("medical", r"[12][0-9]{9}"),
    "dea": ("medical", r"[A-Z][A-Z9][0-9]{7}"),
    "nhs": ("government", r"[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4}"),
    "medicare mbi": ("government", r"[1-9][A-Z][A-Z0-9][0-9]-?[A-Z][A-Z0-9][0-9]-?[A-Z]{2}[0-9]{2}"),
    "aadhaar aadhar uidai": ("government", r"[2-9][0-9]{3}[ -]?[0-9]{4}[ -]?[0-9]{4}"),
    "pan": ("government", r"[A-Z]{5}[0-9]{4}[A-Z]"),
    "nino insurance": ("government", r"[A-Z]{2} ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]"),
    "password passwd pwd pass": ("secret", r"[^\s\"'<>]{6,64}"),
    "secret token key apikey": ("secret", r"[A-Za-z0-9_\-+/=.]{16,128}"),
    "born dob birth": ("personal", r"[0-9]{1,2}[/.-][0-9]{1,2}[/.-][0-9]{2,4}"),
    "zip postal": ("personal", r"[0-9]{5}(?:-[0-9]{4})?"),
    "plate vehicle": ("personal", r"[A-Z0-9]{2,4}[ -]?[A-Z0-9]{2,4}"),
    "vin": ("personal", r"[A-HJ-NPR-Z0-9]{17}"),
    "policy insured": ("personal", r"[A-Z]{0,3}-?[0-9]{6,12}"),
    "employee staff": ("personal", r"[A-Z]{0,2}[0-9]{4,8}"),
    "student": ("personal", r"[0-9]{6,10}"),
    "invoice order": ("ordinary", r"[A-Z]{0,3}-?[0-9]{4,10}"),
}
_COUNTRIES = (
    "cpf cnpj rut dni nie nif cuit curp rfc bsn pesel rodne egn cnp oib jmbg emso tckimlik nric fin mykad nik sss "
    "philsys hkid rrn mynumber sin tfn abn acn ird ppsn personnummer fodselsnummer cprnr henkilotunnus kennitala amka "
    "afm teudat emirates iqama civil snils inn ogrn"
).split()
_ANY_OPENING = ((r"[A-Za-z0-9_\-+/=.]",),)
_SHARED = r"(?:number|no|id|code)"


def _cued(words: str, kind: Kind, core: str, index: int) -> Entity:
    named = "|".join(words.split())
    return Entity(
        name=f"CUED_{index}",
        rule=words.split()[0].upper(),
        label="CUED",
        kind=kind,
        core=core,
        longest=128,
        openings=((r"[^\s\"'<>]",),) if "[^" in core else _ANY_OPENING,
        cue=rf"(?i:\b(?:{named})\b(?:[ _-]{_SHARED}\b\.?)?[\"']?(?:\ is)?[\s:=#\"']{{1,4}})",
        words=frozenset(words.split()),
    )


def _foreign(index: int) -> Entity:
    """A row whose cue has no ASCII words, only a script."""
    return Entity(
        name=f"FOREIGN_{index}",
        label="FOREIGN",
        kind="government",
        core=rf"[A-Za-z0-9][0-9]{{{6 + index}}}",
        longest=16,
        openings=((r"[A-Za-z0-9]",),),
        cue=r"(?:番号|инн|주민등록)[^\x00-\x7f]{0,12}[\W_]{0,12}",
        sign="[Ͱ-ӿ가-힣一-鿿]",
    )


def _common(index: int) -> Entity:
    """A row whose author had no better word than one that every text holds."""
    return Entity(
        name=f"COMMON_{index}",
        label="COMMON",
        kind="government",
        core=rf"[{index % 9 + 1}][0-9]{{{7 + index % 4}}}",
        longest=12,
        openings=DIGIT,
        cue=r"(?i:\b(?:number|no|id)\b\.?[\s:=#]{1,3})",
        words=frozenset({"number", "no", "id"}),
    )


def _prefixed(prefix: str) -> Entity:
    opening = spelt(prefix)
    return Entity(
        name="API_KEY",
        rule=prefix.strip("_-.").upper(),
        label="API_KEY",
        kind="secret",
        core="".join(opening[0]) + r"[A-Za-z0-9_-]{20,120}",
        longest=len(prefix) + 120,
        openings=opening,
        after=r"[A-Za-z0-9_]",
    )


STAND_IN: tuple[Entity, ...] = (
    *ENTITIES,
    *map(_prefixed, _PREFIXES),
    *(_cued(words, kind, core, at) for at, (words, (kind, core)) in enumerate(_CUED.items())),
    *(_cued(word, "government", r"[0-9]{2,4}(?:[ .-]?[0-9]{2,4}){2,4}", 100 + at) for at, word in enumerate(_COUNTRIES)),
    *map(_foreign, range(6)),
    *map(_common, range(8)),
)  # fmt: skip
