from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.privacy.entities.found import values

FORMATS = phonenumbers.PhoneNumberFormat
EXAMPLES = [
    number
    for region in sorted(phonenumbers.SUPPORTED_REGIONS)
    for kind in (phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE)
    if (number := phonenumbers.example_number_for_type(region, kind)) is not None
]
CUES = [
    "phone: {}",
    "Tel. {}",
    "call me at {}",
    "my number is {}",
    '{{"mobile": "{}"}}',
    "WhatsApp: {}",
    "Fax {}",
    "Téléphone : {}",
]


@pytest.mark.parametrize(
    ("text", "phones"),
    [
        ("Reach me on 07911 123456 after five.", ["07911 123456"]),
        ("Tel: +49 (0) 30 12345678", ["+49 (0) 30 12345678"]),
        ("Handy 0171/1234567", ["0171/1234567"]),
        ("phone_number=4155550132&x=1", ["4155550132"]),
        ("<tel>0612345678</tel>", ["0612345678"]),
        ("call (415) 555-0132 ext. 12", ["(415) 555-0132 ext. 12"]),
        ("001-945-778-4821x6066", ["001-945-778-4821x6066"]),
        ("1-800-356-9377", ["1-800-356-9377"]),
        ("Contact: 98765 43210", ["98765 43210"]),
        ("My number's 415 555 0132.", ["415 555 0132"]),
        ("You can text 4155550132 anytime", ["4155550132"]),
        ("Contact the front desk at 5551234567.", ["5551234567"]),
        ("9885 1152-Office\\,001-755-329-4431-Fax", ["9885 1152", "001-755-329-4431"]),
        ("+1-962-819-8200 fax\n675.792.5614x89902 mobile", ["+1-962-819-8200", "675.792.5614x89902"]),
        ("电话: 13812345678", ["13812345678"]),
        ("Тел. 8 495 123-45-67", ["8 495 123-45-67"]),
    ],
)  # fmt: skip
def test_a_phone_number_is_found_with_its_extension_and_without_its_label(
    text: str, phones: list[str]
) -> None:
    assert values(text, "PHONE_NUMBER") == phones


@pytest.mark.parametrize(
    "text",
    [
        "ts=1700000000 took 1523728547", "The order number 4155550132 was shipped", "Invoice 2021-555-0132 due",
        "ISBN 978-3-16-148410-0", '"order_number":"9892348811"', "BLOCK* blk_3587508140051953248 of size 67108864",
        "MA 02110-1301 USA", "081109 203615 148 INFO", "0328.0020.0004", "0065 0302 0301 ;", "001234567890", "call 523728547 phone id 0",
        '"number":5622790,', "cell=136985357", "pi is 3.1415926535", "call 1234.567890", "2021-03-05 14:30:00", "number 03/05/1980",
        "10.251.73.220:50010", "phone: 1111111111", "2010-2020", "05/20/2021 10:15", "329 678 3430 0528959705 0664 414523",
    ],
)  # fmt: skip
def test_a_number_that_only_looks_like_a_phone_is_left_alone(text: str) -> None:
    assert values(text, "PHONE_NUMBER") == []


@given(number=st.sampled_from(EXAMPLES), form=st.sampled_from([FORMATS.E164, FORMATS.INTERNATIONAL]))
def test_every_region_is_found_by_its_plus_sign(number: phonenumbers.PhoneNumber, form: int) -> None:
    written = phonenumbers.format_number(number, form)
    assert values(f"Regards, Ann {written} Bye", "PHONE_NUMBER") == [written]


@given(number=st.sampled_from(EXAMPLES), cue=st.sampled_from(CUES))
def test_every_region_is_found_by_a_cue(number: phonenumbers.PhoneNumber, cue: str) -> None:
    written = phonenumbers.format_number(number, FORMATS.NATIONAL)
    # Five digits are an extension more often than an island; `20.12.34` and `372 12 3456` are something else.
    short = len(phonenumbers.national_significant_number(number)) < 6
    if short or number.country_code in (687, 992) or written.count(".") == 2:
        return
    assert values(cue.format(written), "PHONE_NUMBER") == [written]


@given(
    st.integers(1_000_000_000, 1_999_999_999),
    st.sampled_from(["ts={}", "at {} done", '{{"time":{}}}', "call {}", "[{}] INFO"]),
)
def test_no_epoch_is_a_phone_number(epoch: int, line: str) -> None:
    expected = ["1234567890"] if epoch == 1234567890 and line.startswith("call") else []
    assert values(line.format(epoch), "PHONE_NUMBER") == expected


@pytest.mark.parametrize("separator", [" ", ", ", ",", "\t", "\n", "; ", " / ", "|"])
@pytest.mark.parametrize("phone", ["(212) 736-5001", "212-736-5002", "0301 234 5678", "+49 30 901820"])
def test_phones_side_by_side_are_all_found(phone: str, separator: str) -> None:
    assert values(separator.join([phone] * 3), "PHONE_NUMBER") == [phone] * 3


def test_a_phone_in_a_row_of_a_table_is_found() -> None:
    assert values("John Smith,john@x.io,212-736-5002,7", "PHONE_NUMBER") == ["212-736-5002"]
