"""What happens when a provider fails: who is asked next, how often, and what the client and the log are told.

Providers here are raw sockets that do what a script says, or the simulator. `start` runs everything over
both ways to providers.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket
import struct
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

from gateway import simulator
from gateway.config import CircuitBreaker, Key, Provider, Retries, Route, Secret, Timeouts
from gateway.guard.policy import Policy
from gateway.guard.topics import Topic, Topics
from gateway.server.reload import CURRENT
from gateway.simulator import Simulator
from tests.server.conftest import Start
from tests.server.running import CHAT, DONE, NEVER, Answer, Header, Pair, asking, frame

QUICK = Retries(most=2, first_wait_s=0.01)
EMAIL = "bob.stone@example.org"
SAID = "All is well."
WHOLE = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": SAID}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
}
ERROR = {"error": {"message": "The engine is overloaded.", "type": "server_error", "code": "overloaded"}}
RESET = b""


def reply(
    status: int, body: Any = ERROR, headers: Iterable[Header] = (), kind: str = "application/json"
) -> bytes:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Type: {kind}", f"Content-Length: {len(raw)}"]
    lines += ["Connection: close", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode() + raw


def streamed(*frames: bytes) -> bytes:
    return reply(200, b"".join(frames), kind="text/event-stream")


def fine(stream: bool) -> bytes:
    return streamed(frame({"content": SAID}), frame({}, "stop"), DONE) if stream else reply(200, WHOLE)


@dataclass
class Scripted:
    """A provider that answers each request with the next thing of its script, and the last one for good."""

    url: str
    script: list[bytes]
    requests: list[bytes] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    @property
    def asked(self) -> int:
        return len(self.requests)


@contextlib.asynccontextmanager
async def scripted(*script: bytes) -> AsyncIterator[Scripted]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            headers = {
                name.lower(): value
                for name, _, value in (line.partition(": ") for line in head.split("\r\n"))
            }
            it.requests.append(await reader.readexactly(int(headers["content-length"])))
            it.keys.append(headers.get("authorization", ""))
            said = it.script.pop(0) if len(it.script) > 1 else it.script[0]
            if said == RESET:
                writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
                writer.transport.abort()
                return
            writer.write(said)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    it = Scripted(f"http://127.0.0.1:{port}/v1", [*script])
    async with server:
        yield it


def nobody() -> str:
    """A place where connections are refused."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}/v1"


@pytest.fixture
async def claude() -> AsyncIterator[Simulator]:
    """A provider that speaks Anthropic's dialect."""
    sim = await simulator.start()
    yield sim
    await sim.close()


def provider(name: str, url: str, **more: Any) -> Provider:
    more = {"api_key": Secret(f"key-of-{name}"), "retries": QUICK, "breaker": NEVER, **more}
    return Provider(name=name, base_url=url, models=["nothing"], **more)


def anthropic(sim: Simulator) -> Provider:
    return provider("claude", sim.origin, kind="anthropic")


def text_of(answer: Answer, stream: bool) -> str:
    if not stream:
        return str(answer.json()["choices"][0]["message"]["content"])
    choices = [choice for event in answer.events for choice in event["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


def told(answer: Answer) -> dict[str, str | None]:
    names = ("Provider", "Model", "Attempts", "Maybe-Billed")
    return {name: answer.headers.get(f"X-Sluice-{name}") for name in names}


def logged(caplog: pytest.LogCaptureFixture) -> dict[str, Any]:
    """The last request's facts."""
    found: dict[str, Any] = caplog.get_records("call")[-1].__dict__["facts"]
    return found


both = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])


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


# --- which of several -------------------------------------------------------------------------------------


async def test_weights_are_kept(start: Start, claude: Simulator) -> None:
    gateway = await start(
        others=[anthropic(claude)],
        routes=[Route(["chat"], ["simulated/sim:say", "claude/sim:say"], "weighted", [3, 1])],
    )
    for _ in range(8):
        assert (await gateway.chat("chat", max_tokens=9)).status == 200
    assert len(gateway.simulator.requests) == 6
    assert len(claude.requests) == 2


