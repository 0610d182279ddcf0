"""What is written down holds facts, never content."""

from __future__ import annotations

import json

import pytest

from gateway.server import telemetry
from gateway.server.call import Call

SECRET = "john@example.com"


def test_a_bug_is_reported_by_type_and_place_only(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise KeyError(SECRET)
    except KeyError as bug:
        telemetry.report(bug, "relay", "01ID")
    told = json.loads(caplog.messages[-1])
    assert (told["bug"], told["phase"], told["request_id"]) == ("KeyError", "relay", "01ID")
    assert any("test_telemetry.py" in place for place in told["at"])
    assert SECRET not in caplog.text


def test_the_facts_of_a_request_are_numbers_and_names() -> None:
    call = Call(id="01ID", started_at=1.0, model=f"model-{SECRET}", entities={"EMAIL_ADDRESS": 2})
    told = telemetry.facts(call, 1.25)
    assert told["total_ms"] == 250
    assert told["entities"] == {"EMAIL_ADDRESS": 2}
    assert SECRET not in json.dumps(told)
