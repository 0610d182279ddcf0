"""What is remembered of texts: the same is found as without, each policy's own, and no text is kept."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.privacy import remembered
from gateway.privacy.actions import IN_ANSWERS, IN_REQUESTS, Actions, actions
from gateway.privacy.findings import finished
from gateway.privacy.redact import Ahead, redact_request
from gateway.privacy.remembered import Kept, Remembered, Scanned, scan_text_in_steps
from gateway.privacy.vault import Vault
from tests.privacy import texts

POLICIES = [actions({}, IN_REQUESTS), actions({}, IN_ANSWERS), actions({"*": "flag"}, IN_REQUESTS)]
# One memory for all tests and policies, so that what one leaves behind could mislead another.
KNOWN: dict[bytes, Kept] = {}
MEMORIES = [Remembered(policy, bytes([number]) * 32, KNOWN) for number, policy in enumerate(POLICIES)]
CONTEXTS = ["", "password: ", "phone: "]
LONG = "Write to john@example.com about card 4111 1111 1111 1111, please."


def found(policy: Actions, text: str, context: str) -> Scanned:
    return finished(scan_text_in_steps(text, context, policy))


@settings(max_examples=60)
@given(text=texts.texts, context=st.sampled_from(CONTEXTS), again=st.integers(1, 2))
def test_the_same_is_found_as_without(text: str, context: str, again: int) -> None:
    for _ in range(again):
        for policy, memory in zip(POLICIES, MEMORIES, strict=True):
            assert memory.scanned(text, context) == found(policy, text, context)


@settings(max_examples=40)
@given(text=texts.texts)
def test_a_request_is_redacted_as_without(text: str) -> None:
    for policy, memory in zip(POLICIES, MEMORIES, strict=True):
        outcomes = []
        for ahead in (Ahead(), Ahead(remembered=memory), Ahead(remembered=memory)):
            body = {"content": text, "password": text}
            counts = redact_request(body, lambda *_: "text", Vault(), policy=policy, ahead=ahead)
            outcomes.append((body, counts, counts.places))
        assert outcomes[0] == outcomes[1] == outcomes[2]


def test_a_text_behind_another_context_is_another() -> None:
    text, memory = "hunter2hunter2 is what they wrote down for us", MEMORIES[0]
    for context in CONTEXTS:
        assert memory.scanned(text, context) == found(POLICIES[0], text, context)
    assert memory.scanned(text[1:], text[0]) == found(POLICIES[0], text[1:], text[0])


def test_a_memory_without_keys_would_mix_policies() -> None:
    known: dict[bytes, Kept] = {}
    first, other = (Remembered(policy, b"same", known) for policy in POLICIES[:2])
    first.scanned(LONG, "")
    assert other.scanned(LONG, "") != found(POLICIES[1], LONG, "")


def test_no_text_is_kept_and_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "_MOST_TEXTS", 4)
    known: dict[bytes, Kept] = {}
    memory = Remembered(POLICIES[0], b"key", known)
    for number in range(9):
        memory.scanned(f"{LONG} {number}", "")
        assert len(known) <= 4
    assert all(len(digest) == 16 for digest in known)
    assert "john" not in repr(known)
    memory.scanned("john@example.com " * 100, "")
    assert all(len(each) < 3 * 100 for each in known.values())
