"""Events to chunks and whole answers, as Google's own SDK reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.chat import (
    Annotation,
    End,
    Event,
    Extra,
    Finish,
    Lane,
    LaneEnd,
    Logprobs,
    Opening,
    Sealed,
    Text,
    ToolCall,
    Usage,
)
from gateway.conversation import ReasoningPart, TextPart
from gateway.dialects.dialect import Head
from gateway.dialects.gemini import GEMINI
from gateway.dialects.gemini.body import body_of, events_of
from gateway.dialects.gemini.decode import Decoder
from gateway.dialects.gemini.encode import Encoder, foreign_seal
from gateway.dialects.gemini.read import read
from gateway.dialects.gemini.request import parse_request
from gateway.errors import ProviderError
from gateway.privacy.redact import answer_scan
from gateway.privacy.vault import Vault
from gateway.stream import ResponseStream
from tests.conftest import needs_shared
from tests.dialects import recorded
from tests.dialects.gemini.frames import STREAMS, bodies, body, decoded, frames, neutral

types = pytest.importorskip("google.genai.types", reason="google-genai is not installed")

HEAD = Head("01", "m", 1)
ARRAY = Head("01", "m", 1, array=True)
BODIES = bodies()


def encoded(events: list[Event], head: Head = HEAD) -> bytes:
    encoder = Encoder(head)
    return b"".join([*map(encoder.encode, events), encoder.end()])


def chunks(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(each.removeprefix(b"data: ")) for each in data.split(b"\r\n\r\n") if each]


def parts(data: bytes) -> list[dict[str, Any]]:
    return [
        part
        for chunk in chunks(data)
        for candidate in chunk.get("candidates", ())
        for part in candidate["content"]["parts"]
    ]


def sdk_reads(tree: dict[str, Any]) -> Any:
    """The SDK's own type, which forbids what it does not know."""
    return types.GenerateContentResponse.model_validate(tree)


def heard(responses: list[Any]) -> dict[str, Any]:
    """What someone who reads with the SDK has at the end."""
    told: dict[str, Any] = {"text": "", "thoughts": "", "calls": [], "signatures": [], "finish": None}
    for response in responses:
        for candidate in response.candidates or ():
            for part in (candidate.content and candidate.content.parts) or ():
                if part.text:
                    told["thoughts" if part.thought else "text"] += part.text
                if part.function_call and part.function_call.name:
                    call = part.function_call
                    told["calls"].append((call.name, call.args or {}, call.id))
                if part.thought_signature:
                    told["signatures"].append(part.thought_signature)
            told["finish"] = candidate.finish_reason or told["finish"]
        if (usage := response.usage_metadata) and usage.prompt_token_count:
            told["total"] = usage.total_token_count
            told["thought_tokens"] = usage.thoughts_token_count
    return told


def said(folder: Path) -> list[Event]:
    decoder = Decoder()
    return [event for frame in frames(folder) if frame.data for event in decoder.decode(frame)]


@needs_shared
@pytest.mark.parametrize("array", [False, True], ids=["sse", "array"])
@pytest.mark.parametrize("folder", STREAMS, ids=recorded.name)
def test_the_sdk_hears_the_same_from_what_is_encoded(folder: Path, array: bool) -> None:
    events = said(folder)
    out = encoded(events, ARRAY if array else HEAD)
    after = heard([sdk_reads(each) for each in (json.loads(out) if array else chunks(out))])
    before: list[Any] = []
    for frame in frames(folder):
        if frame.data:
            tree = json.loads(frame.data)
            (tree.get("usageMetadata") or {}).pop("serviceTier", None)  # the SDK drops what it does not know
            before.append(sdk_reads(tree))
    expected = heard(before)
    # Ids were made for calls without one; arguments in pieces have none of the SDK's own.
    expected["calls"] = [
        (call.name, json.loads(text), call.id)
        for call in events
        if isinstance(call, ToolCall)
        for text in [
            "".join(
                e.text for e in events if isinstance(e, Text) and e.lane == Lane(0, "arguments", call.index)
            )
        ]
    ]
    assert after == expected


@needs_shared
@pytest.mark.parametrize("folder", STREAMS, ids=recorded.name)
def test_law_6_for_recordings(folder: Path) -> None:
    events = said(folder)
    expressible = [e for e in events if not isinstance(e, Annotation | LaneEnd)]
    again = [e for e in decoded(encoded(events)) if not isinstance(e, Annotation | LaneEnd)]
    assert neutral(again) == neutral(expressible)


