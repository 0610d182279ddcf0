from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from stdnum import luhn

from tests.privacy.entities.found import values


@st.composite
def cards(draw: st.DrawFn) -> str:
    start, length = draw(st.sampled_from([("4", 16), ("51", 16), ("2221", 16), ("37", 15), ("6011", 16), ("3528", 16), ("62", 19), ("4", 19), ("36", 14)]))  # fmt: skip
    rest = length - len(start) - 1
    number = start + draw(st.from_regex(f"[0-9]{{{rest}}}", fullmatch=True))
    return number + luhn.calc_check_digit(number)


def _in_fours(number: str, separator: str) -> str:
    return separator.join(number[i : i + 4] for i in range(0, len(number), 4))


@given(cards(), st.sampled_from(["", " ", "-", "\u00a0", "–"]))
def test_any_card_is_found_as_people_write_it(number: str, separator: str) -> None:
    written = _in_fours(number, separator)
    assert values(f"pay ({written}).", "CREDIT_CARD") == [written]


@given(cards(), st.integers(1, 9))
def test_one_wrong_check_digit_is_no_card(number: str, off: int) -> None:
    wrong = number[:-1] + str((int(number[-1]) + off) % 10)
    assume(not any(luhn.is_valid(wrong[:n]) for n in range(12, len(wrong))))
    assert values(f"card {wrong}", "CREDIT_CARD") == []


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("3782-822463-10005", ["3782-822463-10005"]),
        ("my credit card: 122000000000003", ["122000000000003"]),
        ("card: 676186599483", ["676186599483"]),
        ("4111 1111 1111 1111 12", ["4111 1111 1111 1111"]),
        ("blk_-4111111111111111 blk_4111111111111111", []),
        ("0.4111111111111111", []),
        ("544B 5421 5457 5459 5423", []),
        ("41 11 1111 111 11111", []),
    ],
)
def test_a_card_is_told_from_other_numbers(text: str, numbers: list[str]) -> None:
    assert values(text, "CREDIT_CARD") == numbers


@pytest.mark.parametrize(
    ("text", "ibans"),
    [
        ("DE89 3704 0044 0532 0130 00 is my iban", ["DE89 3704 0044 0532 0130 00"]),
        ("my iban is gb82west12345698765432", ["gb82west12345698765432"]),
        ("AL47-2121-1009-0000-0002-3569-8741", ["AL47-2121-1009-0000-0002-3569-8741"]),
        ("BE68539007547034", ["BE68539007547034"]),
        ("DE88 3704 0044 0532 0130 00", []),
        ("gb82west12345698765432", []),
    ],
)
def test_an_iban_is_one_by_its_check(text: str, ibans: list[str]) -> None:
    assert values(text, "IBAN_CODE") == ibans


@pytest.mark.parametrize(
    "address",
    [
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
        "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
        "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
        "bc1p5d7rjq7g6rdk2yhzks9smlaqtedr4dekq08ge8ztwac72sfr9rusxg3297",
        "0x52908400098527886E0F7030069857D2E4169EE7",
    ],
)
def test_a_wallet_is_found_and_one_wrong_character_is_none(address: str) -> None:
    assert values(f"to {address}.", "CRYPTO") == [address]
    if not address.startswith("0x"):
        middle = len(address) // 2
        wrong = address[:middle] + ("q" if address[middle] != "q" else "p") + address[middle + 1 :]
        assert values(f"to {wrong}.", "CRYPTO") == []


@pytest.mark.parametrize("text", ["XRP wallet rEb8TK3gBgk5auZkwc6sHnwrGVJH8DuaLh", "tron TJRabPrwbZy45sbavfcjinPJC18kjpRTv8"])  # fmt: skip
def test_other_chains_are_found_where_they_are_named(text: str) -> None:
    assert values(text, "CRYPTO") == [text.split()[-1]]
    assert values(text.split()[-1], "CRYPTO") == []


CARDS = [
    "4111 1111 1111 1111",
    "5500-0000-0000-0004",
    "4012888888881881",
    "3400 0000 0000 009",
    "6011 1111 1111 1117",
]


@given(
    st.lists(st.sampled_from(CARDS), min_size=2, max_size=4),
    st.sampled_from([" ", ", ", "\n", "; ", "  ", "\t", " and "]),
)
def test_cards_side_by_side_are_all_found(cards: list[str], separator: str) -> None:
    assert values(separator.join(cards), "CREDIT_CARD") == cards
