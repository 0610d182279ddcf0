"""Topics: words and phrases, however they are written, counted once each."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigError
from gateway.guard.judgements import Judgement
from gateway.guard.topics import Matcher, Subject, Topic, Topics
from gateway.privacy import custom
from gateway.privacy.findings import finished

GAMBLING = Topic("gambling", ["poker", "slot machine", "roulette"], threshold=2, action="flag")
ZOO = Topic("zoo", ["zebra", "la girafe"], ["okapi-[0-9]{1,4}"])
ORDERS = Subject("orders", ["order", "delivery", "my parcel"])
FILLER = "the river runs slowly through the valley "


def matcher(*forbidden: Topic, allowed: tuple[Subject, ...] = ()) -> Matcher:
    return Matcher(Topics(list(forbidden), list(allowed)), custom.tame)


def in_answer(made: Matcher, *texts: str) -> list[str]:
    return [each.rule for each in finished(made.answer(texts))]


def in_request(made: Matcher, *turns: str) -> list[str]:
    return [each.rule for each in finished(made.request(turns))]


@pytest.mark.parametrize(
    "text",
    [
        "A zebra.",
        "A ZEBRA",
        "a ze\u200bbra",
        "a z\u0435br\u0430",  # Cyrillic letters
        "a \uff5a\uff45\uff42\uff52\uff41",  # full width
        "a zébra",
        "LA GIRAFE",
        "la\n girafe",
        "an Okapi-12, they say",
    ],
)
def test_words_are_read_as_people_read_them(text: str) -> None:
    assert in_answer(matcher(ZOO), text) == ["topic:zoo"]


@pytest.mark.parametrize(
    "text", ["zebras", "unzebra", "la belle girafe", "girafe la", "okapi", "myokapi-12", ""]
)
def test_only_whole_words_and_whole_phrases_count(text: str) -> None:
    assert in_answer(matcher(ZOO), text) == []


def test_a_threshold_counts_different_words() -> None:
    made = matcher(GAMBLING)
    assert in_answer(made, "poker and poker and poker") == []
    assert in_answer(made, "poker, then the slot machine") == ["topic:gambling"]
    assert in_answer(made, "poker", "in another lane: roulette") == ["topic:gambling"]


def test_a_topic_s_own_action_goes_before_that_of_its_table() -> None:
    made = matcher(GAMBLING, ZOO)
    assert finished(made.answer(["poker roulette zebra"])) == [
        Judgement("topic:gambling", "flag"),
        Judgement("topic:zoo", "block"),
    ]


def test_a_topic_may_be_for_one_direction() -> None:
    only = Topic("zoo", ["zebra"], on="answer")
    assert in_answer(matcher(only), "zebra") == ["topic:zoo"]
    assert in_request(matcher(only), "zebra") == []
    assert (matcher(only).on_answers, matcher(only).on_requests) == (True, False)
    assert (matcher().on_answers, matcher().on_requests) == (False, False)


def test_of_a_request_the_last_turn_counts() -> None:
    assert in_request(matcher(ZOO), "a zebra", "and the weather?") == []
    assert in_request(matcher(ZOO), "the weather?", "a zebra") == ["topic:zoo"]
    assert in_request(matcher(ZOO)) == []


ABOUT_NOTHING = "please write a long poem about the sea and the wind in the old harbour town for my friend"


@pytest.mark.parametrize(
    ("turns", "is_on_topic"),
    [
        (("Where is my order?",), True),
        (("Hello, how are you today?",), True),
        (("thanks",), True),
        ((ABOUT_NOTHING,), False),
        (("write me a poem about the sea, with waves",), False),
        (("Where is my order?", "and can you also say when the second one will be there?"), True),
        (("Where is my order?", ABOUT_NOTHING * 2), False),
        (("Hello!", "what is the capital of France, and how many people live there?"), False),
    ],
)
def test_where_some_topics_are_allowed_a_request_is_about_one_of_them(
    turns: tuple[str, ...], is_on_topic: bool
) -> None:
    assert in_request(matcher(allowed=(ORDERS,)), *turns) == ([] if is_on_topic else ["topic:off_topic"])


def test_an_answer_need_not_use_the_words_of_an_allowed_topic() -> None:
    assert in_answer(matcher(allowed=(ORDERS,)), "It will be there tomorrow. " * 9) == []


@given(before=st.integers(0, 9000), word=st.sampled_from(["zebra", "la girafe", "okapi-77"]))
def test_a_long_text_is_read_in_stretches_and_found_wherever_it_stands(before: int, word: str) -> None:
    text = (FILLER * 250)[:before] + f" {word} " + FILLER
    assert in_answer(matcher(ZOO), text) == ["topic:zoo"]


def test_a_long_text_stops_often() -> None:
    assert len(list(matcher(ZOO).answer([FILLER * 1000]))) > 8


def test_text_without_spaces_is_read_too() -> None:
    made = matcher(Topic("betting", ["扑克"]))
    assert in_answer(made, "我们今天晚上玩扑克好吗" * 1000) == ["topic:betting"]
    assert in_answer(made, "我们今天晚上好吗") == []


@pytest.mark.parametrize("pattern", ["(a+)+b", "(?<=x)y", "x*"])
def test_a_pattern_that_hostile_text_makes_slow_is_refused(pattern: str) -> None:
    with pytest.raises(ConfigError):
        matcher(Topic("zoo", patterns=[pattern]))