@needs_shared
@pytest.mark.parametrize("folder", STREAMS, ids=recorded.name)
def test_the_whole_answer_of_a_stream_says_what_the_stream_said(folder: Path) -> None:
    events = said(folder)
    whole = body_of(events, HEAD)
    sdk_reads(whole)
    kinds = (Text, ToolCall, Finish, Usage)
    assert neutral(e for e in events_of(whole) if isinstance(e, kinds)) == neutral(
        e for e in events if isinstance(e, kinds)
    )


@needs_shared
@pytest.mark.parametrize("folder", BODIES, ids=recorded.name)
def test_a_whole_answer_comes_back_as_it_was(folder: Path) -> None:
    tree = body(folder)
    again = body_of(events_of(tree), HEAD)
    sdk_reads(json.loads(json.dumps(again)))
    for before, after in zip(tree.get("candidates", ()), again.get("candidates", ()), strict=True):
        assert after["content"].get("parts", []) == [
            {**part, "functionCall": {**part["functionCall"], "id": found["functionCall"]["id"]}}
            if "functionCall" in part
            else part
            for part, found in zip(before["content"].get("parts", []), after["content"]["parts"], strict=True)
        ]
        assert after["finishReason"] == before["finishReason"]
    assert again.get("promptFeedback", {}).get("blockReason") == tree.get("promptFeedback", {}).get(
        "blockReason"
    )


# --- function calls ---------------------------------------------------------------------------------------

CALL = ToolCall(0, 0, "a", "f")
OTHER = ToolCall(0, 1, "b", "g")
ARGS, OTHER_ARGS = Lane(0, "arguments", 0), Lane(0, "arguments", 1)
TOOLS = Finish(0, "tool_calls")


def called(events: list[Event]) -> list[Any]:
    return [
        (p["functionCall"]["name"], p["functionCall"]["args"])
        for p in parts(encoded(events))
        if "functionCall" in p
    ]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([CALL, TOOLS], [("f", {})]),
        ([CALL, LaneEnd(ARGS), TOOLS], [("f", {})]),
        ([CALL, Text(ARGS, '{"a"'), Text(ARGS, ":1}"), TOOLS], [("f", {"a": 1})]),
        ([CALL, Text(ARGS, "{}"), OTHER, Text(OTHER_ARGS, '{"b":2}'), TOOLS], [("f", {}), ("g", {"b": 2})]),
        # Interleaved, and late.
        ([CALL, OTHER, Text(OTHER_ARGS, "{}"), Text(ARGS, '{"a":1}'), TOOLS], [("f", {"a": 1}), ("g", {})]),
        ([CALL, Text(ARGS, '{"a":'), OTHER, Text(ARGS, "1}"), Text(OTHER_ARGS, "{}"), TOOLS], [("f", {"a": 1}), ("g", {})]),
        ([ToolCall(0, 0, "a", "f", custom=True), Text(Lane(0, "input", 0), 'x"y'), TOOLS], [("f", {"input": 'x"y'})]),
    ],
)  # fmt: skip
def test_trap_06_a_call_goes_when_its_arguments_are_complete(
    events: list[Event], expected: list[Any]
) -> None:
    assert called(events) == expected


def test_a_call_does_not_wait_for_the_end() -> None:
    encoder = Encoder(HEAD)
    encoder.encode(CALL)
    encoder.encode(Text(ARGS, "{}"))
    assert b'"functionCall"' in encoder.encode(OTHER)
    assert b'"functionCall"' in encoder.encode(LaneEnd(OTHER_ARGS))


@pytest.mark.parametrize(
    ("reason", "native"), [("length", "MAX_TOKENS"), ("tool_calls", "MALFORMED_FUNCTION_CALL")]
)
@pytest.mark.parametrize("text", ['{"a": "b', "[1]", "5", '{"a":1}}'])
def test_a_call_that_was_cut_is_left_out_and_the_finish_says_so(reason: str, native: str, text: str) -> None:
    out = encoded([CALL, Text(ARGS, text), Finish(0, reason)])
    assert b"functionCall" not in out
    assert chunks(out)[-1]["candidates"][0]["finishReason"] == native


def test_signatures_go_with_their_calls() -> None:
    (part, _) = parts(encoded([ToolCall(0, 0, "a", "f", signature="c2ln"), TOOLS]))
    assert part == {"functionCall": {"name": "f", "args": {}, "id": "a"}, "thoughtSignature": "c2ln"}


# --- the rest of an answer --------------------------------------------------------------------------------


