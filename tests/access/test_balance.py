"""Who is asked next: laws of weights, of latency, and of those who rest."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from gateway.access.balance import Balance, By

names = st.sampled_from("abcdefgh")
weights = st.dictionaries(names, st.integers(1, 20), min_size=1)
kinds: st.SearchStrategy[By] = st.sampled_from(["weighted", "least-latency"])


@given(weights, st.integers(1, 3))
def test_each_is_asked_as_often_as_its_weight_says(weights: dict[str, int], rounds: int) -> None:
    balance: Balance[str] = Balance()
    asked = Counter(balance.order(weights, "weighted", 0)[0] for _ in range(rounds * sum(weights.values())))
    assert asked == {each: weight * rounds for each, weight in weights.items()}


@given(weights, st.integers(1, 200))
def test_no_share_is_ever_far_from_its_weight(weights: dict[str, int], requests: int) -> None:
    """The mixing is even: at any time nobody is a whole round ahead or behind."""
    balance: Balance[str] = Balance()
    asked = Counter(balance.order(weights, "weighted", 0)[0] for _ in range(requests))
    total = sum(weights.values())
    assert all(
        abs(asked[each] - requests * weight / total) < len(weights) for each, weight in weights.items()
    )


events = st.lists(
    st.tuples(names, st.sampled_from(["began", "ended", "answered", "rest"]), st.floats(0.001, 60)),
    max_size=40,
)


@given(weights, events, kinds)
def test_everybody_is_in_the_order_once_and_who_rests_comes_last(
    weights: dict[str, int], events: list[tuple[str, str, float]], by: By
) -> None:
    balance: Balance[str] = Balance()
    now, rests = 0.0, dict.fromkeys("abcdefgh", 0.0)
    for name, what, number in events:
        now += number / 10
        if what == "answered":
            balance.answered(name, number, now)
        elif what == "rest":
            rests[name] = now + number
            balance.rest(name, rests[name])
        else:
            balance.began(name)
            if what == "ended":
                balance.ended(name)
    order = balance.order(weights, by, now)
    assert sorted(order) == sorted(weights)
    resting = [rests[each] > now for each in order]
    assert resting == sorted(resting)
    waking = [rests[each] for each in order if rests[each] > now]
    assert waking == sorted(waking)


@given(st.dictionaries(names, st.floats(0.001, 60), min_size=1))
def test_the_quickest_is_asked_first(latencies: dict[str, float]) -> None:
    balance: Balance[str] = Balance()
    for each, latency_s in latencies.items():
        balance.answered(each, latency_s, 0)
    order = balance.order(dict.fromkeys(latencies, 1.0), "least-latency", 0)
    assert [latencies[each] for each in order] == sorted(latencies.values())


def test_equals_share_what_is_under_way() -> None:
    balance: Balance[str] = Balance()
    for each in "abc":
        balance.answered(each, 1.0, 0)
    asked: Counter[str] = Counter()
    for _ in range(9):
        first = balance.order(dict.fromkeys("abc", 1.0), "least-latency", 0)[0]
        balance.began(first)
        asked[first] += 1
    assert asked == {"a": 3, "b": 3, "c": 3}


def test_who_was_never_asked_is_asked_first() -> None:
    balance: Balance[str] = Balance()
    balance.answered("a", 0.001, 0)
    both = {"a": 1.0, "b": 1.0}
    assert balance.order(both, "least-latency", 0)[0] == "b"
    balance.answered("b", 2.0, 0)
    assert balance.order(both, "least-latency", 0)[0] == "a"


def test_who_was_slow_once_is_tried_again_in_time() -> None:
    balance: Balance[str] = Balance()
    balance.answered("slow", 30.0, 0)
    asked_at = None
    for second in range(1, 1000):
        balance.answered("quick", 1.0, second)
        if balance.order({"quick": 1.0, "slow": 1.0}, "least-latency", second)[0] == "slow":
            asked_at = second
            break
    assert asked_at is not None


def test_slow_news_counts_at_once() -> None:
    balance: Balance[str] = Balance()
    for each in "ab":
        balance.answered(each, 1.0, 0)
    balance.answered("a", 5.0, 0)
    assert balance.order({"a": 1.0, "b": 1.0}, "least-latency", 0) == ["b", "a"]
