from __future__ import annotations

import pytest

from tests.privacy.entities.found import values


@pytest.mark.parametrize(
    ("text", "mails"),
    [
        ("mail john.doe+x@mail.example.co.uk.", ["john.doe+x@mail.example.co.uk"]),
        ("email=john@example.com&x=1", ["john@example.com"]),
        ("'o'brien@example.ie'", ["o'brien@example.ie"]),
        ("<mailto:_ann@example.org>", ["_ann@example.org"]),
        ("a@xn--d1acufc.xn--p1ai", ["a@xn--d1acufc.xn--p1ai"]),
        ("j.müller@bücher.de", ["j.müller@bücher.de"]),
        ("jane dot doe (at) example dot com or jane at example dot com", ["doe (at) example dot com", "jane at example dot com"]),
    ],
)  # fmt: skip
def test_a_mailbox_is_found(text: str, mails: list[str]) -> None:
    assert values(text, "EMAIL_ADDRESS") == mails


@pytest.mark.parametrize(
    "text",
    ["foo@bar", "@pytest.mark.x", "pkg@2.0.2", "user@1000.service", "icon@2x.png", "git@github.com:a/b.git", "a..b.@example.com", "meet at noon dot"],
)  # fmt: skip
def test_an_at_sign_alone_makes_no_mailbox(text: str) -> None:
    assert values(text, "EMAIL_ADDRESS") == []
