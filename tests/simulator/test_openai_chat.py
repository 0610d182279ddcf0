"""The provider that tests, demo and benchmarks stand on: it says what it should, however it cuts it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from random import Random
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import simulator
from gateway.simulator import Reply, script

Json = dict[str, Any]
KEY = {"authorization": "Bearer any"}
TALK = [
    {"role": "system", "content": "Mind [IBAN_1]."},
    {"role": "user", "content": "Tell me about [PERSON_1] at bob@example.com, é."},
]
TEXT = "Of course — you asked about [IBAN_1], [PERSON_1], bob@example.com. What should happen to [IBAN_1]?"
MAIL = {
    "type": "function",
    "function": {
        "name": "mail",
        "parameters": {
            "type": "object",
            "properties": {"to": {"type": "string"}, "copies": {"type": "integer"}, "body": {}},
        },
    },
}
NOTE = {"type": "function", "function": {"name": "note", "parameters": {"properties": {"text": {}}}}}


def ask(model: str = "sim", **fields: Any) -> Json:
    return {"model": model, "messages": TALK, **fields}


def respond(request: Json) -> Reply:
    return simulator.respond("POST", "/v1/chat/completions", KEY, json.dumps(request).encode(), 1_700_000_000)


def body(request: Json) -> Json:
    found: Json = json.loads(b"".join(respond(request).writes))
    return found


def read(data: bytes) -> list[str]:
    """The payloads of an event stream, as a client that knows nothing else reads it."""
    blocks = re.split(r"\r\n\r\n|\n\n", data.decode())
    return [block.removeprefix("data: ") for block in blocks if block and not block.startswith(":")]


def chunks(data: bytes) -> list[Json]:
    return [json.loads(payload) for payload in read(data) if payload != "[DONE]"]


def assemble(found: list[Json], n: int = 1) -> list[Json]:
    """What a client makes of a stream: the choices of the body that would have come instead."""
    choices: list[Json] = [{"index": at, "finish_reason": None, "message": {}} for at in range(n)]
    for chunk in found:
        for choice in chunk["choices"]:
            whole = choices[choice["index"]]
            assert not whole["finish_reason"], "nothing may follow the finish"
            whole["finish_reason"] = choice["finish_reason"]
            for lane, piece in choice["delta"].items():
                if lane != "tool_calls":
                    whole["message"][lane] = (
                        piece if piece is None else (whole["message"].get(lane) or "") + piece
                    )
                    continue
                calls = whole["message"].setdefault("tool_calls", [])
                for fragment in piece:
                    if "id" in fragment:
                        assert fragment.pop("index") == len(calls)
                        calls.append(fragment)
                    else:
                        calls[fragment["index"]]["function"]["arguments"] += fragment["function"]["arguments"]
    return choices


def without_odds(choices: list[Json]) -> list[Json]:
    return [{key: value for key, value in choice.items() if key != "logprobs"} for choice in choices]


# --- laws ------------------------------------------------------------------------------------------


TEXTS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('[]"\\\r\n é…😀'), max_size=60)
SIZES = st.integers(1, 40) | st.just("random")
FLAGS = st.sampled_from("reasoning refusal logprobs crlf comments obfuscation no_done".split())


@st.composite
def models(draw: st.DrawFn) -> str:
    options: Json = {"seed": draw(st.integers(0, 9)), "escape": draw(st.integers(0, 2))}
    options |= dict.fromkeys(draw(st.sets(FLAGS)), 1)
    for name in draw(st.sets(st.sampled_from(["delta", "bytes"]))):
        options[name] = draw(SIZES)
    script = draw(st.sampled_from(["say", "echo", "tool", "long", "script"]))
    options |= {"text": draw(TEXTS), "tokens": draw(st.integers(0, 30)), "calls": draw(st.integers(1, 3))}
    return f"sim:{script}?{urlencode(options)}"


Cut = Callable[..., list[Any]]


def check_streamed_is_whole(model: str, text: str, n: int) -> None:
    talk = [*TALK, {"role": "user", "content": [{"type": "text", "text": text}]}]
    request = ask(model, messages=talk, n=n, tools=[MAIL, NOTE])
    whole = body(request)
    reply = respond({**request, "stream": True, "stream_options": {"include_usage": True}})
    found = chunks(b"".join(reply.writes))
    assert assemble(found, n) == without_odds(whole["choices"])
    assert [chunk["usage"] for chunk in found] == [None] * (len(found) - 1) + [whole["usage"]]
    assert found[-1]["choices"] == []
    assert {chunk["id"] for chunk in found} == {whole["id"]}


@given(models(), TEXTS, st.integers(1, 3))
def test_streamed_is_whole(model: str, text: str, n: int) -> None:
    check_streamed_is_whole(model, text, n)


def test_the_law_catches_a_lost_remainder(monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(whole: Any, size: Any, chance: Random) -> list[Any]:
        return [whole[at : at + size] for at in range(0, len(whole) - size + 1, size)]

    monkeypatch.setattr(script, "cut", cut)
    with pytest.raises(AssertionError):
        check_streamed_is_whole("sim:script?text=abcdef&delta=4", "", 1)


def check_cut(cut: Cut, whole: str | bytes, size: int | str) -> None:
    pieces = cut(whole, size, Random(1))
    assert whole[:0].join(pieces) == whole
    assert all(1 <= len(piece) <= (12 if size == "random" else int(size)) for piece in pieces)


@given(TEXTS | st.binary(max_size=60), SIZES)
def test_a_cut_loses_nothing(whole: str | bytes, size: int | str) -> None:
    check_cut(script.cut, whole, size)


def test_the_law_catches_an_overlap() -> None:
    def cut(whole: str, size: int, chance: Random) -> list[str]:
        return [whole[at : at + size + 1] for at in range(0, len(whole), size)]

    with pytest.raises(AssertionError):
        check_cut(cut, "abcdef", 2)


@given(TEXTS)
def test_tokens_lose_nothing(text: str) -> None:
    assert "".join(script.TOKEN.findall(text)) == text


@given(st.text(max_size=30) | models() | st.from_regex(r"sim(:\w+)?\?(\w*=[\w:.]*&?)*", fullmatch=True))
def test_any_model_name_is_answered_or_refused(model: str) -> None:
    reply = respond(ask(model, stream=True))
    assert reply.status in (200, 400, 404) or "fail=status" in model


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from("messages stream stream_options n tools tool_choice logprobs".split())


@given(st.dictionaries(FIELDS, JSON))
def test_any_request_is_answered_or_refused(fields: Json) -> None:
    assert respond(ask(**fields)).status in (200, 400)


@given(st.binary(max_size=40))
def test_any_body_is_refused(data: bytes) -> None:
    assert simulator.respond("POST", "/v1/chat/completions", KEY, data, 0).status == 400


# --- what it says ----------------------------------------------------------------------------------


def content(model: str, **fields: Any) -> Any:
    return body(ask(model, **fields))["choices"][0]["message"]["content"]


def test_say_mentions_whatever_was_redacted() -> None:
    assert content("sim:say") == content("sim") == TEXT
    assert content("sim", messages=[{"role": "user", "content": "Hi"}]) == "Of course — how can I help?"


def test_echo_repeats_the_last_user_message() -> None:
    parts = [{"type": "text", "text": "a "}, {"type": "image_url"}, {"type": "text", "text": "[EMAIL_1]"}]
    assert content("sim:echo") == TALK[1]["content"]
    assert content("sim:echo", messages=[*TALK, {"role": "user", "content": parts}]) == "a [EMAIL_1]"


def test_script_says_what_it_is_told() -> None:
    assert content("sim:script?text=" + quote("a+b & [EMAIL_1]")) == "a+b & [EMAIL_1]"


def test_long_streams_that_many_tokens() -> None:
    found = chunks(b"".join(respond(ask("sim:long?tokens=500", stream=True)).writes))
    assert len(found) == 1 + 500 + 1
    assert body(ask("sim:long?tokens=500"))["usage"]["completion_tokens"] == 500


def calls(model: str, **fields: Any) -> list[tuple[str, Json]]:
    message = body(ask(model, **fields))["choices"][0]["message"]
    found = [call["function"] for call in message["tool_calls"]]
    return [(call["name"], json.loads(call["arguments"])) for call in found]


def test_tool_calls_with_what_the_user_mentioned() -> None:
    mail = ("mail", {"to": "[PERSON_1]", "copies": 1, "body": "bob@example.com"})
    note = ("note", {"text": "[PERSON_1], bob@example.com"})
    assert calls("sim:tool", tools=[MAIL, NOTE]) == [mail]
    assert calls("sim:tool?calls=2&escape=2", tools=[MAIL, NOTE]) == [mail, note]
    assert calls("sim:tool?calls=3", tools=[NOTE]) == [note] * 3
    assert respond(ask("sim:tool")).status == 400


def test_a_tool_is_called_only_when_a_model_would() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "mail", "arguments": "{}"}}
    turn = [
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "sent to [EMAIL_7]"},
    ]
    assert calls("sim", tools=[MAIL])
    assert content("sim", tools=[MAIL], tool_choice="none") == TEXT
    assert "[EMAIL_7]" in content("sim", tools=[MAIL], messages=[*TALK, *turn])


def test_escapes_leave_nothing_readable() -> None:
    data = b"".join(respond(ask("sim:tool?escape=2", tools=[MAIL], stream=True)).writes)
    assert b"[PERSON_1]" not in data
    message = assemble(chunks(data))[0]["message"]
    assert message["tool_calls"][0]["function"]["arguments"].startswith(r'{"to":"\u005bPERSON_1\u005d"')
    assert data.isascii()


def test_probabilities_and_padding_come_on_request() -> None:
    found = chunks(b"".join(respond(ask("sim?obfuscation=1", stream=True, logprobs=True)).writes))
    token = found[1]["choices"][0]["logprobs"]["content"][0]
    assert (token["token"], bytes(token["bytes"])) == ("Of", b"Of")
    assert all(chunk["obfuscation"] for chunk in found)
    odds = body(ask(logprobs=True))["choices"][0]["logprobs"]["content"]
    assert "".join(it["token"] for it in odds) == TEXT


def test_choices_come_in_turn() -> None:
    found = chunks(b"".join(respond(ask("sim", n=3, stream=True)).writes))
    assert [chunk["choices"][0]["index"] for chunk in found[:7]] == [0, 1, 2, 0, 1, 2, 0]


def test_a_seed_makes_it_the_same_again() -> None:
    once, again = (respond(ask("sim?delta=random&bytes=random&seed=1", stream=True)) for _ in range(2))
    assert once.writes == again.writes
    assert respond(ask("sim?seed=2", stream=True)).writes != respond(ask("sim?seed=3", stream=True)).writes


def test_the_way_of_writing() -> None:
    plain = b"".join(respond(ask("sim?seed=1", stream=True)).writes)
    assert plain.endswith(b"}\n\ndata: [DONE]\n\n")
    crlf = b"".join(respond(ask("sim?seed=1&crlf=1&comments=1", stream=True)).writes)
    assert crlf.startswith(b": keep-alive\r\n\r\ndata: {")
    assert [it["choices"] for it in chunks(crlf)] == [it["choices"] for it in chunks(plain)]
    assert b"[DONE]" not in b"".join(respond(ask("sim?no_done=1", stream=True)).writes)
    cut = respond(ask("sim?seed=1&bytes=7", stream=True)).writes
    assert {len(data) for data in cut[:-1]} == {7}


# --- how it fails, before anything is sent ---------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "named"),
    [
        ("sim?colour=red", "colour"),
        ("sim?delta=0", "delta"),
        ("sim?crlf=maybe", "crlf"),
        ("sim?fail=fire", "fire"),
        ("sim?fail=status:200", "status:200"),
        ("sim?pace_ms", "pace_ms"),
        ("sim:sing", "sim:sing"),
        ("gpt-5", "gpt-5"),
    ],
)
def test_a_wrong_model_is_named(model: str, named: str) -> None:
    reply = respond(ask(model))
    error = json.loads(reply.writes[0])["error"]
    assert reply.status == (400 if "?" in model else 404)
    assert error["type"] == "invalid_request_error"
    assert named in error["message"]


def test_no_key_is_refused_first() -> None:
    reply = simulator.respond("POST", "/v1/chat/completions", {}, b"{", 0)
    assert (reply.status, json.loads(reply.writes[0])["error"]["code"]) == (401, "invalid_api_key")


def test_another_place_is_not_found() -> None:
    assert simulator.respond("GET", "/v1/chat/completions", KEY, b"", 0).status == 404
    assert simulator.respond("POST", "/v1/embeddings", KEY, b"", 0).status == 404


def spoilt(fail: str, stream: bool = True) -> tuple[Reply, list[str]]:
    reply = respond(ask(f"sim?seed=1&fail={fail}", stream=stream))
    return reply, read(b"".join(reply.writes))


@pytest.mark.parametrize("fail", ["error_mid", "truncate", "drop", "reset", "stall", "garbage", "malformed"])
@pytest.mark.parametrize("place", [None, 0, 1, 5])
def test_a_fault_comes_at_its_place(fail: str, place: int | None) -> None:
    _, whole = spoilt("")
    reply, found = spoilt(fail if place is None else f"{fail}:{place}")
    # The model's name stands in every chunk, so only the choices can be the same.
    said = [json.loads(it)["choices"] for it in whole[:-1]]
    at = (len(whole) - 1) // 2 if place is None else place
    assert [json.loads(it)["choices"] for it in found[:at]] == said[:at]
    if fail == "malformed":
        with pytest.raises(json.JSONDecodeError):
            json.loads(found[at])
        assert [json.loads(it)["choices"] for it in found[at + 1 : -1]] == said[at:]
    elif fail == "error_mid":
        assert TALK[1]["content"] in json.loads(found[at])["error"]["message"]
        assert found[at + 1 :] == []
    else:
        assert found[at:] == []
    assert reply.fail.startswith(fail)


@pytest.mark.parametrize("fail", ["drop", "reset", "stall", "garbage", "truncate"])
def test_a_body_that_breaks_has_announced_more(fail: str) -> None:
    reply, _ = spoilt(fail, stream=False)
    assert reply.length_bytes is not None
    assert 0 < len(b"".join(reply.writes)) < reply.length_bytes
    assert reply.fail == ("drop" if fail == "truncate" else fail)


def test_errors_repeat_the_prompt() -> None:
    for status, kind in ((429, "requests"), (503, "server_error"), (400, "invalid_request_error")):
        reply = respond(ask(f"sim?fail=status:{status}", stream=True))
        error = json.loads(reply.writes[0])["error"]
        assert (reply.status, error["type"]) == (status, kind)
        assert TALK[1]["content"] in error["message"]
    assert json.loads(spoilt("error_first", stream=False)[0].writes[0])["error"]
    assert [*json.loads(spoilt("error_first")[1][0])] == ["error"]


def test_answers_of_another_kind() -> None:
    assert spoilt("html")[0].content_type.startswith("text/html")
    assert spoilt("empty")[0].writes == []
    reply = respond(ask("sim?fail=json", stream=True))
    assert json.loads(b"".join(reply.writes))["choices"][0]["message"]["content"] == TEXT
    malformed = respond(ask("sim?fail=malformed"))
    assert malformed.length_bytes == len(b"".join(malformed.writes))
    with pytest.raises(json.JSONDecodeError):
        json.loads(b"".join(malformed.writes))