async def test_a_pattern_keeps_the_models_name(start: Start) -> None:
    gateway = await start(models=["nothing"], routes=[Route(["sim*"], ["simulated/*"])])
    answer = await gateway.chat("sim:say")
    assert answer.status == 200
    assert gateway.saw["model"] == "sim:say"


async def test_a_request_that_names_the_provider_takes_no_route(start: Start) -> None:
    async with scripted(fine(True)) as other:
        gateway = await start(
            others=[provider("other", other.url)], routes=[Route(["*", "sim"], ["other/m"])]
        )
        assert (await gateway.chat("simulated/sim:say")).headers["X-Sluice-Provider"] == "simulated"
        answer = await gateway.post(asking("sim"), "/v1/simulated/chat/completions")
        assert answer.headers["X-Sluice-Provider"] == "simulated"
        assert (await gateway.chat("sim")).headers["X-Sluice-Provider"] == "other"


async def test_routes_are_listed_as_models(start: Start) -> None:
    gateway = await start(models=["sim"], routes=[Route(["chat", "gpt-*"], ["simulated/sim"])])
    models = (await gateway.post(b"", "/v1/models", method="GET")).json()["data"]
    assert {each["id"]: each["owned_by"] for each in models} == {"sim": "simulated", "chat": "simulated"}


@pytest.mark.parametrize("number", [401, 429])
async def test_another_key_of_the_provider_is_asked_at_once(start: Start, number: int) -> None:
    """Nobody waits an hour where another key can answer now; and who is at rest is asked last."""
    async with scripted(reply(number, headers=[("Retry-After", "3600")]), fine(True)) as it:
        keys = [Secret("key-1"), Secret("key-2")]
        two = provider("two", it.url, api_key=None, api_keys=keys)
        gateway = await start(others=[two], routes=[Route(["chat"], ["two/m"])])
        assert text_of(await gateway.chat("chat"), True) == SAID
        assert it.keys == ["Bearer key-1", "Bearer key-2"]
        for _ in range(3):
            assert (await gateway.chat("chat")).status == 200
        if number == 429:
            assert set(it.keys[2:]) == {"Bearer key-2"}


async def test_requests_are_spread_over_keys(start: Start) -> None:
    async with scripted(fine(True)) as it:
        three = provider("three", it.url, api_keys=[Secret("key-2"), Secret("key-3")])
        gateway = await start(others=[three], routes=[Route(["chat"], ["three/m"])])
        for _ in range(6):
            await gateway.chat("chat")
        assert sorted(it.keys) == sorted(["Bearer key-of-three", "Bearer key-2", "Bearer key-3"] * 2)


async def test_the_quickest_is_preferred(start: Start) -> None:
    async with scripted(fine(True)) as other:
        gateway = await start(
            others=[provider("other", other.url)],
            routes=[Route(["chat"], ["simulated/sim:say?fail=slow_head:0.2", "other/m"], "least-latency")],
        )
        for _ in range(5):
            assert (await gateway.chat("chat")).status == 200
        assert len(gateway.simulator.requests) == 1
        assert other.asked == 4


# --- the breaker ------------------------------------------------------------------------------------------


async def test_a_failing_provider_is_given_a_rest_and_then_one_try(start: Start) -> None:
    async with scripted(*[reply(500)] * 3, fine(True)) as it:
        gateway = await start(
            provider_url=it.url, breaker=CircuitBreaker(failures=3, window_s=60, rest_s=0.3)
        )
        for _ in range(3):
            assert (await gateway.chat("sim")).error["type"] == "server_error"
        answer = await gateway.chat("sim")
        assert answer.status == 503
        assert answer.error["code"] == "CIRCUIT_OPEN"
        assert answer.headers["Retry-After"] == "1"
        assert it.asked == 3
        await asyncio.sleep(0.35)
        assert text_of(await gateway.chat("sim"), True) == SAID
        assert text_of(await gateway.chat("sim"), True) == SAID
        assert it.asked == 5


