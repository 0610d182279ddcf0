"""Frames of Responses that pass with changes, and frames that are none."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.chat import (
    Lane,
    Text,
)
from gateway.dialects.dialect import Head
from gateway.dialects.openai_responses import OPENAI_RESPONSES
from gateway.dialects.openai_responses.body import events_of
from gateway.dialects.openai_responses.decode import Decoder
from gateway.dialects.openai_responses.fields import classifier
from gateway.dialects.openai_responses.rewrite import rewrite, scrub
from gateway.errors import ProviderGarbage
from gateway.privacy.redact import answer_scan
from gateway.privacy.vault import Vault
from gateway.stream import ResponseStream
from gateway.wire.sse import Frame
from tests.dialects.openai_responses.streams import added, call, delta, done, ended, frames_of, message
from tests.privacy import texts

# --- rewriting --------------------------------------------------------------------------------------------


def frame(tree: dict[str, Any], event: str | None = None) -> Frame:
    return Frame(b"", json.dumps(tree).encode(), event)


def test_what_spells_out_or_places_a_changed_text_goes() -> None:
    cited = [{"type": "url_citation", "url": "u", "start_index": 0, "end_index": 2}]
    item = message("Hi", annotations=cited, logprobs=[{"token": "Hi"}])
    [out] = frames_of(rewrite(frame(done(0, item), "x"), {("item", "content", 0, "text"): "Ho"}))
    expected = message("Ho", annotations=[{"type": "url_citation", "url": "u"}], logprobs=[])
    assert (out.event, json.loads(out.data or b"")) == ("x", done(0, expected))
    body = {"output": [item]}
    scrub(body)
    assert body == {"output": [message("Hi", annotations=expected["content"][0]["annotations"], logprobs=[])]}


def test_a_delta_that_lost_its_text_and_padding_is_nothing() -> None:
    tree = delta("output_text", 0, "Hi", obfuscation="abc", logprobs=[{"token": "Hi"}])
    assert rewrite(frame(tree), {("delta",): ""}) == b""
    [out] = frames_of(rewrite(frame(tree), {("delta",): "Ho"}))
    assert json.loads(out.data or b"") == delta("output_text", 0, "Ho", logprobs=[])


@given(st.integers(1, 9), st.booleans())
def test_law_1_what_is_repeated_agrees_with_the_restored_deltas(size: int, json_output: bool) -> None:
    value = 'Ada "A"\nByron'
    vault = Vault()
    vault.hide(texts.entity("PERSON"), value)
    said = '{"name":"[PERSON_1]"} is [PERSON_1]' if json_output else "I am [PERSON_1], [PER you [PERSON_1]"
    arguments = '{"to":"[PERSON_1]"}'
    trees: list[dict[str, Any]] = [
        added(0, message("")),
        added(1, call("f")),
        added(2, {"type": "mcp_call", "id": "m"}),
    ]
    for at in range(0, len(said), size):
        trees.append(delta("output_text", 0, said[at : at + size], content_index=0))
    for at in range(0, len(arguments), size):
        trees.append(delta("function_call_arguments", 1, arguments[at : at + size]))
        trees.append(delta("mcp_call_arguments", 2, arguments[at : at + size]))
    items = [message(said), call("f", arguments), {"type": "mcp_call", "id": "m", "arguments": arguments}]
    trees += [
        {"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": said},
        {"type": "response.function_call_arguments.done", "output_index": 1, "arguments": arguments},
        *(done(index, item) for index, item in enumerate(items)),
        ended(*items),
    ]
    stream = ResponseStream(
        answer_scan(vault), OPENAI_RESPONSES, OPENAI_RESPONSES, Head("r", "m", 1), json_output=json_output
    )
    out = (
        b"".join(stream.feed(b"data: " + json.dumps(tree).encode() + b"\n\n") for tree in trees)
        + stream.flush()
    )
    assert stream.error is None
    told = [json.loads(f.data or b"") for f in frames_of(out)]
    by_item: dict[int, str] = {}
    for tree in told:
        if tree["type"].endswith(".delta"):
            by_item[tree["output_index"]] = by_item.get(tree["output_index"], "") + tree["delta"]
    [final] = [tree["response"]["output"] for tree in told if tree["type"] == "response.completed"]
    assert by_item == {0: final[0]["content"][0]["text"], 1: final[1]["arguments"], 2: final[2]["arguments"]}
    assert json.loads(by_item[1]) == json.loads(by_item[2]) == {"to": value}
    [text] = [tree["text"] for tree in told if tree["type"] == "response.output_text.done"]
    assert text == by_item[0]
    assert "[PERSON_1]" not in by_item[0]


# --- garbage ----------------------------------------------------------------------------------------------


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("type id text item part content summary output annotations logprobs".split()), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
KINDS = [
    "output_item.added", "output_item.done", "content_part.added", "content_part.done", "output_text.delta",
    "output_text.done", "output_text.annotation.added", "function_call_arguments.delta", "mcp_call_arguments.delta",
    "mcp_call_arguments.done", "completed", "incomplete", "failed", "created", "news",
]  # fmt: skip
trees = st.fixed_dictionaries(
    {"type": st.sampled_from(["message", "reasoning", "function_call", *(f"response.{kind}" for kind in KINDS), "error"])},
    optional=dict.fromkeys("item part delta text arguments output_index content_index item_id response annotation error logprobs command_index".split(), json_values),
)  # fmt: skip


@given(st.lists(trees, max_size=4))
def test_law_7_strange_events_raise_only_documented_errors(given_trees: list[dict[str, Any]]) -> None:
    decoder = Decoder()
    with contextlib.suppress(ProviderGarbage):
        for tree in given_trees:
            for event in decoder.decode(frame(tree)):
                assert not isinstance(event, Text) or isinstance(event.text, str)


@given(st.binary(max_size=60))
def test_law_7_garbage_raises_only_documented_errors(data: bytes) -> None:
    with contextlib.suppress(ProviderGarbage):
        Decoder().decode(Frame(b"", data))


@given(json_values)
def test_law_7_for_whole_answers(output: Any) -> None:
    with contextlib.suppress(ProviderGarbage):
        events_of({"status": "completed", "output": output, "usage": output})


def test_the_fast_path_equals_the_plain_path() -> None:
    """A field that the strict type does not know takes the slow way to the same event."""
    decoder = Decoder()
    fields: list[dict[str, Any]] = [
        {},
        {},
        {"news": 1},
        {"logprobs": []},
        {"obfuscation": "x", "item_id": "m"},
    ]
    events = [decoder.decode(frame(delta("output_text", 0, "a", content_index=0, **more))) for more in fields]
    assert events == [[Text(Lane(0, "content"), "a", ("delta",))]] * 5


def test_pictures_are_kept_and_programs_are_read() -> None:
    classify = classifier(False)
    assert classify(("output", 0, "result"), "iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB") == "keep"
    assert classify(("input", 0, "result"), "Ada Byron") == "text"
    assert classify(("input", 0, "arguments"), "{}") == "json"
