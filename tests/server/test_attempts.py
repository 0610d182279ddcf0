"""What happens when a provider fails: who is asked next, how often, and what the client and the log are told.

Providers here are raw sockets that do what a script says, or the simulator. `start` runs everything over
both ways to providers.
"""

from __future__ import annotations

import json

import pytest

from gateway.config import Key, Retries, Route, Secret
from gateway.simulator import Simulator
from tests.server.conftest import Start
from tests.server.running import CHAT, Header, asking, frame
from tests.server.scripted import (
    EMAIL,
    ERROR,
    QUICK,
    RESET,
    SAID,
    WHOLE,
    anthropic,
    both,
    fine,
    logged,
    nobody,
    provider,
    reply,
    scripted,
    streamed,
    text_of,
    told,
)

# --- the same provider again ------------------------------------------------------------------------------


@both
async def test_a_reset_before_the_answer_is_asked_again_and_told(
    start: Start, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async with scripted(RESET, fine(stream)) as it:
        gateway = await start(provider_url=it.url, retries=QUICK)
        answer = await gateway.chat("sim", EMAIL, stream=stream)
        assert text_of(answer, stream) == SAID
        assert told(answer) == {
            "Provider": "simulated",
            "Model": "sim",
            "Attempts": "2",
            "Maybe-Billed": "1",
        }
        facts = logged(caplog)
        assert (facts["attempts"], facts["maybe_billed"], facts["fallback"]) == (2, 1, None)
        assert it.requests[0] == it.requests[1]


@pytest.mark.parametrize("header", [("Retry-After", "0.05"), ("retry-after-ms", "50")], ids=["s", "ms"])
@both
async def test_a_rate_limit_is_waited_for(start: Start, stream: bool, header: Header) -> None:
    async with scripted(reply(429, headers=[header]), fine(stream)) as it:
        gateway = await start(provider_url=it.url, retries=QUICK)
        answer = await gateway.chat("sim", stream=stream)
        assert text_of(answer, stream) == SAID
        assert told(answer)["Attempts"] == "2"
        assert told(answer)["Maybe-Billed"] is None
        assert "Retry-After" not in answer.headers


@both
async def test_a_rate_limit_longer_than_the_time_left_goes_to_the_client(start: Start, stream: bool) -> None:
    async with scripted(reply(429, headers=[("Retry-After", "60")])) as it:
        gateway = await start(provider_url=it.url, retries=QUICK)
        answer = await gateway.chat("sim", stream=stream)
        assert answer.status == 429
        assert answer.headers["Retry-After"] == "60"
        assert answer.error["type"] == "server_error"
        assert it.asked == 1


async def test_it_is_asked_no_more_often_than_configured(start: Start) -> None:
    async with scripted(reply(503)) as it:
        gateway = await start(provider_url=it.url, retries=Retries(most=3, first_wait_s=0.001))
        answer = await gateway.chat("sim")
        assert (answer.status, it.asked, told(answer)["Attempts"]) == (503, 4, "4")


@pytest.mark.parametrize("number", [400, 413, 422])
async def test_what_the_request_is_at_fault_for_is_asked_once(start: Start, number: int) -> None:
    async with scripted(reply(number)) as it, scripted(fine(True)) as other:
        gateway = await start(
            provider_url=it.url,
            retries=QUICK,
            others=[provider("other", other.url)],
            routes=[Route(["chat"], ["simulated/m"], fallback=["other/m"])],
        )
        answer = await gateway.chat("chat")
        assert (answer.status, it.asked, other.asked) == (number, 1, 0)


async def test_the_provider_may_forbid_it(start: Start) -> None:
    async with scripted(reply(500, headers=[("x-should-retry", "false")])) as it:
        gateway = await start(provider_url=it.url, retries=QUICK)
        assert (await gateway.chat("sim")).status == 500
        assert it.asked == 1


@both
async def test_nothing_is_asked_twice_once_the_answer_has_begun(start: Start, stream: bool) -> None:
    cut = streamed(frame({"content": "All is"})) if stream else reply(200, WHOLE)[:-20]
    async with scripted(cut) as it, scripted(fine(stream)) as other:
        gateway = await start(
            provider_url=it.url,
            retries=QUICK,
            others=[provider("other", other.url)],
            routes=[Route(["chat"], ["simulated/m"], fallback=["other/m"] if stream else [])],
        )
        answer = await gateway.chat("chat", stream=stream)
        error = answer.stream_error if stream else answer.error
        assert error["type"] == "upstream_truncated"
        assert (it.asked, other.asked) == (1, 0)


# --- another provider -------------------------------------------------------------------------------------


@both
async def test_a_refused_connection_falls_back_and_costs_nothing(
    start: Start, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async with scripted(fine(stream)) as other:
        gateway = await start(
            provider_url=nobody(),
            retries=QUICK,
            others=[provider("other", other.url)],
            routes=[Route(["chat"], ["simulated/m"], fallback=["other/n"])],
        )
        answer = await gateway.chat("chat", stream=stream)
        assert text_of(answer, stream) == SAID
        assert told(answer) == {"Provider": "other", "Model": "n", "Attempts": "4", "Maybe-Billed": None}
        facts = logged(caplog)
        assert (facts["attempts"], facts["fallback"]) == (4, "other")


@both
async def test_after_three_failures_another_dialect_answers(
    start: Start, stream: bool, claude: Simulator
) -> None:
    async with scripted(reply(500)) as it:
        gateway = await start(
            provider_url=it.url,
            retries=QUICK,
            others=[anthropic(claude)],
            routes=[Route(["chat"], ["simulated/m"], fallback=["claude/sim:echo"])],
        )
        answer = await gateway.chat("chat", f"Write to {EMAIL} and {EMAIL}", stream=stream, max_tokens=100)
        assert text_of(answer, stream) == f"Write to {EMAIL} and {EMAIL}"
        assert told(answer)["Provider"] == "claude"
        assert told(answer)["Model"] == "sim:echo"
        assert it.asked == 3
        (asked,) = claude.requests
        assert asked.path.startswith("/v1/messages")
        # One redaction for all of them: the numbering is the same.
        for body in (*it.requests, asked.body):
            assert EMAIL.encode() not in body
            assert b"Write to [EMAIL_1] and [EMAIL_1]" in body


async def test_a_client_of_anthropic_falls_back_to_openai(start: Start, claude: Simulator) -> None:
    body = json.loads(asking("chat", EMAIL, stream=True, max_tokens=9))
    gateway = await start(
        others=[provider("down", nobody(), kind="anthropic", retries=Retries(most=0))],
        routes=[Route(["chat"], ["down/m"], fallback=["simulated/sim:echo"])],
    )
    answer = await gateway.post(json.dumps(body).encode(), "/v1/messages")
    assert answer.status == 200
    assert EMAIL.encode() in answer.body
    assert b"event: message_stop" in answer.body
    assert EMAIL.encode() not in gateway.simulator.requests[0].body


OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
OPENINGS = {
    "an error first": streamed(b"data: " + json.dumps(ERROR).encode() + b"\n\n"),
    "comments, then an error": streamed(b": hello\n\n", b"data: " + json.dumps(ERROR).encode() + b"\n\n"),
    "nothing": streamed(),
    "no stream": reply(200, b"<html>", kind="text/html"),
    "not JSON": streamed(b"data: {nonsense\n\n"),
}


@pytest.mark.parametrize("opening", OPENINGS.values(), ids=OPENINGS)
async def test_a_stream_that_opens_with_a_failure_falls_back(start: Start, opening: bytes) -> None:
    async with scripted(opening) as it, scripted(fine(True)) as other:
        gateway = await start(
            provider_url=it.url,
            others=[provider("other", other.url)],
            routes=[Route(["chat"], ["simulated/m"], fallback=["other/m"])],
        )
        answer = await gateway.chat("chat")
        assert text_of(answer, True) == SAID
        assert b"hello" not in answer.body
        assert (it.asked, other.asked) == (1, 1)


async def test_an_overloaded_first_event_in_another_dialect_falls_back(start: Start) -> None:
    opening = streamed(b"event: error\ndata: " + json.dumps(OVERLOADED).encode() + b"\n\n")
    async with scripted(opening) as it:
        claude = provider("claude", it.url, kind="anthropic", retries=Retries(most=0))
        gateway = await start(
            others=[claude], routes=[Route(["chat"], ["claude/m"], fallback=["simulated/sim:say"])]
        )
        answer = await gateway.chat("chat", max_tokens=9)
        assert text_of(answer, True) == "Of course — how can I help?"


@pytest.mark.parametrize("number", [401, 402, 403, 404])
async def test_a_wrong_key_or_model_there_is_no_reason_to_fail(start: Start, number: int) -> None:
    async with scripted(reply(number)) as it, scripted(fine(True)) as other:
        gateway = await start(
            provider_url=it.url,
            retries=QUICK,
            others=[provider("other", other.url)],
            routes=[Route(["chat"], ["simulated/m"], fallback=["other/m"])],
        )
        assert text_of(await gateway.chat("chat"), True) == SAID
        assert it.asked == 1


async def test_what_a_dialect_cannot_say_goes_to_one_that_can(start: Start, claude: Simulator) -> None:
    gateway = await start(
        others=[anthropic(claude)],
        routes=[Route(["chat"], ["claude/sim:say"], fallback=["simulated/sim:say"])],
    )
    answer = await gateway.chat("chat", max_tokens=9, n=2)  # Anthropic has no second choice
    assert answer.status == 200
    assert told(answer)["Provider"] == "simulated"
    assert not claude.requests


async def test_the_error_worth_coming_back_for_is_told(start: Start) -> None:
    async with scripted(reply(429, headers=[("Retry-After", "60")])) as it, scripted(reply(404)) as other:
        gateway = await start(
            provider_url=it.url,
            others=[provider("other", other.url)],
            routes=[Route(["chat"], ["simulated/m"], fallback=["other/m"])],
        )
        answer = await gateway.chat("chat")
        assert answer.status == 429
        assert answer.headers["Retry-After"] == "60"


async def test_a_callers_own_key_stays_with_the_first_provider(start: Start) -> None:
    async with scripted(reply(500)) as it, scripted(fine(True)) as other:
        gateway = await start(
            provider_url=it.url,
            retries=QUICK,
            others=[provider("other", other.url)],
            routes=[Route(["chat"], ["simulated/m", "other/m"], "weighted", fallback=["other/n"])],
        )
        own = [("X-Provider-API-Key", "sk-own")]
        for _ in range(2):
            answer = await gateway.post(asking("chat"), CHAT, own)
            assert answer.status == 500
        assert set(it.keys) == {"Bearer sk-own"}
        assert (it.asked, other.asked) == (6, 0)


async def test_a_key_keeps_to_the_providers_it_may_use(start: Start) -> None:
    async with scripted(fine(True)) as other:
        gateway = await start(
            provider_url=nobody(),
            others=[provider("other", other.url)],
            keys=[
                Key("a", Secret("sk-sluice-a"), providers=["simulated"]),
                Key("b", Secret("sk-sluice-b"), models=["chat"]),
                Key("c", Secret("sk-sluice-c"), models=["other/m"]),
                Key("d", Secret("sk-sluice-d"), models=["else"]),
            ],
            routes=[Route(["chat"], ["simulated/m"], fallback=["other/m"])],
        )
        statuses = {}
        for name in "abcd":
            key = [("Authorization", f"Bearer sk-sluice-{name}")]
            statuses[name] = (await gateway.post(asking("chat"), CHAT, key)).status
        assert statuses == {"a": 502, "b": 200, "c": 200, "d": 403}
