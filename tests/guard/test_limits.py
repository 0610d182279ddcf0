"""What a policy makes of a verdict: thresholds by source, rules by name, tools, and what is only watched."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.guard.limits import Decision, Found, Limits, SourceLimits, Threats, ToolLimits, floors, worst
from gateway.guard.texts import Passage
from gateway.guard.threats import THRESHOLDS, Finding, Verdict

PASSAGE = Passage("user", ("messages", 0, "content"), "a text")
scores = st.floats(0, 1, allow_nan=False)


def verdict(score: float, *rules: str, kind: Any = "prompt_injection") -> Verdict:
    found = tuple(Finding(rule, 0, 4, round(score, 4), kind) for rule in rules or ("model",))
    return Verdict("flag", score, kind, found)


def found(threats: Threats, said: Verdict, passage: Passage = PASSAGE, monitor: bool = False) -> list[Found]:
    return [*Limits(threats, ToolLimits(), monitor).judged(said, passage)]


def decision(threats: Threats, said: Verdict, passage: Passage = PASSAGE) -> Decision:
    first = worst(found(threats, said, passage))
    return first.action if first else "allow"


@given(scores, scores, scores)
def test_thresholds_decide(score: float, one: float, other: float) -> None:
    flag, block = sorted((one, other))
    threats = Threats(user=SourceLimits(flag=flag, block=block))
    expected = "block" if score >= block else "flag" if score >= flag else "allow"
    assert decision(threats, verdict(score)) == expected


@given(scores, st.sampled_from([*THRESHOLDS]))
def test_without_a_word_the_detector_s_own_hold(score: float, source: Any) -> None:
    own = THRESHOLDS[source]
    expected = "block" if score >= own.block else "flag" if score >= own.flag else "allow"
    assert decision(Threats(), verdict(score), PASSAGE._replace(source=source)) == expected


def test_a_system_prompt_is_never_refused_unless_the_policy_says_so() -> None:
    system = PASSAGE._replace(source="system")
    assert decision(Threats(), verdict(1.0), system) == "flag"
    assert decision(Threats(system=SourceLimits(block=0.99)), verdict(1.0), system) == "block"


@pytest.mark.parametrize("action", ["allow", "flag", "block"])
def test_a_source_has_a_most_that_is_done(action: Decision) -> None:
    assert decision(Threats(user=SourceLimits(action=action)), verdict(1.0)) == action


SOURCES = st.sampled_from([*THRESHOLDS])
SWITCHES = st.dictionaries(st.sampled_from(["*", "jailbreak.*", "jailbreak.dan"]), st.just("off"))


@given(SOURCES, st.sampled_from(["allow", "flag"]), SWITCHES, scores, st.booleans())
def test_of_a_source_that_is_not_heeded_nothing_is_ever_found(
    source: Any, action: Decision, rules: Any, score: float, mild: bool
) -> None:
    own: Any = {source: SourceLimits(flag=0.0, block=0.0, action=action)}
    threats = Threats(rules=rules, **own)
    passage = PASSAGE._replace(source=source, mild=mild)
    heeded = Limits(threats, ToolLimits()).heeds(source)
    assert heeded == (action == "flag" and "*" not in rules)
    if not heeded:
        assert found(threats, verdict(score, "jailbreak.dan", "override.prior"), passage) == []


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ({"jailbreak.dan": "off"}, "block"),  # The other rule still counts.
        ({"jailbreak.dan": "off", "override.*": "off"}, "allow"),
        ({"*": "off"}, "allow"),
        ({"*": "flag"}, "flag"),
        ({"*": "monitor"}, "allow"),
        ({"*": "off", "override.prior": "flag"}, "flag"),
        ({"override.*": "off", "override.prior": "flag", "jailbreak.dan": "off"}, "flag"),
    ],
)
def test_rules_are_switched_by_name_the_exact_one_first(rules: dict[str, Any], expected: str) -> None:
    said = verdict(1.0, "model", "jailbreak.dan", "override.prior")
    assert decision(Threats(rules=rules), said) == expected


def test_a_rule_may_refuse_what_is_only_flagged() -> None:
    said = verdict(0.9, "jailbreak.dan")
    assert decision(Threats(), said) == "flag"
    assert decision(Threats(rules={"jailbreak.dan": "block"}), said) == "block"
    assert decision(Threats(rules={"jailbreak.dan": "block"}), verdict(0.1, "jailbreak.dan")) == "allow"


def test_hidden_text_is_flagged_and_can_be_refused() -> None:
    said = verdict(0.0, "hidden.tags", kind="hidden_text")
    assert decision(Threats(), said) == "flag"
    assert decision(Threats(rules={"hidden.*": "block"}), said) == "block"
    assert decision(Threats(rules={"hidden.*": "off"}), said) == "allow"


def test_a_score_without_a_place_counts() -> None:
    assert decision(Threats(), Verdict("block", 1.0, None, ())) == "block"


def test_a_score_is_not_rounded_over_a_threshold() -> None:
    assert decision(Threats(), verdict(0.979951)) == "flag"


def test_what_is_watched_is_told_and_does_nothing() -> None:
    for threats, monitor in ((Threats(enforcement="monitor"), False), (Threats(), True)):
        (each,) = found(threats, verdict(1.0), monitor=monitor)
        assert (each.action, each.watched) == ("block", True)
        assert worst([each]) is None


def test_places_are_told_only_where_they_are_the_string_s() -> None:
    (exact,) = found(Threats(), verdict(1.0))
    (joined,) = found(Threats(), verdict(1.0), PASSAGE._replace(exact=False))
    assert ((exact.start, exact.end), (joined.start, joined.end)) == ((0, 4), (0, 0))


def test_a_mild_passage_is_flagged_for_what_would_refuse_it() -> None:
    mild = PASSAGE._replace(mild=True)
    assert decision(Threats(), verdict(1.0), mild) == "flag"
    assert decision(Threats(), verdict(0.8), mild) == "allow"


TOOLS = [(("tools", number), name) for number, name in enumerate(("search_web", "bash", "send_mail"))]


@pytest.mark.parametrize(
    ("limits", "rules", "expected"),
    [
        (ToolLimits(), {}, []),
        (ToolLimits(denied=["ba*"]), {}, [("tools.denied", 1)]),
        (ToolLimits(allowed=["search_*"]), {}, [("tools.not-allowed", 1), ("tools.not-allowed", 2)]),
        (ToolLimits(allowed=["bash"], denied=["bash"]), {"tools.not-allowed": "off"}, [("tools.denied", 1)]),
        (ToolLimits(most=2), {}, [("tools.too-many", None)]),
        (ToolLimits(most=3), {}, []),
        (ToolLimits(most=0), {"tools.*": "off"}, []),
    ],
)
def test_tools_are_limited_by_name_and_number(
    limits: ToolLimits, rules: dict[str, Any], expected: list[Any]
) -> None:
    offered = Limits(Threats(rules=rules), limits).offered(TOOLS)
    assert [(each.rule, each.path[1] if each.path[1:] else None) for each in offered] == expected


@given(st.lists(st.tuples(scores, scores), min_size=1, max_size=4))
def test_a_detector_tells_whatever_any_policy_wants_to_know(given_limits: list[tuple[float, float]]) -> None:
    policies = [
        Limits(Threats(user=SourceLimits(flag=min(pair), block=max(pair))), ToolLimits())
        for pair in given_limits
    ]
    lowest = floors(policies)
    assert all(lowest["user"].flag <= each.thresholds["user"].flag for each in policies)
    assert lowest["tool"] == THRESHOLDS["tool"]


def test_a_block_without_a_flag_keeps_them_in_order() -> None:
    limits = SourceLimits(block=0.2).thresholds("user")
    assert (limits.flag, limits.block) == (0.2, 0.2)
    limits = SourceLimits(flag=0.99).thresholds("user")
    assert (limits.flag, limits.block) == (0.99, 0.99)
