from __future__ import annotations

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


def test_another_build_of_python_is_compared_by_its_own_reference() -> None:
    slower = Counts("3.11.0", {"reference": 1500, "split": 750})
    assert counts.compare(slower, counted(split=500)) == []


def test_every_part_does_its_work() -> None:
    names = []
    for part in micro.parts():
        part.call()
        names.append(part.name)
    assert len(names) == len(set(names))
