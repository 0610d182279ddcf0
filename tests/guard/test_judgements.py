"""What others answer about a text, and what judgements add up to."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.guard.judgements import (
    Decision,
    Judgement,
    Unusable,
    decision,
    kind,
    message,
    of_classes,
    of_labels,
    of_webhook,
    strictest,
    told,
    worst,
)

ALLOW, FLAG, BLOCK = (Judgement(f"guard:{name}", name) for name in ("allow", "flag", "block"))
ACTIONS: dict[str, Decision] = {"toxic": "block", "spam": "flag", "fine": "allow"}
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["block", "allow", "toxic"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["decision", "confidence", "threat_type", "label", "score"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


def test_the_strictest_counts() -> None:
    assert decision([]) == "allow"
    assert decision([ALLOW, FLAG]) == "flag"
    assert decision([FLAG, BLOCK, ALLOW]) == "block"
    assert strictest(()) == "allow"
    assert (
        worst([Judgement("a", "flag", confidence=0.9), Judgement("b", "block", confidence=0.1)]).rule == "b"
    )


def test_a_client_is_told_rules_and_never_content() -> None:
    assert told([ALLOW, Judgement("guard:acme", "flag", "toxicity", 0.8)], "req_1") == {
        "decision": "flag",
        "rules": [{"rule": "guard:acme", "decision": "flag", "threat_type": "toxicity", "confidence": 0.8}],
        "request_id": "req_1",
    }


def test_a_refusal_says_which_rules_and_whether_they_could_judge_at_all() -> None:
    failed = Judgement("guard:acme", "block", failed="it has not answered in time")
    assert message([BLOCK, FLAG], "the answer") == "policy_violation: the answer violates guard:block"
    assert message([failed], "the answer").startswith(
        "policy_violation: guard:acme could not judge the answer"
    )
    assert message([failed, BLOCK], "the answer") == "policy_violation: the answer violates guard:block"
    assert [kind(each) for each in (BLOCK, failed, Judgement("topic:x", "flag"))] == [
        "guard",
        "guard_failure",
        "topic",
    ]


def test_a_webhook_says_a_decision_and_may_say_more() -> None:
    assert of_webhook("guard:a", {"decision": "allow"}) == Judgement("guard:a", "allow")
    assert of_webhook(
        "guard:a", {"decision": "block", "threat_type": "toxicity", "confidence": 1, "x": []}
    ) == (Judgement("guard:a", "block", "toxicity", 1.0))


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {},
        "block",
        {"decision": "redact"},
        {"decision": None},
        {"decision": "BLOCK"},
        {"decision": "allow", "confidence": 2},
        {"decision": "allow", "confidence": True},
        {"decision": "allow", "confidence": "high"},
        {"decision": "allow", "threat_type": "two words"},
        {"decision": "allow", "threat_type": "x" * 65},
        {"verdict": "allow"},
    ],
)
def test_what_is_unknown_or_partial_is_no_verdict(answer: Any) -> None:
    with pytest.raises(Unusable):
        of_webhook("guard:a", answer)


def test_a_label_counts_from_the_threshold_on() -> None:
    scores = [{"label": "fine", "score": 0.6}, {"label": "toxic", "score": 0.4}]
    assert of_labels("guard:a", scores, ACTIONS, 0.5) == Judgement("guard:a", "allow")
    assert of_labels("guard:a", [scores], ACTIONS, 0.4) == Judgement("guard:a", "block", "toxic", 0.4)
    assert of_labels("guard:a", {"label": "spam", "score": 1}, ACTIONS, 0.5).decision == "flag"


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {},
        None,
        "toxic",
        [{"label": "LABEL_1", "score": 0.9}],
        [{"label": "fine"}],
        [{"label": "fine", "score": 1.5}],
        [{"label": "fine", "score": 0.1}, {"label": "what?", "score": 0.9}],
        [{"score": 0.9}],
    ],
)
def test_labels_that_nobody_named_and_scores_that_are_none_are_no_verdict(answer: Any) -> None:
    with pytest.raises(Unusable):
        of_labels("guard:a", answer, ACTIONS, 0.5)


def test_classes_come_in_their_order_and_all_of_them() -> None:
    assert of_classes("guard:a", [0.1, 0.9], ["fine", "toxic"], ACTIONS, 0.5).threat_type == "toxic"
    assert of_classes("guard:a", [0.1, 0.9], ["toxic", "other"], ACTIONS, 0.5).decision == "allow"
    with pytest.raises(Unusable):
        of_classes("guard:a", [0.9], ["fine", "toxic"], ACTIONS, 0.5)
    with pytest.raises(Unusable):
        of_classes("guard:a", [float("nan"), 0.9], ["fine", "toxic"], ACTIONS, 0.5)


def assert_ours(message: str) -> None:
    assert "toxic" not in message
    assert message.isascii()


@given(anything)
def test_any_answer_is_a_judgement_or_unusable_and_nothing_of_it_is_repeated(answer: Any) -> None:
    readers: list[Callable[[], Judgement]] = [
        lambda: of_webhook("guard:a", answer),
        lambda: of_labels("guard:a", answer, ACTIONS, 0.5),
    ]
    for read in readers:
        try:
            judgement = read()
        except Unusable as error:
            assert_ours(str(error))
        else:
            assert judgement.decision in ("allow", "flag", "block")
            assert judgement.confidence is None or 0 <= judgement.confidence <= 1
            json.dumps(told([judgement], "r"))
