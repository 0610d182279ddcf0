"""What a bank, an account or a card is known by, besides the numbers that prove themselves."""

from __future__ import annotations

from stdnum import bic

from gateway.privacy.entities.entity import Entity, whole
from gateway.privacy.entities.identifier import Shape, checked, named

_ACCOUNT = (
    "account number, account no, account nr, acct number, acct no, acct, bank account, bank "
    "acct, checking account, savings account, deposit account, current account, beneficiary "
    "account, kontonummer, numéro de compte, número de cuenta, numero di conto, "
    "rekeningnummer, conta corrente, numer konta, 口座番号, 银行账号"
)


BANKING: tuple[Entity, ...] = (
    *named(
        "SWIFT_CODE",
        "BIC",
        Shape("[A-Z]{4} ?[A-Z]{2} ?[A-Z0-9]{2}(?: ?[A-Z0-9]{3})?", 14, "[A-Z]"),
        "swift, swift code, bic, bic code, swift bic, bic swift, bank identifier code",
        checked(bic.is_valid),
        kind="payment",
        near=False,
        before="[A-Za-z0-9_]",
        aliases=("BIC", "SWIFT"),
    ),
    *named(
        "ABA_ROUTING_NUMBER",
        "ROUTING_NUMBER",
        Shape("[0-9]{4}-[0-9]{4}-[0-9]|[0-9]{9}", 11),
        "routing, routing transit, aba, aba routing, aba rtn, rtn, transit number, wire routing",
        whole,
        kind="payment",
        near=False,
        aliases=("BANK_ROUTING", "ROUTING_NUMBER"),
    ),
    *named(
        "UK_SORT_CODE",
        "SORT_CODE",
        Shape("[0-9]{2}-[0-9]{2}-[0-9]{2}|[0-9]{2} [0-9]{2} [0-9]{2}|[0-9]{6}", 8),
        "sort code, sortcode",
        whole,
        kind="payment",
        near=False,
    ),
    *named(
        "AU_BSB",
        "SORT_CODE",
        Shape("[0-9]{3}[ -]?[0-9]{3}", 7),
        "bsb, bank state branch",
        whole,
        kind="payment",
        near=False,
    ),
    *named(
        "IN_IFSC",
        "BIC",
        Shape("[A-Za-z]{4}0[A-Za-z0-9]{6}", 11, "[A-Za-z]"),
        "ifsc, ifsc code",
        whole,
        kind="payment",
        near=False,
    ),
    *named(
        "US_BANK_NUMBER",
        "BANK_ACCOUNT",
        Shape("(?:[A-Za-z]{1,4}-?)?[0-9](?:[ -]?[0-9]){5,16}", 38, "[A-Za-z0-9]"),
        _ACCOUNT,
        whole,
        kind="payment",
        near=False,
        aliases=("BANK_ACCOUNT", "BANK_ACCOUNT_NUMBER", "US_BANK_ACCOUNT_NUMBER"),
    ),
    *named(
        "CREDIT_CARD_CVV",
        "CVV",
        Shape("[0-9]{3,4}", 4),
        (
            "cvv, cvv2, cvc, cvc2, csc, cvv code, cvc code, card verification, card security code, "
            "card verification value, card verification code, security code, prüfziffer"
        ),
        whole,
        kind="payment",
        near=False,
        aliases=("CREDIT_DEBIT_CVV", "CVV"),
    ),
    *named(
        "CREDIT_CARD_EXPIRATION",
        "CARD_EXPIRY",
        Shape("(?:0[1-9]|1[0-2]) ?[/-] ?(?:20)?[2-4][0-9]", 9, "[01]"),
        "valid thru, valid through, card expiry, card expiration, card expires, card exp, cc exp",
        whole,
        kind="payment",
        near=False,
        aliases=("CREDIT_DEBIT_EXPIRY",),
    ),
)
