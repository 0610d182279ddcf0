"""Every dialect says the same: streamed it is what the body holds, and each failure has the dialect's own form."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.simulator import SCRIPTS
from tests.simulator.dialects import BY_NAME, DIALECTS, OLD, SCHEMA, Dialect, Json, frames, sse

ALL = [*DIALECTS, OLD]
SIZES = st.integers(1, 40) | st.just("random")
TEXTS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from('[]"\\ é…😀'), min_size=1, max_size=40
)
SPOKEN = [it for it in SCRIPTS if it not in ("tool", "parallel", "zero")]
each = pytest.mark.parametrize("dialect", DIALECTS, ids=lambda it: it.name)
every = pytest.mark.parametrize("dialect", ALL, ids=lambda it: it.name)


@st.composite
def models(draw: st.DrawFn) -> str:
    options: Json = {"seed": draw(st.integers(0, 9)), "escape": draw(st.integers(0, 2))}
    flags = st.sampled_from("reasoning hidden refusal logprobs crlf comments obfuscation no_done".split())
    options |= dict.fromkeys(draw(st.sets(flags)), 1)
    for name in draw(st.sets(st.sampled_from(["delta", "bytes"]))):
        options[name] = draw(SIZES)
    options |= {"text": draw(TEXTS), "tokens": draw(st.integers(0, 30)), "cached": draw(st.integers(0, 9))}
    return f"sim:{draw(st.sampled_from(SPOKEN))}?{urlencode(options)}"


def check_streamed_is_whole(dialect: Dialect, model: str, text: str) -> None:
    request = dialect.ask(model, "." + text)
    whole = dialect.whole(model, request)
    assert dialect.text(dialect.streamed(model, request)) == dialect.said(whole)


@every
@settings(max_examples=25)
@given(model=models(), text=TEXTS)
def test_streamed_is_whole(dialect: Dialect, model: str, text: str) -> None:
    if dialect.host == "azure" and "sim:safety" in model:
        return  # a blocked choice has no message
    check_streamed_is_whole(dialect, model, text)


def test_the_law_catches_a_lost_piece() -> None:
    messages = BY_NAME["messages"]
    lossy = Dialect(**{**vars(messages), "read": lambda data: messages.read(data)[:-4]})
    with pytest.raises(AssertionError):
        check_streamed_is_whole(lossy, "sim:echo", "Hello")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(
    "messages input contents system tools toolConfig generationConfig inferenceConfig tool_choice thinking "
    "output_config text response_format systemInstruction stop stop_sequences prompt instructions".split()
)


@every
@settings(max_examples=40)
@given(fields=st.dictionaries(FIELDS, JSON, max_size=3), stream=st.booleans())
def test_any_request_is_answered_or_refused(dialect: Dialect, fields: Json, stream: bool) -> None:
    reply = dialect.respond("sim", dialect.ask("sim", **fields), stream=stream)
    assert reply.status in (200, 400)


PIECES = st.recursive(
    st.sampled_from(["user", "assistant", "model", "tool", "", "x", None, 1, "message", "text", "reasoning"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "role content parts type text id input toolUse toolUseId toolResult functionCall "
                "functionResponse name args response tool_calls function_call call_id source inlineData "
                "image thinking signature data reasoningContent reasoningText summary encrypted_content".split()
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@each
@settings(max_examples=60)
@example(turns=[{"role": []}])
@example(turns=[{"role": "user", "content": [{"type": []}]}])
@example(turns=[{"type": "function_call_output", "call_id": []}])
@given(turns=st.lists(PIECES, max_size=3))
def test_any_history_is_answered_or_refused(dialect: Dialect, turns: list[Any]) -> None:
    request = dialect.ask("sim")
    name = next(it for it in ("messages", "input", "contents") if it in request)
    request[name] = turns
    assert dialect.respond("sim:thinking", request).status in (200, 400)


# --- failures --------------------------------------------------------------------------------------


@every
@pytest.mark.parametrize("fail", ["error_mid:2", "error_first"])
def test_an_error_in_a_stream_has_the_dialects_form(dialect: Dialect, fail: str) -> None:
    model = f"sim:echo?seed=1&fail={fail}"
    found = dialect.streamed(model)
    last = found[-1]
    assert len(found) == (3 if fail == "error_mid:2" else 1)
    if dialect.name == "converse" or dialect.name == "invoke":
        assert "bob@example.com" in last["internalServerException"]["message"]
    elif dialect.host in ("anthropic", "vertex") and "type" in last:
        assert (last["type"], last["error"]["type"]) == ("error", "overloaded_error")
    elif dialect.name == "responses":
        assert (last["type"], last["sequence_number"]) == ("response.failed", len(found) - 1)
        assert "bob@example.com" in last["response"]["error"]["message"]
    else:
        assert "bob@example.com" in last["error"]["message"]


@every
@pytest.mark.parametrize("fail", ["truncate:3", "drop:3", "reset:3", "stall:3", "garbage:3"])
def test_a_break_leaves_what_came_before(dialect: Dialect, fail: str) -> None:
    whole, broken = (dialect.respond(f"sim:echo?seed=1&fail={it}") for it in ("", fail))
    assert len(broken.writes) == 3
    assert len(whole.writes) > 3
    assert broken.fail == fail


@every
def test_malformed_is_json_that_breaks_off(dialect: Dialect) -> None:
    reply = dialect.respond("sim:echo?seed=1&fail=malformed:2")
    with pytest.raises(ValueError, match="line"):
        dialect.read(b"".join(reply.writes))


@every
@pytest.mark.parametrize("status", [400, 429, 503])
def test_a_status_comes_in_the_providers_envelope(dialect: Dialect, status: int) -> None:
    reply = dialect.respond(f"sim?fail=status:{status}")
    body = json.loads(reply.writes[0])
    assert reply.status == status
    message = body.get("message") or body["error"]["message"]
    assert "bob@example.com" in message
    if dialect.host == "bedrock":
        names = {400: "ValidationException", 429: "ThrottlingException", 503: "ServiceUnavailableException"}
        assert reply.headers["x-amzn-errortype"].startswith(f"{names[status]}:http")
        assert [*body] == ["message"]
    elif dialect.name in ("gemini", "gemini-array", "vertex"):
        kinds = {400: "INVALID_ARGUMENT", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}
        assert (body["error"]["code"], body["error"]["status"]) == (status, kinds[status])
        assert ("details" in body["error"]) is (status == 429)
    elif status == 429:
        assert reply.headers["retry-after"] == "1"


@every
def test_answers_of_another_kind(dialect: Dialect) -> None:
    assert dialect.respond("sim:echo?fail=html").content_type.startswith("text/html")
    assert dialect.respond("sim:echo?fail=empty").writes == []
    whole = dialect.respond("sim:echo?fail=json")
    assert whole.content_type.startswith("application/json")
    assert dialect.said(json.loads(b"".join(whole.writes))) == "Hi bob@example.com"


@every
def test_a_seed_makes_it_the_same_again(dialect: Dialect) -> None:
    once, again = (dialect.respond("sim:echo?seed=7&bytes=random&delta=random") for _ in range(2))
    assert once.writes == again.writes


@every
def test_escapes_leave_nothing_readable(dialect: Dialect) -> None:
    model = "sim:script?escape=1&text=[EMAIL_1]…"
    data = b"".join(dialect.respond(model, dialect.ask(model)).writes)
    if dialect.name == "invoke":
        assert dialect.text(frames(data)) == "[EMAIL_1]…"
    else:
        assert b"[EMAIL_1]" not in data.replace(model.encode(), b"")
        assert data.isascii() or dialect.name == "converse"  # whose CRCs are not


# --- the way of writing ----------------------------------------------------------------------------


def test_gemini_ends_lines_as_google_does() -> None:
    data = b"".join(BY_NAME["gemini"].respond("sim:echo").writes)
    assert data.startswith(b'data: {"candidates": [{"content": {"parts": [{"text": "Hi"}],"role": "model"}')
    assert data.endswith(b"}\r\n\r\n")
    assert b"\n" not in data.replace(b"\r\n", b"")
    array = b"".join(BY_NAME["gemini-array"].respond("sim:echo").writes)
    assert array.startswith(b'[{\n  "candidates": [\n')
    assert b"\n}\n,\n{\n" in array
    assert array.endswith(b"\n}\n]")


def test_anthropic_pads_and_pings() -> None:
    data = b"".join(BY_NAME["messages"].respond("sim:echo?seed=1").writes)
    assert b'event: ping\ndata: {"type": "ping"}\n\n' in data
    assert b"  }\n\nevent: " in data


def test_a_call_without_arguments_streams_nothing() -> None:
    def deltas(name: str) -> list[Json]:
        dialect = BY_NAME[name]
        return dialect.streamed("sim:zero", dialect.ask("sim:zero", **dialect.tools(["mail"])))

    claude = [it["delta"] for it in deltas("messages") if it["type"] == "content_block_delta"]
    assert claude == [{"type": "input_json_delta", "partial_json": ""}]
    assert not [it for it in deltas("converse") if "contentBlockDelta" in it]
    assert [it["delta"] for it in deltas("responses") if "delta" in it] == ["{", "}"]


def test_bedrock_pads_every_event_and_counts_last() -> None:
    reply = BY_NAME["converse"].respond("sim:echo")
    assert all(b'"p":"abc' in it or b'"p":"a' in it for it in reply.writes)
    kinds = [next(iter(it)) for it in frames(b"".join(reply.writes))]
    assert (kinds[0], kinds[-2:]) == ("messageStart", ["messageStop", "metadata"])
    assert "contentBlockStart" not in kinds


def test_azure_tells_about_the_prompt_first() -> None:
    azure = BY_NAME["azure"]
    first, second = azure.streamed("sim:echo")[:2]
    assert (first["choices"], first["id"], first["created"]) == ([], "", 0)
    assert first["prompt_filter_results"]
    assert "content_filter_results" in second["choices"][0]
    blocked = azure.whole("sim:safety")["choices"][0]
    assert (blocked["finish_reason"], "message" in blocked) == ("content_filter", False)


def test_responses_repeats_every_text_and_counts_all_items() -> None:
    responses = BY_NAME["responses"]
    model = "sim:parallel?reasoning=1"
    found = responses.streamed(model, responses.ask(model, **responses.tools(["mail", "note"])))
    assert [it["sequence_number"] for it in found] == [*range(len(found))]
    whole = found[-1]["response"]
    done = [it for it in found if it["type"] == "response.output_item.done"]
    assert [it["item"] for it in done] == whole["output"]
    assert [it["output_index"] for it in done] == [0, 1, 2, 3]
    for it in found:
        if it["type"] == "response.function_call_arguments.done":
            own = [one["delta"] for one in found if one.get("item_id") == it["item_id"] and "delta" in one]
            assert "".join(own) == it["arguments"]


def test_nothing_said_is_a_blocked_prompt_at_gemini() -> None:
    (only,) = BY_NAME["gemini"].streamed("sim:safety?tokens=0")
    assert only["promptFeedback"]["blockReason"] == "SAFETY"
    assert "candidates" not in only
    assert BY_NAME["gemini"].streamed("sim:safety")[-1]["candidates"][0]["finishReason"] == "SAFETY"


def test_what_came_from_the_cache_is_counted_as_each_does() -> None:
    model = "sim:say?cached=2"
    counts = {it.name: it.whole(model).get("usage") or it.whole(model)["usageMetadata"] for it in DIALECTS}
    total = counts["chat"]["prompt_tokens"]
    assert counts["chat"]["prompt_tokens_details"]["cached_tokens"] == 2
    assert counts["messages"]["input_tokens"] == counts["converse"]["inputTokens"] == total - 2
    assert counts["messages"]["cache_read_input_tokens"] == counts["converse"]["cacheReadInputTokens"] == 2
    assert (counts["gemini"]["promptTokenCount"], counts["gemini"]["cachedContentTokenCount"]) == (total, 2)


@each
def test_a_schema_is_obeyed(dialect: Dialect) -> None:
    schema: Json = {
        "properties": {"who": {"type": "string"}, "tags": {"type": "array", "items": {"$ref": "#/$defs/t"}}}
    }
    schema["$defs"] = {"t": {"enum": ["red", "blue"]}}
    wanted: Json = {
        "chat": {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}},
        "responses": {"text": {"format": {"type": "json_schema", "name": "x", "schema": schema}}},
        "messages": {"output_config": {"format": {"type": "json_schema", "schema": schema}}},
        "gemini": {
            "generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": schema}
        },
        "converse": {
            "outputConfig": {"textFormat": {"structure": {"jsonSchema": {"schema": json.dumps(schema)}}}}
        },
    }
    like = {
        "azure": "chat",
        "invoke": "messages",
        "raw-predict": "messages",
        "gemini-array": "gemini",
        "vertex": "gemini",
    }
    request = dialect.ask("sim:json", **wanted[like.get(dialect.name, dialect.name)])
    assert json.loads(dialect.text(dialect.streamed("sim:json", request))) == {
        "who": "bob@example.com",
        "tags": ["red"],
    }


PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
IMAGES: dict[str, Json] = {
    "chat": {
        "messages": [
            {
                "role": "user",
                "content": [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}],
            }
        ]
    },
    "responses": {
        "input": [
            {
                "role": "user",
                "content": [{"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"}],
            }
        ]
    },
    "messages": {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
                ],
            }
        ]
    },
    "gemini": {
        "contents": [{"role": "user", "parts": [{"inline_data": {"mime_type": "image/png", "data": PNG}}]}]
    },
    "converse": {
        "messages": [{"role": "user", "content": [{"image": {"format": "png", "source": {"bytes": PNG}}}]}]
    },
}


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_is_told_by_type_and_size(name: str) -> None:
    dialect = BY_NAME[name]
    request = dialect.ask("sim:image", **IMAGES[name])
    assert dialect.said(dialect.whole("sim:image", request)) == "I was sent image/png of 70 bytes."


def test_comments_stand_between_the_events() -> None:
    assert b": keep-alive\r\n\r\ndata: " in b"".join(BY_NAME["gemini"].respond("sim?comments=1").writes)
    data = b"".join(BY_NAME["messages"].respond("sim?comments=1&crlf=1").writes)
    assert b": keep-alive\r\n\r\nevent: message_start\r\ndata: {" in data
    assert sse(data)
    assert SCHEMA