def test_finish_and_usage_stand_in_the_last_chunk_whichever_came_first() -> None:
    text, usage = Text(Lane(0, "content"), "a"), Usage(5, 3, 2, reasoning=1)
    for data in (encoded([text, Finish(0, "stop"), usage]), encoded([text, usage, Finish(0, "stop")])):
        last = chunks(data)[-1]
        assert last["candidates"][0]["finishReason"] == "STOP"
        assert last["usageMetadata"] == {
            "promptTokenCount": 5,
            "candidatesTokenCount": 2,
            "totalTokenCount": 8,
            "cachedContentTokenCount": 2,
            "thoughtsTokenCount": 1,
        }


def test_an_answer_without_a_finish_gets_none() -> None:
    assert b"finishReason" not in encoded([Text(Lane(0, "content"), "a"), Usage(1, 1)])


def test_a_blocked_prompt_is_one_again() -> None:
    (chunk,) = chunks(encoded([Finish(0, "content_filter", "promptFeedback.SAFETY")]))
    assert chunk["promptFeedback"] == {"blockReason": "SAFETY"}
    assert "candidates" not in chunk


def test_offsets_are_bytes() -> None:
    lane = Lane(0, "content")
    out = encoded([Text(lane, "Zürich 21°C"), Annotation(lane, "u", "t", "", 7, 11), Finish(0, "stop")])
    grounding = chunks(out)[-1]["candidates"][0]["groundingMetadata"]
    assert grounding["groundingChunks"] == [{"web": {"uri": "u", "title": "t"}}]
    segment = grounding["groundingSupports"][0]["segment"]
    assert "Zürich 21°C".encode()[segment["startIndex"] : segment["endIndex"]].decode() == "21°C"
    (again,) = [event for event in decoded(out) if isinstance(event, Annotation)]
    assert (again.url, again.title, again.start, again.end) == ("u", "t", 7, 11)
    sdk_reads(chunks(out)[-1])


def test_an_array_is_json_with_keepalives_in_it_and_after_an_error() -> None:
    full: list[Event] = [Text(Lane(0, "content"), "a"), Text(Lane(1, "content"), "b"), CALL, TOOLS]
    for said in ([], full):
        encoder = Encoder(ARRAY)
        pieces = [encoder.keepalive]
        for event in said:
            pieces += [encoder.encode(event), encoder.keepalive]
        ended = json.loads(b"".join([*pieces, encoder.end()]))
        assert len([sdk_reads(each) for each in ended]) == len(said)
        failing = Encoder(ARRAY)
        facts = ProviderError("m", status=503).facts("01")
        failed = json.loads(b"".join([failing.keepalive, *map(failing.encode, said), failing.fail(facts)]))
        assert failed[-1]["error"]["code"] == 503


def test_a_comment_would_break_googles_sdk() -> None:
    assert not Encoder(HEAD).keepalive.strip()


def test_an_error_in_a_stream_is_a_data_line() -> None:
    (chunk,) = chunks(Encoder(HEAD).fail(ProviderError("m", status=429).facts("01")))
    assert chunk["error"]["status"] == "RESOURCE_EXHAUSTED"


def test_other_providers_reasoning_comes_back_as_what_it_is() -> None:
    sealed = [
        Sealed(Lane(0, "thinking"), "signature", "sig"),
        Sealed(Lane(0, "thinking"), "redacted", "da:ta"),
        Sealed(Lane(0, "reasoning"), "encrypted", "data", "rs_1"),
    ]
    found = [foreign_seal(part["thoughtSignature"]) for part in parts(encoded([*sealed]))]
    assert found == [("signature", "", "sig"), ("redacted", "", "da:ta"), ("encrypted", "rs_1", "data")]
    own = parts(encoded([Sealed(Lane(0, "content"), "signature", "c2lnbmF0dXJl")]))
    assert own[0]["thoughtSignature"] == "c2lnbmF0dXJl"
    assert foreign_seal("c2lnbmF0dXJl") is None
    assert foreign_seal("no base64!") is None


def test_trap_07_another_providers_signature_survives_googles_sdk() -> None:
    """The SDK keeps a streamed answer chunk by chunk, and writes signatures in another alphabet."""
    thinking = Lane(0, "thinking")
    said: list[Event] = [Text(thinking, "h"), Text(thinking, "m"), Sealed(thinking, "signature", "a+/b==")]
    told = chunks(encoded([*said, Text(Lane(0, "content"), "ok"), Finish(0, "stop")]))
    kept = [sdk_reads(each).candidates[0].content for each in told]
    history = [content.model_dump(mode="json", exclude_none=True, by_alias=True) for content in kept]
    (message,) = read(parse_request(json.dumps({"contents": history}).encode(), "claude")).messages
    assert message.parts == [ReasoningPart("hm", "a+/b=="), TextPart("ok")]


