"""What money moves by: cards, accounts, wallets."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

from stdnum import numdb

from gateway.privacy.entities.entity import Entity, spelt
from gateway.privacy.entities.groups import compact, led_by, prefixes

# Issuer ranges with the lengths in use: (lowest, highest, lengths), each range as its leading digits.
# Sources: ISO/IEC 7812-1 and the schemes' own pages, as collected in "Payment card number" (Wikipedia).
_ISSUERS = (
    ("4", "4", (13, 16, 18, 19)),  # Visa
    ("51", "55", (16,)),  # Mastercard
    ("2221", "2720", (16,)),
    ("34", "34", (15,)),  # American Express
    ("37", "37", (15,)),
    ("300", "305", (14, 16)),  # Diners Club
    ("3095", "3095", (14, 16)),
    ("36", "36", (14, 15, 16, 17, 18, 19)),
    ("38", "39", (14, 16, 17, 18, 19)),
    ("3528", "3589", (16, 17, 18, 19)),  # JCB
    ("60", "60", (16, 17, 18, 19)),  # Discover, RuPay
    ("62", "62", (16, 17, 18, 19)),  # UnionPay
    ("64", "65", (16, 17, 18, 19)),
    ("81", "82", (16, 17, 18, 19)),
    ("2200", "2204", (16, 17, 18, 19)),  # Mir
    ("50", "50", (16, 17, 18, 19)),  # Maestro, Verve, Elo
    ("56", "59", (16, 17, 18, 19)),
    ("63", "63", (16, 17, 18, 19)),
    ("66", "69", (16, 17, 18, 19)),
    ("9792", "9792", (16,)),  # Troy
)
# Groups as cards and people write them; "200 4133 12 88" in a table adds up to a card number by chance.
_CARD_GROUPS = re.compile(
    "[0-9]{12,19}|(?:[0-9]{4}_){3,4}[0-9]{1,4}|[0-9]{4}_[0-9]{6}_[0-9]{4,5}|[0-9]{8}_[0-9]{8}"
    "|[0-9]{6}_(?:[0-9]{7}|[0-9]{10}|[0-9]{13})|(?:[0-9]_){11,18}[0-9]".replace("_", "[^0-9]+")
)
_CARD_GAP = r"[ \u00a0\u2010-\u2013-]"

# Letters count from 10.
_VALUES = {c: str(int(c, 36)) for c in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
_IBAN_CLASSES = {"n": "0-9", "a": "A-Z", "c": "A-Z0-9"}


def _lengths() -> dict[str, tuple[int, ...]]:
    """The lengths in use by the first four digits."""
    found: dict[str, tuple[int, ...]] = {}
    shared: dict[tuple[int, ...], tuple[int, ...]] = {}  # one for each of 4,388 would take a megabyte
    for low, high, lengths in _ISSUERS:
        for first in range(int(low.ljust(4, "0")), int(high.ljust(4, "9")) + 1):
            known = found.get(str(first), ())
            both = known + tuple(each for each in lengths if each not in known)
            found[str(first)] = shared.setdefault(both, both)
    return found


_LENGTHS = _lengths()

_DOUBLED = bytes.maketrans(b"0123456789", b"0246813579")


def _luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B. A tenth of what the library's check takes."""
    raw = digits.encode()
    return (sum(raw[::-2]) + sum(raw[-2::-2].translate(_DOUBLED)) - ord("0") * len(raw)) % 10 == 0


def _issued(digits: str) -> bool:
    return len(digits) in _LENGTHS.get(digits[:4], ())


def _repeated(digits: str) -> bool:
    return digits.count(digits[0]) == len(digits)


def payment_card(candidate: str) -> int:
    """Luhn (ISO/IEC 7812-1), an issuer's range and length, grouped like a card, not one digit repeated."""
    for length, digits in prefixes(candidate):
        if (
            13 <= len(digits) <= 19
            and _issued(digits)
            and not _repeated(digits)
            and _luhn(digits)
            and _CARD_GROUPS.fullmatch(candidate, 0, length)
        ):
            return length
    return 0


def named_card(candidate: str) -> int:
    """Where the text says that it is a card: Luhn, 12 to 19 digits, not one digit repeated."""
    for length, digits in prefixes(candidate):
        if 12 <= len(digits) <= 19 and not _repeated(digits) and _luhn(digits):
            return length
    return 0


@lru_cache(maxsize=1024)
def _iban_of(country: str) -> tuple[int, re.Pattern[str]] | None:
    """Its length and its structure (ISO 13616, as the library's table has it), if the country has one."""
    structure = numdb.get("iban").info(country)[0][1].get("bban", "")
    fields = re.findall("([0-9]+)!([nac])", structure)
    pattern = "".join(f"[{_IBAN_CLASSES[kind]}]{{{count}}}" for count, kind in fields)
    return (4 + sum(int(count) for count, _ in fields), re.compile(pattern)) if fields else None