async def test_a_failed_try_is_another_rest(start: Start) -> None:
    async with scripted(reply(500)) as it:
        gateway = await start(
            provider_url=it.url, retries=QUICK, breaker=CircuitBreaker(failures=2, window_s=60, rest_s=0.2)
        )
        await gateway.chat("sim")
        assert it.asked == 2  # the third attempt was not admitted
        await asyncio.sleep(0.25)
        await gateway.chat("sim")
        assert it.asked == 3
        assert (await gateway.chat("sim")).error["code"] == "CIRCUIT_OPEN"
        assert it.asked == 3


async def test_requests_go_past_a_provider_at_rest(start: Start) -> None:
    async with scripted(reply(500)) as it, scripted(fine(True)) as other:
        gateway = await start(
            provider_url=it.url,
            breaker=CircuitBreaker(failures=2, window_s=60, rest_s=60),
            others=[provider("other", other.url)],
            routes=[Route(["chat"], ["simulated/m"], fallback=["other/m"])],
        )
        for _ in range(5):
            assert text_of(await gateway.chat("chat"), True) == SAID
        assert (it.asked, other.asked) == (2, 5)
        assert told(await gateway.chat("chat"))["Attempts"] is None


async def test_refusals_open_no_breaker(start: Start) -> None:
    async with scripted(reply(400), reply(429), reply(401), fine(True)) as it:
        gateway = await start(provider_url=it.url, breaker=CircuitBreaker(failures=1, rest_s=60))
        statuses = [(await gateway.chat("sim")).status for _ in range(4)]
        assert statuses == [400, 429, 401, 200]


async def test_answers_that_break_off_open_it_too(start: Start) -> None:
    async with scripted(streamed(frame({"content": "All is"}))) as it:
        gateway = await start(provider_url=it.url, breaker=CircuitBreaker(failures=2, rest_s=60))
        for _ in range(2):
            assert (await gateway.chat("sim")).stream_error["type"] == "upstream_truncated"
        assert (await gateway.chat("sim")).error["code"] == "CIRCUIT_OPEN"
        assert it.asked == 2


# --- once something has gone to the client ----------------------------------------------------------------


async def test_after_a_keepalive_nobody_else_is_asked(start: Start) -> None:
    async with scripted(fine(True)) as other:
        gateway = await start(
            keepalive_after_s=0.05,
            retries=QUICK,
            timeouts=Timeouts(first_byte_s=0.3),
            others=[provider("other", other.url)],
            routes=[Route(["chat"], ["simulated/sim:say?fail=stall:head"], fallback=["other/m"])],
        )
        answer = await gateway.chat("chat")
        assert answer.body.startswith(b":")
        assert answer.stream_error["type"] == "provider_timeout"
        assert other.asked == 0


async def test_a_wait_may_be_bridged_by_keepalives(start: Start) -> None:
    """The failure came before anything had gone out; what follows the comment is the second answer."""
    async with scripted(reply(500), fine(True)) as it:
        gateway = await start(
            provider_url=it.url, keepalive_after_s=0.3, retries=Retries(most=1, first_wait_s=1.2)
        )
        answer = await gateway.chat("sim")
        assert answer.body.startswith(b":")
        assert text_of(answer, True) == SAID
        assert it.asked == 2


async def test_a_second_failure_after_a_keepalive_is_told_in_the_stream(start: Start) -> None:
    async with scripted(streamed(b"data: " + json.dumps(ERROR).encode() + b"\n\n"), reply(500)) as it:
        gateway = await start(
            provider_url=it.url, keepalive_after_s=0.3, retries=Retries(most=5, first_wait_s=1.2)
        )
        answer = await gateway.chat("sim")
        assert answer.stream_error["type"] == "server_error"
        assert it.asked == 2


