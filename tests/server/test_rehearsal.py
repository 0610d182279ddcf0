"""The rehearsal does what a chat does, and leaves no trace of it."""

from __future__ import annotations

import pytest

from gateway.config import Config
from gateway.config.weights import detector
from gateway.errors import PolicyViolation
from gateway.guard.policy import Policy
from gateway.privacy.vault import Vault
from gateway.server import rehearsal
from gateway.server.protection import Protections
from gateway.stream import ResponseStream


def test_values_are_hidden_and_the_answer_is_whole_again(monkeypatch: pytest.MonkeyPatch) -> None:
    hidden: list[str] = []
    said: list[bytes] = []

    class Watched(ResponseStream):
        def feed(self, data: bytes) -> bytes:
            said.append(super().feed(data))
            return said[-1]

    def hide(self: Vault, *args: object) -> str:
        hidden.append(original(self, *args))  # type: ignore[arg-type]
        return hidden[-1]

    original = Vault.hide
    monkeypatch.setattr(Vault, "hide", hide)
    monkeypatch.setattr(rehearsal, "ResponseStream", Watched)
    rehearsal.rehearse(Protections(Config()), detector(), 1)
    assert "[EMAIL_1]" in hidden
    assert b"data: [DONE]" in b"".join(said)
    assert not any(b"[EMAIL" in each for each in said)


def test_a_policy_that_refuses_what_is_rehearsed_with_is_no_failure() -> None:
    protections = Protections(Config(policies=[Policy("default", request={"EMAIL": "block"})]))
    with pytest.raises(PolicyViolation):
        rehearsal._chat(protections.first, protections, detector())
    rehearsal.rehearse(protections, detector(), 2)


def test_nothing_of_it_is_remembered() -> None:
    protections = Protections(Config())
    rehearsal.rehearse(protections, detector(), 1)
    assert not protections._scanned
