"""Hypothesis strategies for text full of entities, near-entities and placeholders, and for cutting it."""

from __future__ import annotations

from hypothesis import strategies as st

from gateway.privacy.entities import ENTITIES, Entity

# Values that the first entities find; invented, from reserved or documented test ranges.
VALUES = {
    "EMAIL": ["john@example.com", "a.b+c@mail.example.org", "x_y%z@sub-domain.example.co.uk"],
    "PHONE": ["+1 415 555 2671", "(212) 736-5000", "+44 20 7946 0958", "1-800-356-9377"],
    "CREDIT_CARD": ["4111 1111 1111 1111", "5555555555554444", "3782-822463-10005"],
    "SSN": ["123-45-6789", "536 90 4399"],
    "IBAN": ["DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432"],
    "IP": ["203.0.113.7", "2001:db8::8a2e:370:7334"],
    "API_KEY": [
        "sk-abcdefghijklmnopqrstuvwx",
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_" + "a1B2" * 9,
        "xoxb-123456789012-abcdef",
    ],
}
NEAR = [
    "4111 1111 1111 1112", "000-45-6789", "sk-short", "AKIA", "a@b", "1.2.3", "DE89", "-----BEGIN", "[EMAIL", "[ERROR]",
    "arr[PERSON", "[PERSONAL]", "[PERSON_1st]", "[[PERSON_1]](url)", "[PERSON_99]", "`[[ -f x ]]`", "12:30:45", "v1.2.3.4.5",
    "s", "A", "42", "xox", "eyJ", "+1", "://", "user:pass", "\\[", "%5B", "［", "\\", "\u200b", "é", "😀", "\ud83d", " ", "\n", ".",
    ", ", ": ", "=", "the answer is ", "about ", "Mr. ", "John Smith", "New York City",
]  # fmt: skip
PLACEHOLDERS = [
    "[PERSON_1]", "[EMAIL_1]", "[EMAIL_12]", "[email_1]", "[PERSON 1]", "\\[PERSON\\_1\\]", "**[PERSON_1]**", "［PERSON_1］",
    "[PERSON_1]'s", "%5BEMAIL_1%5D", "[CREDIT_CARD_1]", "[PERSON-1]", "[ PERSON_1 ]",
]  # fmt: skip
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIBOgIBAAJBAKj34GkxFhD9\n-----END RSA PRIVATE KEY-----"


def entity(label: str) -> Entity:
    """The first row of that label, or one made for it."""
    made = Entity(name=label, label=label, kind="personal", core="x", longest=1, openings=((r"x",),))
    return next((row for row in ENTITIES if row.label == label), made)


values = st.sampled_from([value for group in VALUES.values() for value in group])
texts = st.lists(
    st.one_of(
        values, st.sampled_from(NEAR), st.sampled_from(PLACEHOLDERS), st.just(PEM), st.text(max_size=4), st.from_regex("[0-9 -]{1,9}", fullmatch=True)
    ),
    max_size=12,
).map("".join)  # fmt: skip


@st.composite
def cut(draw: st.DrawFn, text: str) -> list[str]:
    """The text in pieces, cut anywhere."""
    places = draw(st.lists(st.integers(0, len(text)), max_size=14).map(sorted))
    return [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]
