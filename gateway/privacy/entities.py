"""What is looked for: one table, a row an entity.

A row gives the pattern's core, bounded in length and regular: no look-ahead, no look-behind, so that
"could more text still make or extend a match" has an exact answer. What must not stand before or
follow is one character class each (`before`, `after`; empty for none); a `cue` is left context that must
stand before (at most `LEFT_CONTEXT` characters are kept for it).

`openings` are all the ways a match can begin, each a sequence of regex atoms; the scanner's gate is built
from them, so a character that begins nothing costs nothing. `until` marks a secret whose end may be far
away: it is redacted from its opening to that pattern, or to the end. `keep` counts the characters at the
beginning of a match that stay. `sign` is a quick pattern that is found in every text with a match; without
one, it is the openings.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from gateway.privacy import validators
from gateway.privacy.validators import Validator

Kind = Literal["personal", "payment", "government", "secret"]

LEFT_CONTEXT = 64


class Entity(Struct, frozen=True):
    """`longest` counts characters; past it there is no match, whole or streamed."""

    name: str
    label: str
    kind: Kind
    core: str
    longest: int
    openings: tuple[tuple[str, ...], ...]
    validate: Validator = validators.whole
    before: str = r"[A-Za-z0-9]"
    after: str = r"[A-Za-z0-9]"
    cue: str = ""
    sign: str = ""
    until: str = ""
    keep: int = 0
    aliases: tuple[str, ...] = ()


def _spelt(*words: str) -> tuple[tuple[str, ...], ...]:
    """Openings spelt out character by character."""
    return tuple(tuple("\\" + c if c in "-.+[](){}*?^$|\\/" else c for c in word) for word in words)


_DIGIT = ((r"[0-9]",),)
_WORD = ((r"[A-Za-z0-9]",),)
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"


def _api_key(name: str, core: str, longest: int, *openings: str) -> Entity:
    return Entity(
        name=name,
        label="API_KEY",
        kind="secret",
        core=core,
        longest=longest,
        openings=_spelt(*openings),
        after=r"[A-Za-z0-9_]",
        aliases=("API_KEY", "SECRET"),
    )


ENTITIES: tuple[Entity, ...] = (
    Entity(
        name="PRIVATE_KEY",
        label="PRIVATE_KEY",
        kind="secret",
        core=r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----",
        longest=80,
        openings=_spelt("-----BEGIN"),
        before="",
        after="",
        until=r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----",
        aliases=("SECRET",),
    ),
    # The scheme and the host stay: what the model is asked about usually hangs on them.
    Entity(
        name="URL_CREDENTIALS",
        label="CREDENTIALS",
        kind="secret",
        core=r"://[^\s/@:\"'<>]{0,64}:[^\s/@\"'<>]{1,128}@",
        longest=197,
        openings=_spelt("://"),
        validate=validators.url_credentials,
        before="",
        after="",
        keep=3,
        aliases=("CONNECTION_STRING",),
    ),
    Entity(
        name="JWT",
        label="API_KEY",
        kind="secret",
        core=r"eyJ[A-Za-z0-9_-]{8,1024}\.eyJ[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{8,1024}",
        longest=6200,
        openings=_spelt("eyJ"),
        after=r"[A-Za-z0-9_]",
        aliases=("SECRET",),
    ),
    # Formats as the vendors publish them for secret scanning.
    _api_key("OPENAI_KEY", r"sk-[A-Za-z0-9_-]{20,220}", 224, "sk-"),  # Anthropic's sk-ant- too
    _api_key("STRIPE_KEY", r"[sr]k_(?:live|test)_[A-Za-z0-9]{16,128}", 140, "sk_", "rk_"),
    _api_key("STRIPE_WEBHOOK_SECRET", r"whsec_[A-Za-z0-9+/=]{24,64}", 70, "whsec_"),
    _api_key("AWS_ACCESS_KEY_ID", r"A(?:KIA|SIA|BIA|CCA)[A-Z2-7]{16}", 20, "AKIA", "ASIA", "ABIA", "ACCA"),
    _api_key("GITHUB_TOKEN", r"gh[pousr]_[A-Za-z0-9]{36,251}", 255, "ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
    _api_key("GITHUB_PAT", r"github_pat_[A-Za-z0-9_]{22,244}", 255, "github_pat_"),
    _api_key("GITLAB_TOKEN", r"gl(?:pat|dt|rt|ptt|cbt|soat)-[A-Za-z0-9_.-]{20,300}", 307, "gl"),
    _api_key("SLACK_TOKEN", r"xox[abeoprs]-[A-Za-z0-9-]{10,250}", 255, "xox"),
    _api_key("SLACK_APP_TOKEN", r"xapp-[0-9]-[A-Za-z0-9-]{20,250}", 257, "xapp-"),
    _api_key("GOOGLE_API_KEY", r"AIza[A-Za-z0-9_-]{35}", 39, "AIza"),
    _api_key("GOOGLE_OAUTH_TOKEN", r"ya29\.[A-Za-z0-9_-]{20,1024}", 1029, "ya29."),
    _api_key("HUGGINGFACE_TOKEN", r"hf_[A-Za-z0-9]{30,64}", 67, "hf_"),
    _api_key("GROQ_KEY", r"gsk_[A-Za-z0-9]{40,80}", 84, "gsk_"),
    _api_key("XAI_KEY", r"xai-[A-Za-z0-9]{60,120}", 124, "xai-"),
    _api_key("PERPLEXITY_KEY", r"pplx-[A-Za-z0-9]{40,80}", 85, "pplx-"),
    _api_key("NPM_TOKEN", r"npm_[A-Za-z0-9]{36}", 40, "npm_"),
    _api_key("PYPI_TOKEN", r"pypi-[A-Za-z0-9_-]{50,250}", 255, "pypi-"),
    _api_key("SENDGRID_KEY", r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}", 100, "SG."),
    _api_key("DIGITALOCEAN_TOKEN", r"do[opr]_v1_[a-f0-9]{64}", 71, "dop_v1_", "doo_v1_", "dor_v1_"),
    _api_key("AZURE_STORAGE_KEY", r"AccountKey=[A-Za-z0-9+/]{86}==", 99, "AccountKey="),
    Entity(
        name="IBAN_CODE",
        label="IBAN",
        kind="payment",
        core=r"[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?",
        longest=42,
        openings=((r"[A-Z]", r"[A-Z]", r"[0-9]", r"[0-9]"),),
        validate=validators.iban,
        sign="[0-9]",
        aliases=("IBAN",),
    ),
    Entity(
        name="CREDIT_CARD",
        label="CREDIT_CARD",
        kind="payment",
        core=r"[2-6](?:[ -]?[0-9]){12,18}",
        longest=37,
        openings=((r"[2-6]",),),
        validate=validators.payment_card,
        sign="[0-9]",
        aliases=("PAYMENT_CARD",),
    ),
    Entity(
        name="US_SSN",
        label="SSN",
        kind="government",
        core=r"[0-8][0-9]{2}(?:-[0-9]{2}-|\ [0-9]{2}\ )[0-9]{4}",
        longest=11,
        openings=((r"[0-8]",),),
        validate=validators.us_ssn,
        sign="[0-9]",
        aliases=("SSN",),
    ),
    Entity(
        name="EMAIL_ADDRESS",
        label="EMAIL",
        kind="personal",
        core=rf"[A-Za-z0-9][A-Za-z0-9._%+'-]{{0,63}}@(?:{_LABEL}\.){{1,8}}[A-Za-z]{{2,24}}",
        longest=320,
        openings=_WORD,
        sign="@",
        aliases=("EMAIL",),
    ),
    Entity(
        name="PHONE_NUMBER",
        label="PHONE",
        kind="personal",
        core=r"\+[1-9](?:[ ().-]{0,2}[0-9]){6,14}",
        longest=45,
        openings=((r"\+", r"[1-9]"),),
        before="",
        validate=validators.international_phone,
        sign=r"\+",
        aliases=("PHONE",),
    ),
    Entity(
        name="PHONE_NUMBER",
        label="PHONE",
        kind="personal",
        # The look-ahead says nothing new, but lets the search skip to these characters: 42 to 4 µs in 480.
        core=r"(?=[(0-9])(?:1[ .-])?(?:\([0-9]{3}\) ?|[0-9]{3}[ .-])[0-9]{3}[ .-][0-9]{4}",
        longest=17,
        openings=((r"\(", r"[0-9]"), (r"[0-9]",)),
        validate=validators.north_american_phone,
        sign="[0-9]",
        aliases=("PHONE",),
    ),
    Entity(
        name="IP_ADDRESS",
        label="IP",
        kind="personal",
        core=r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}",
        longest=15,
        openings=_DIGIT,
        validate=validators.ipv4,
        sign="[0-9]",
    ),
    Entity(
        name="IP_ADDRESS",
        label="IP",
        kind="personal",
        core=r"[0-9A-Fa-f:](?:[0-9A-Fa-f]{0,4}:){2,7}(?:[0-9A-Fa-f]{1,4}|(?:[0-9]{1,3}\.){3}[0-9]{1,3})?",
        longest=55,
        openings=((r"[0-9A-Fa-f:]",),),
        validate=validators.ipv6,
        after=r"[A-Za-z0-9:]",
        sign=":",
    ),
    Entity(
        name="PERSON",
        label="PERSON",
        kind="personal",
        core=r"[A-Z][a-z]{1,24}(?:[ -][A-Z][a-z'’]{1,24}){1,2}",
        longest=77,
        openings=((r"[A-Z]",),),
        validate=validators.person,
        sign="[a-z][ -][A-Z]",
        cue=r"\b(?:[Aa]bout|[Nn]amed|[Nn]ame is|[Nn]ame:|I am|I'm|[Cc]alled|[Cc]ontact|[Dd]ear|[Hh]ello|"
        r"[Hh]i|[Mm]eet|[Cc]ustomer|[Pp]atient|[Cc]lient|[Ee]mployee|[Uu]ser|[Ss]igned|[Rr]egards,|Mr\.?|Mrs\.?|"
        r"Ms\.?|Dr\.?|Prof\.?)\s",
    ),
)

# What an answer may not show when the model itself produced it; other personal data is only flagged.
REDACTED_IN_ANSWERS: frozenset[Kind] = frozenset({"secret", "payment", "government"})