async def test_leaving_while_waiting_asks_nobody(start: Start) -> None:
    async with scripted(reply(500)) as it:
        gateway = await start(provider_url=it.url, retries=Retries(most=5, first_wait_s=5))
        async with gateway.connect() as connection:
            connection.request(asking("sim"), CHAT)
            while not it.asked:
                await asyncio.sleep(0.01)
            connection.leave()
        await asyncio.sleep(0.05)
        assert it.asked == 1
        assert gateway_of(gateway).capacity.requests == 0


def gateway_of(pair: Pair) -> Any:
    return pair.runner.app[CURRENT].gateway


async def test_what_judges_whole_answers_begins_anew_with_each(start: Start) -> None:
    """The answer is held until it is judged; the first candidate's breaks off before that."""
    policy = Policy("default", topics=Topics([Topic("zoo", ["zebra"])]), hold="answer")
    async with (
        scripted(streamed(frame({"content": "A zebra, and"}))) as it,
        scripted(fine(True)) as good,
        scripted(streamed(frame({"content": "A zebra."}), frame({}, "stop"), DONE)) as bad,
    ):
        gateway = await start(
            provider_url=it.url,
            policies=[policy],
            others=[provider("good", good.url), provider("bad", bad.url)],
            routes=[
                Route(["chat"], ["simulated/m"], fallback=["good/m"]),
                Route(["zoo"], ["simulated/m"], fallback=["bad/m"]),
            ],
        )
        answer = await gateway.chat("chat")
        assert text_of(answer, True) == SAID
        assert b"zebra" not in answer.body
        refused = await gateway.chat("zoo")
        assert refused.status == 400
        assert refused.error["type"] == "policy_violation"
        assert it.asked == 2


# --- nothing is left --------------------------------------------------------------------------------------

FATES = ["sim:say", "sim:long?tokens=40&pace_ms=1", "sim:say?fail=slow_head:0.02"]
FATES += [f"sim:say?fail={fail}" for fail in ("error_first", "error_mid", "html", "empty", "truncate:2")]
FATES += [f"sim:say?fail={fail}:head" for fail in ("drop", "reset", "stall", "garbage")]
FATES += [f"sim:say?fail=status:{status}" for status in (400, 401, 429, 500, 503)]


async def test_whatever_happens_each_gets_one_answer_and_nothing_is_left(
    start: Start, claude: Simulator
) -> None:
    gateway = await start(
        retries=Retries(most=1, first_wait_s=0.005),
        timeouts=Timeouts(first_byte_s=0.5, idle_s=0.3),
        keepalive_after_s=0.2,
        others=[anthropic(claude)],
        routes=[
            Route(
                [f"fate{at}"],
                [f"simulated/{fate}", "claude/sim:say"],
                "weighted",
                fallback=["claude/sim:echo"],
            )
            for at, fate in enumerate(FATES)
        ],
    )
    chance = random.Random(7)
    ends: list[bool] = []

    async def live() -> None:
        model = f"fate{chance.randrange(len(FATES))}"
        stream, leaves = chance.random() < 0.7, chance.random() < 0.25
        async with gateway.connect() as connection:
            connection.request(asking(model, EMAIL, stream=stream, max_tokens=50), CHAT)
            if leaves:
                await asyncio.sleep(chance.random() * 0.05)
                connection.leave()
                return
            answer = await connection.rest(await connection.head())
            ends.append(answer.ended)
            if stream and answer.status == 200:
                assert answer.body.count(b"[DONE]") == 1
            assert answer.status in (200, 400)  # all else falls back

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for _ in range(80):
            group.create_task(live())
    assert all(ends)
    shared = gateway_of(gateway)
    while shared.capacity.requests:
        await asyncio.sleep(0.01)
    assert shared.capacity.memory_bytes == 0
    assert {each.under_way for each in shared.standing.balance._known.values()} == {0}
    assert EMAIL.encode() not in b"".join(it.body for it in (*gateway.simulator.requests, *claude.requests))
