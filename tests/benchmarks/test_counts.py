from __future__ import annotations

import pytest

from benchmarks import counts, micro
from benchmarks.counts import Counts


def counted(**parts: int) -> Counts:
    return Counts("3.12.0", {"reference": 1000, **parts})


def test_a_part_that_takes_more_instructions_is_named() -> None:
    recorded = counted(split=500, decode=800)
    assert counts.compare(counted(split=500, decode=800), recorded) == []
    assert counts.compare(counted(split=520, decode=700), recorded) == []
    assert counts.compare(counted(split=600, decode=800), recorded) == [
        "split: 1.20 × the recorded instructions"
    ]
    assert counts.compare(counted(scan=1), recorded) == ["scan: not recorded yet"]


OTHERS = [Counts("3.11.0", {"reference": 1000}), Counts("3.12.0", {"reference": 800})]


@pytest.mark.parametrize("other", OTHERS, ids=["version", "reference"])
def test_with_another_build_of_python_parts_are_compared_with_each_other(other: Counts) -> None:
    reference = other.parts["reference"]

    def elsewhere(*multiples: float) -> Counts:
        parts = {name: round(each * reference) for name, each in zip("abcde", multiples, strict=True)}
        return Counts(other.python, {"reference": reference, **parts})

    recorded = counted(a=1000, b=1000, c=1000, d=1000, e=1000)
    assert counts.compare(elsewhere(1.19, 1.10, 1.08, 1.13, 0.95), recorded) == []
    assert counts.compare(elsewhere(1.10, 1.40, 1.08, 1.10, 0.95), recorded) == [
        "b: 1.27 × the recorded instructions"
    ]
    assert counts.compare(elsewhere(1.40, 1.40, 1.38, 1.40, 1.40), recorded) == [
        "most parts: 1.40 × the recorded instructions"
    ]


def test_the_build_of_python_is_told_by_the_reference() -> None:
    assert Counts("3.12.0", {"reference": 1010}).is_of_build(counted())
    assert not any(other.is_of_build(counted()) for other in OTHERS)


def test_every_part_does_its_work() -> None:
    names = []
    for part in micro.parts():
        part.call()
        names.append(part.name)
    assert len(names) == len(set(names))