def iban(candidate: str) -> int:
    """ISO 13616: the country's length and structure, mod 97. One case throughout, whole groups."""
    known = _iban_of(candidate[:2].upper())
    if known is None or len(candidate) < known[0]:
        return 0
    length, structure = known
    end = length
    value = compact(candidate[:end])
    while len(value) < length and end < len(candidate):  # as many more as stood between
        end = min(len(candidate), end + length - len(value))
        value = compact(candidate[:end])
    if len(value) < length:
        return 0
    if end < len(candidate) and candidate[end].isalnum():
        return 0
    if not (value.isupper() or value.islower()):
        return 0
    value = value.upper()
    bban = value[4:]
    if not structure.fullmatch(bban):
        return 0
    if not bban.isdigit():
        bban = "".join(map(_VALUES.__getitem__, bban))
    return end if int(f"{bban}{_VALUES[value[0]]}{_VALUES[value[1]]}{value[2:4]}") % 97 == 1 else 0


_BASE58_CLASS = "[1-9A-HJ-NP-Za-km-z]"
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_RIPPLE = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
# The first byte of a base58check address: Bitcoin, Litecoin, Dogecoin, Dash, Tron.
_VERSIONS = frozenset((0x00, 0x05, 0x1E, 0x16, 0x30, 0x32, 0x4C, 0x10, 0x41))


def _base58_payload(text: str, alphabet: str) -> bytes:
    """The bytes under a valid double-SHA-256 checksum, else nothing."""
    number = 0
    for character in text:
        number = number * 58 + alphabet.index(character)
    if number.bit_length() > 200:
        return b""
    raw = number.to_bytes(25, "big")
    checksum = hashlib.sha256(hashlib.sha256(raw[:21]).digest()).digest()[:4]
    return raw[:21] if raw[21:] == checksum else b""


def base58_address(candidate: str) -> int:
    """Base58check of 25 bytes (Bitcoin wiki), in Bitcoin's alphabet or the XRP Ledger's."""
    payload = _base58_payload(candidate, _BASE58)
    if payload and payload[0] in _VERSIONS:
        return len(candidate)
    if candidate[0] == "r" and _base58_payload(candidate, _RIPPLE)[:1] == b"\x00":
        return len(candidate)
    return 0


def bech32_address(candidate: str) -> int:
    """Bech32 (BIP 173) or bech32m (BIP 350): the checksum over prefix and data."""
    if not (candidate.islower() or candidate.isupper()):
        return 0
    prefix, _, data = candidate.lower().rpartition("1")
    values = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    values += [_BECH32.find(c) for c in data]
    if -1 in values:
        return 0
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            if top >> bit & 1:
                check ^= generator
    return len(candidate) if check in (1, 0x2BC830A3) else 0


# What a cue gives after these words is free, so "card number", "credit card ending" need no mention.
_CARD_NOUNS = (
    "cards? visa master(?:card)? amex maestro discover diners jcb union(?:pay)? uatp cc ccn ccnum "
    "ccnumber pan american kreditkarte kreditkarten kreditkartennummer karten karte "
    "kartennummer tarjeta carte carta cart[aã]o kaart kaartnummer kreditkort kort kortnummer "
    "(?:credit|debit|payment|bank|visa|gift|prepaid)cards? (?:credit|debit|payment)?card(?:number|no|num)"
)
_CARD_WORDS = frozenset(
    "card cards visa master mastercard amex maestro discover diners jcb union unionpay uatp "
    "cc ccn ccnum ccnumber pan american kreditkarte kreditkarten kreditkartennummer karten "
    "karte kartennummer tarjeta carte carta cartao cart kaart kaartnummer kreditkort kort "
    "kortnummer".split()
)
_CARD_WORDS |= {
    f"{kind}card{s}" for kind in "credit debit payment bank visa gift prepaid".split() for s in ("", "s")
}
_CARD_WORDS |= {
    f"{kind}card{n}" for kind in ("", "credit", "debit", "payment") for n in ("number", "no", "num")
}

_WALLET_WORDS = (
    "litecoin ltc doge dogecoin dash tron trx trc xrp ripple usdt tether crypto coin wallet "
    "address cardano ada cosmos"
)


def _iban(rule: str, core: str, letter: str, cue: str = "", *words: str) -> Entity:
    return Entity(
        name="IBAN_CODE",
        rule=rule,
        label="IBAN",
        kind="payment",
        core=core,
        longest=68,
        openings=((letter, letter, r"[0-9]", r"[0-9]"),),
        validate=iban,
        cue=cue,
        words=frozenset(words),
        sign=f"{letter}{letter}[0-9][0-9]",
        aliases=("IBAN",),
    )


def _base58(rule: str, core: str, first: str, sign: str, cue: str = "", words: str = "") -> Entity:
    return Entity(
        name="CRYPTO",
        rule=rule,
        label="CRYPTO",
        kind="payment",
        core=core,
        longest=36,
        openings=((first, _BASE58_CLASS, _BASE58_CLASS),),
        validate=base58_address,
        before="[A-Za-z0-9_]",
        cue=cue,
        words=frozenset(words.split()),
        sign=sign,
        aliases=("CRYPTO_WALLET",),
    )


