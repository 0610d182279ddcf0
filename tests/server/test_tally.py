"""What is added up and written down later is what would have been counted at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from gateway.server import tally
from gateway.server.tally import Distribution

BUCKETS = (0.001, 0.5, 1.0, 60.0)
# Binary fractions add up to the same in any order.
values = st.lists(st.sampled_from([0.0, 0.0009765625, 0.25, 0.5, 1.0, 1.5, 60.0, 61.0, 1e6]))


@pytest.fixture(autouse=True)
def _nothing_pending() -> Iterator[None]:
    tally.write()
    yield
    tally.write()


def shown(registry: CollectorRegistry) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sample.labels.items())): sample.value
        for family in registry.collect()
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


@given(st.lists(values, max_size=3), st.booleans())
def test_observed_together_is_observed_one_by_one(rounds: list[list[float]], labelled: bool) -> None:
    one, other = CollectorRegistry(), CollectorRegistry()
    labels = ("who",) if labelled else ()
    plain = Histogram("it", "it", labels, buckets=BUCKETS, registry=one)
    ours = Distribution("it", "it", labels, buckets=BUCKETS, registry=other)
    for round_ in rounds:
        for value in round_:
            (plain.labels("a") if labelled else plain).observe(value)
            tally.observe(ours, value, *(["a"] if labelled else []))
        tally.write()
    assert shown(one) == shown(other)


def test_what_is_added_is_written_once_and_by_its_labels() -> None:
    registry = CollectorRegistry()
    counter = Counter("asked", "asked", ("of", "how"), registry=registry)
    open_now = Gauge("open", "open", registry=registry)
    tally.add(counter, "a", "well")
    tally.add(counter, "a", "well", by=2.5)
    tally.add(counter, "b", "well")
    tally.add(open_now)
    tally.add(open_now)
    tally.add(open_now, by=-1)
    assert shown(registry) == {("open", ()): 0.0}
    for _ in range(2):
        tally.write()
        assert shown(registry) == {
            ("asked_total", (("of", "a"), ("how", "well"))): 3.5,
            ("asked_total", (("of", "b"), ("how", "well"))): 1.0,
            ("open", ()): 1.0,
        }
