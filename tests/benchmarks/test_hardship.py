"""The fuzz and the soak: short ones find nothing, and what they look for they find."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from benchmarks import attacks, fuzz, soak
from benchmarks.attacks import Attack
from tests.conftest import ROOT

TEXT = soak.answer_text("a@b.example", "4111 1111 1111 1111", 2)


def test_an_attack_is_the_same_again() -> None:
    made = [attacks.make(number, 7) for number in range(300)]
    assert [each.parts for each in made] == [attacks.make(number, 7).parts for number in range(300)]
    assert len({each.kind for each in made}) >= 9
    assert attacks.junk(5, stream=True) == attacks.junk(5, stream=True)


@pytest.mark.timeout(300)
async def test_a_short_fuzz_finds_nothing() -> None:
    outcome = await fuzz.run(400, 2, lambda *_: None)
    assert not outcome.faults
    assert sum(outcome.asked.values()) == 400
    assert outcome.reached > 0


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (b"HTTP/1.1 500 No\r\n\r\n", "status 500"),
        (b'HTTP/1.1 200 OK\r\n\r\ndata: {"error":{"type":"internal_error"}}', "internal_error"),
        (b"", "closed without an answer"),
        (b"HTTP/1.1 400 No\r\n\r\n", None),
    ],
)
async def test_the_fuzz_sees_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, answer: bytes, fault: str | None
) -> None:
    async def said(*_: object) -> bytes:
        return answer

    monkeypatch.setattr(fuzz, "send", said)
    assert await fuzz._judge(Attack("odd fields", "", [b""]), 0, 0, fuzz.Outcome()) == fault


def test_the_fuzz_sees_memory_grow() -> None:
    assert fuzz._growth([100] * 40) is None
    assert fuzz._growth([*range(100, 300)]) is not None


SHORT_SOAK = """
import asyncio
from benchmarks import soak
outcome = asyncio.run(soak.run(0.04, 3, lambda *_: None, load=0.2))
assert not outcome.faults, outcome.faults
assert outcome.answers["streamed"] > 0 and outcome.events > 0, outcome
"""


@pytest.mark.timeout(300)
def test_a_short_soak_finds_nothing() -> None:
    # In a process of its own: clients and providers that fail leave sockets behind, which end with it.
    done = subprocess.run([sys.executable, "-c", SHORT_SOAK], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def stream(*events: Any, end: bytes = b"data: [DONE]\n\n") -> bytes:
    data = b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in events) + end
    return b"HTTP/1.1 200 OK\r\n\r\n" + b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data)


def says(text: str) -> dict[str, Any]:
    return {"choices": [{"delta": {"content": text}}]}


@pytest.mark.parametrize(
    ("answer", "how", "is_wrong"),
    [
        (stream(says(TEXT)), "streamed", False),
        (stream({"type": "content_block_delta", "delta": {"text": TEXT}}, {"type": "message_stop"}, end=b""), "streamed", False),
        (stream(says(TEXT[:9]), {"error": {"type": "x"}}), "failed", False),
        (stream(says("Dear [EMAIL_1], ab"), {"error": {"type": "x"}}), "wrong", True),
        (stream(says("Dear a@b.example, about [CREDIT_C"), {"error": {"type": "x"}}), "failed", False),
        (stream(says("Dear c@b.example")), "wrong", True),
        (stream(says(TEXT[:-1])), "streamed", True),
        (stream(says(TEXT), end=b""), "cut", True),
        (b"HTTP/1.1 502 No\r\n\r\n{\"error\":{}}", "error", False),
        (b"HTTP/1.1 500 No\r\n\r\n{\"error\":{}}", "error", True),
        (b"", "error", True),
    ],
)  # fmt: skip
def test_the_soak_reads_every_character(answer: bytes, how: str, is_wrong: bool) -> None:
    ended, fault = soak._judged(answer, TEXT, stream=True, refused=False)
    assert (ended, fault is not None) == (how, is_wrong)


def test_the_soak_sees_memory_drift() -> None:
    assert soak._drift([100] * 30) is None
    assert soak._drift([100] * 100) == 1.0
    drift = soak._drift([100 + at // 4 for at in range(200)])
    assert drift is not None
    assert drift > 1.05
