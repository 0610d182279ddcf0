"""Names are found by lists, shapes and cues; ordinary capitalised words, places and code are left alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.privacy.entities.names import MARKS, Mark, fold
from gateway.privacy.entities.person import PERSON, person
from gateway.privacy.scanner import compile_rules, find

TABLE = compile_rules(PERSON)

FOUND = {
    # first and last
    "Yesterday John Smith called.": ["John Smith"],
    "From the desk of Ian McKellen, with Conan O'Brien": ["Ian McKellen", "Conan O'Brien"],
    "by Łukasz Żółkowski and José Ñúñez": ["Łukasz Żółkowski", "José Ñúñez"],
    "María José García-López signed": ["María José García-López"],
    "Jean-Pierre Lefèvre, Sarah Connor-Reese": ["Jean-Pierre Lefèvre", "Sarah Connor-Reese"],
    "JOHN SMITH PAID": ["JOHN SMITH"],
    "with Jennifer Umkhayev": ["Jennifer Umkhayev"],
    # a word or a place that is a name beside a surname
    "Will Smith and Grace Hopper": ["Will Smith", "Grace Hopper"],
    "Austin reviewed the plan.": ["Austin"],
    # alone
    "John's book is on Mary's desk": ["John", "Mary"],
    "so Gonzalez left with Zielinski": ["Gonzalez", "Zielinski"],
    # particles and initials
    "Vincent van Gogh and Charles de Gaulle": ["Vincent van Gogh", "Charles de Gaulle"],
    "Mohammed bin Salman": ["Mohammed bin Salman"],
    "George W. Bush and J. R. R. Tolkien": ["George W. Bush", "J. R. R. Tolkien"],
    "John Smith Jr. came": ["John Smith Jr"],
    "Smith, John R. was there": ["Smith, John R."],
    # titles, which are not part of the name
    "Dr. Baker saw Mr. Houston and Frau Zorvex": ["Baker", "Houston", "Zorvex"],
    "Mrs van der Berg": ["van der Berg"],
    # fields and cues carry names nobody knows
    "My name is Xyla Quorn.": ["Xyla Quorn"],
    '"first_name": "Xyla", "customerName": "Quorn"': ["Xyla", "Quorn"],
    "**Last Name:** Quorn": ["Quorn"],
    "Patient: Doe, Jane": ["Doe, Jane"],
    "Dear Xyla,": ["Xyla"],
    "Best regards,\nXyla Quorn": ["Xyla Quorn"],
    "Hi Priya, this is Tom from sales": ["Priya", "Tom"],
    # written small
    "my name is dan": ["dan"],
    "i talked to kevin smith about it": ["kevin smith"],
    # other letters
    "王小明先生和李娜女士": ["王小明", "李娜"],
    "姓名：张伟": ["张伟"],
    "田中さん、佐藤太郎様": ["田中", "佐藤太郎"],
    "김민수 씨": ["김민수"],
    "Это Иван Петров": ["Иван Петров"],
    "Меня зовут Мария": ["Мария"],
}

LEFT_ALONE = [
    "Will you mark this? May I hope for grace? The rose is red.",
    "Paris is nice in April. Jordan borders Israel. Virginia is a state.",
    "San Diego, Santa Monica, St. Joseph, Lake Charles, Rue Victor Hugo",
    "Monday, January and Christmas; French, Chinese and Brazilian",
    "Microsoft, Google and Wells Fargo; Python, Ruby and Oracle",
    "John Hopkins University, Rose Street, Lincoln Park, Kevin Smith Inc",
    "@JohnSmith #JohnSmith /home/John/x John_Smith john.smith Config.John",
    "class JohnParser(Base): self.name = Session.Load",
    "user_name: None, name = True",
    "client: PolicyClient, The Quick Brown Fox",
    "my name is not important; call me later",
    "mark smith's words will hope rose",
    "Dear Customer, Dear Sir or Madam, Regards,\nThe Team",
    "the U.S. Senate and the U. S. Navy",
    "MARK THE FILE AND GRANT ACCESS",
    "仕様と同様に",
    "",
]


def names(text: str) -> list[str]:
    return [text[span.start : span.end] for span in find(text, TABLE)]


@pytest.mark.parametrize(("text", "expected"), FOUND.items(), ids=list(FOUND))
def test_a_name_is_found(text: str, expected: list[str]) -> None:
    assert names(text) == expected


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_what_is_no_name_is_left_alone(text: str) -> None:
    assert names(text) == []


SURE = sorted(word for word, marks in MARKS.items() if marks & Mark.ALONE)
SURNAMES = sorted(
    word
    for word, marks in MARKS.items()
    if marks & Mark.SURNAME
    and not marks & (Mark.WORD | Mark.PLACE | Mark.BODY)
    and word.isalpha()
    and len(word) > 2
)


@settings(max_examples=60)
@given(st.sampled_from(SURE), st.sampled_from(SURNAMES), st.sampled_from(["", " ", ", and ", "\n"]))
def test_a_listed_given_name_with_a_listed_surname_is_one_span(first: str, last: str, behind: str) -> None:
    name = f"{first.capitalize()} {last.capitalize()}"
    assert names(f"I saw {name}{behind}")[0].startswith(name)


@settings(max_examples=60)
@given(st.sampled_from(SURE))
def test_a_name_inside_an_identifier_is_none(word: str) -> None:
    name = word.capitalize()
    assert names(f"x{name} {name}_x @{name} {name}2 /{name}/") == []


@settings(max_examples=100)
@given(st.text("AabJohnSmithvanO'’-. ,", max_size=60))
def test_the_accepted_length_lies_in_the_candidate_and_ends_no_word_early(rest: str) -> None:
    candidate = f"J{rest}"
    length = person(candidate)
    assert 0 <= length <= len(candidate)
    if length and length < len(candidate):
        assert not (candidate[length - 1].isalpha() and candidate[length].isalpha())


def test_a_word_is_known_with_and_without_its_accents() -> None:
    assert fold("José") == fold("JOSE") == "jose"
    assert fold("Łukasz") == "lukasz"
    assert fold("Møller") == "moller"


def test_the_lists_hold_folded_words_only() -> None:
    assert [word for word in MARKS if word != fold(word)] == []


def test_no_word_stands_alone_that_begins_sentences() -> None:
    doubtful = Mark.WORD | Mark.PLACE
    assert [word for word, marks in MARKS.items() if marks & Mark.ALONE and marks & doubtful] == []