PAYMENT: tuple[Entity, ...] = (
    _iban("", r"[A-Z]{2}[0-9]{2}(?:[ \u00a0-]?[A-Z0-9]){11,30}", "[A-Z]"),
    # Lower case only where the text says so: an answer would else be held at the first letter of every word.
    _iban("NAMED_IBAN", r"[a-z]{2}[0-9]{2}(?:[ \u00a0-]?[a-z0-9]){11,30}", "[a-z]", led_by("iban"), "iban"),
    Entity(
        name="CREDIT_CARD",
        label="CREDIT_CARD",
        kind="payment",
        core=rf"[2-689](?:{_CARD_GAP}?[0-9]){{12,18}}",
        longest=37,
        openings=((r"[2-689]",),),
        before=r"[A-Za-z0-9_]",
        # Not the tail of a fraction or an identifier (blk_-4392148372638437263), nor a table of numbers:
        # groups of four before it, unless they are so many that they are a card themselves.
        veto=r"[0-9]\.|_-|[0-9A-Fa-f]-"
        r"|(?<![0-9A-F])(?<![0-9A-F][ -])(?<![0-9A-F]  )"
        r"(?:(?:[0-9A-F]{4} {1,2}){1,3}|(?:[0-9A-F]{4} {1,2}){5,7})",
        validate=payment_card,
        sign=rf"[0-9]{{4}}{_CARD_GAP}[0-9]{{4}}|[0-9]{{12}}|[0-9](?:{_CARD_GAP}[0-9]){{2}}",
        aliases=("PAYMENT_CARD",),
    ),
    Entity(
        name="CREDIT_CARD",
        rule="NAMED_CARD",
        label="CREDIT_CARD",
        kind="payment",
        core=r"[0-9](?:[ .\u00a0\u2010-\u2013-]{0,3}[0-9]){11,18}",
        longest=73,
        openings=((r"[0-9]",),),
        validate=named_card,
        cue=led_by("|".join(_CARD_NOUNS.split()), 40),
        words=_CARD_WORDS,
        sign="[0-9]",
        aliases=("PAYMENT_CARD",),
    ),
    _base58("BITCOIN_ADDRESS", rf"[13]{_BASE58_CLASS}{{25,34}}", "[13]", rf"[13]{_BASE58_CLASS}{{25}}"),
    _base58(
        "WALLET_ADDRESS",
        rf"[LMDXTA9r]{_BASE58_CLASS}{{24,34}}",
        "[LMDXTA9r]",
        f"{_BASE58_CLASS}{{25}}",
        led_by("|".join(_WALLET_WORDS.split())),
        _WALLET_WORDS,
    ),
    Entity(
        name="CRYPTO",
        rule="BECH32_ADDRESS",
        label="CRYPTO",
        kind="payment",
        core=r"(?:bc|BC|tb|TB|ltc|LTC)1[A-Za-z0-9]{38,87}",
        longest=91,
        openings=spelt("bc1", "BC1", "tb1", "TB1", "ltc1", "LTC1"),
        validate=bech32_address,
        before="[A-Za-z0-9_]",
        words=frozenset("bc tb ltc".split()),
        sign="1",
        aliases=("CRYPTO_WALLET",),
    ),
    Entity(
        name="CRYPTO",
        rule="BECH32_WALLET",
        label="CRYPTO",
        kind="payment",
        core=r"(?:addr|stake|cosmos|osmo)1[a-z0-9]{38,100}",
        longest=107,
        openings=spelt("addr1", "stake1", "cosmos1", "osmo1"),
        validate=bech32_address,
        cue=led_by("|".join(_WALLET_WORDS.split())),
        words=frozenset(_WALLET_WORDS.split()),
        sign="1",
        aliases=("CRYPTO_WALLET",),
    ),
    Entity(
        name="CRYPTO",
        rule="ETHEREUM_ADDRESS",
        label="CRYPTO",
        kind="payment",
        core=r"0[xX][0-9A-Fa-f]{40}",
        longest=42,
        openings=(("0", "[xX]", "[0-9A-Fa-f]"),),
        sign="0[xX]",
        aliases=("CRYPTO_WALLET",),
    ),
    # Keccak is not at hand: the shape decides (95 characters, the network byte fixes the first two).
    Entity(
        name="CRYPTO",
        rule="MONERO_ADDRESS",
        label="CRYPTO",
        kind="payment",
        core=r"4[0-9AB][1-9A-HJ-NP-Za-km-z]{93}|8[2-9ABC][1-9A-HJ-NP-Za-km-z]{93}",
        longest=95,
        openings=(("4", "[0-9AB]", "[1-9A-HJ-NP-Za-km-z]"), ("8", "[2-9ABC]", "[1-9A-HJ-NP-Za-km-z]")),
        sign=r"[48][0-9ABC][1-9A-HJ-NP-Za-km-z]{93}",
        aliases=("CRYPTO_WALLET",),
    ),
)