def test_gemini_to_gemini_as_an_array_keeps_the_signatures() -> None:
    """An array cannot pass frame by frame: it is translated from Gemini to Gemini."""
    data = encoded(
        [
            ToolCall(0, 0, "a", "f", signature="c2ln"),
            LaneEnd(ARGS),
            Sealed(Lane(0, "content"), "signature", "dGV4dA=="),
            TOOLS,
        ]
    )
    stream = ResponseStream(answer_scan(Vault()), GEMINI, GEMINI, ARRAY)
    out = json.loads(stream.feed(data) + stream.flush())
    found = [p.get("thoughtSignature") for c in out for p in c["candidates"][0]["content"]["parts"]]
    assert found[:2] == ["c2ln", "dGV4dA=="]


# --- laws -------------------------------------------------------------------------------------------------

text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
choice = st.integers(0, 2)
lane = st.builds(Lane, choice, st.sampled_from(["content", "reasoning"]), st.just(0))
spoken = st.lists(
    st.builds(Text, lane, text)
    | st.builds(Extra, choice, st.sampled_from(["gemini"]), st.just({"executableCode": {"code": "x"}}))
    | st.builds(Extra, choice, st.sampled_from(["anthropic"]), st.just({"type": "x"}))
    | st.builds(Logprobs, st.builds(Lane, choice, st.just("content"), st.just(0)), st.just([{"token": "a", "logprob": -1.0, "bytes": [97], "top_logprobs": []}])),
    max_size=8,
)  # fmt: skip
arguments = st.dictionaries(text, text | st.integers(-9, 9) | st.none(), max_size=3)


@given(spoken, st.lists(arguments, max_size=3), st.booleans())
@settings(max_examples=60)
def test_law_6_what_is_encoded_decodes_to_the_same(
    said: list[Event], calls: list[dict[str, Any]], stop: bool
) -> None:
    events: list[Event] = [*said]
    for index, args in enumerate(calls):
        at = Lane(0, "arguments", index)
        events += [ToolCall(0, index, f"id{index}", "f"), Text(at, json.dumps(args)), LaneEnd(at)]
    reason = ("tool_calls" if calls else "stop") if stop else "length"
    events += [Finish(0, reason), Usage(3, 2, 1, reasoning=1)]
    again = neutral(decoded(encoded(events)))
    assert same(again) == same(neutral(events))
    whole: list[Event] = [e for e in events if not isinstance(e, Logprobs)]
    assert by_lane(events_of(body_of(whole, HEAD))) == by_lane(whole)


def same(events: list[Event]) -> list[Event]:
    """Arguments as the objects that they are."""
    return [
        Text(e.lane, json.dumps(json.loads(e.text)))
        if isinstance(e, Text) and e.lane.kind == "arguments"
        else e
        for e in events
    ]


def by_lane(events: list[Event]) -> dict[Any, str]:
    texts: dict[Any, str] = {}
    for event in same(neutral(events)):
        if isinstance(event, Text):
            texts[event.lane] = texts.get(event.lane, "") + event.text
    return texts


def test_law_6_catches_an_encoder_that_forgets_the_thoughts() -> None:
    class Forgetful(Encoder):
        def _identify(self, id: str, model: str) -> None:
            super()._identify(id, model)
            self._after_thought = self._after_text

    thought = Text(Lane(0, "reasoning"), "hm")
    assert neutral(decoded(Forgetful(HEAD).encode(thought))) != [thought]


def test_the_opening_names_the_answer() -> None:
    out = encoded([Opening("id", "model", 5), Text(Lane(0, "content"), "a"), End()])
    assert chunks(out)[0]["responseId"] == "id"
    assert chunks(out)[0]["modelVersion"] == "model"


def test_a_call_goes_also_where_an_answer_ends_without_a_finish() -> None:
    """As recorded of OpenRouter; the finish is not made up."""
    call: list[Event] = [ToolCall(0, 0, "c1", "now"), Text(Lane(0, "arguments", 0), "{}")]
    (said,) = chunks(encoded([*call, End()]))
    (candidate,) = said["candidates"]
    assert candidate["content"]["parts"] == [{"functionCall": {"name": "now", "args": {}, "id": "c1"}}]
    assert "finishReason" not in candidate
