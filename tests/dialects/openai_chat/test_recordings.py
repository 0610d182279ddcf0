"""Recorded answers: nothing in them goes unseen, and they say the same when they are said again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.chat import Event, Failure, Text
from gateway.dialects.dialect import Head
from gateway.dialects.openai_chat import fields
from gateway.dialects.openai_chat.body import body_of, events_of
from gateway.dialects.openai_chat.decode import Decoder, rewrite
from gateway.dialects.openai_chat.encode import Encoder
from gateway.wire.sse import Frame, SSESplitter
from tests.conftest import SHARED, needs_shared
from tests.dialects import recorded
from tests.dialects.openai_chat import sdk

HEAD = Head("chatcmpl-1", "m", 1)


def is_heard(event: Event) -> bool:
    """Does a translation hear it? Frames that pass show more."""
    return not isinstance(event, Text) or (event.lane.choice >= 0 and event.lane.position >= 0)


def _frames(folder: Path) -> list[bytes]:
    body = (folder / "response.body").read_bytes()
    splitter = SSESplitter()
    return [frame.data for frame in [*splitter.feed(body), *splitter.flush()] if frame.data is not None]


@needs_shared
@pytest.mark.parametrize("folder", recorded.streams("openai-chat"), ids=recorded.name)
def test_a_recording_gives_the_text_that_it_holds(folder: Path) -> None:
    """The lanes' text against a plain reading of the JSON."""
    expected: dict[tuple[int, str, int], str] = {}
    got: dict[tuple[int, str, int], str] = {}
    decoder = Decoder()
    for data in _frames(folder):
        for event in decoder.decode(Frame(b"", data)):
            if isinstance(event, Text) and event.lane.kind in ("content", "arguments"):
                got[event.lane] = got.get(event.lane, "") + event.text
        if data.startswith(b"[DONE]"):
            continue
        for choice in json.loads(data).get("choices", ()):
            delta = choice.get("delta") or {}
            if isinstance(content := delta.get("content"), list):
                content = "".join(part.get("text", "") for part in content)
            if content:
                key = (choice["index"], "content", 0)
                expected[key] = expected.get(key, "") + content
            for call in delta.get("tool_calls") or ():
                if arguments := call["function"].get("arguments"):
                    key = (choice["index"], "arguments", call.get("index", 0))
                    expected[key] = expected.get(key, "") + arguments
    assert got == expected


def _strings(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], str]]:
    if isinstance(node, str):
        yield path, node
    elif isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from _strings(value, (*path, key))


@needs_shared
@pytest.mark.parametrize("folder", recorded.streams("openai-chat"), ids=recorded.name)
def test_no_string_of_a_recording_goes_unseen(folder: Path) -> None:
    decoder = Decoder()
    classify = fields.classifier(False)
    for data in _frames(folder):
        if data.startswith(b"[DONE]"):
            continue
        tree = json.loads(data)
        if "error" in tree:
            continue
        seen = {
            event.path: event.text for event in decoder.decode(Frame(b"", data)) if isinstance(event, Text)
        }
        for path, text in _strings(tree):
            assert not text or classify(path, text) == "keep" or seen.get(path) == text
        if seen:
            assert json.loads(rewrite(Frame(b"", data), seen)[6:]) == _unpadded(tree)


def _unpadded(tree: dict[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in tree.items() if name not in ("obfuscation", "p")}
    for choice in rest["choices"]:
        if choice.get("logprobs"):
            choice["logprobs"] = None
        for annotation in (choice.get("delta") or {}).get("annotations") or ():
            for name in ("start_index", "end_index"):
                annotation.get("url_citation", {}).pop(name, None)
    return rest


@needs_shared
@pytest.mark.parametrize("folder", recorded.streams("openai-chat"), ids=recorded.name)
def test_the_sdk_understands_what_was_translated_as_it_does_the_recording(folder: Path) -> None:
    """Decoded, encoded again: the SDK puts both together to the same message, where it can at all."""
    body = (folder / "response.body").read_bytes()
    encoder = Encoder(HEAD)
    decoder = Decoder()
    frames = b""
    for data in _frames(folder):
        for event in decoder.decode(Frame(b"", data)):
            if isinstance(event, Failure):
                return  # nothing is translated any more
            if is_heard(event):
                frames += encoder.encode(event)
    got = sdk.accumulated(frames + encoder.end())
    try:
        expected = sdk.accumulated(body)
    except (TypeError, RuntimeError, KeyError, AttributeError, IndexError, AssertionError, UserWarning):
        return  # what the SDK cannot read (content lists, calls without index) it can read translated
    for told, known in zip(got["choices"], expected["choices"], strict=True):
        heard, meant = told["message"], known["message"]
        for name in ("content", "refusal"):
            assert (heard.get(name) or "") == (meant.get(name) or "")
        assert len(heard.get("tool_calls") or ()) == len(meant.get("tool_calls") or ())
        for call, original in zip(heard.get("tool_calls") or (), meant.get("tool_calls") or (), strict=True):
            assert original["id"].startswith(call["id"])  # some repeat it, and the SDK appends
            assert original["function"]["name"].startswith(call["function"]["name"])
            assert call["function"]["arguments"] == (original["function"]["arguments"] or "{}")
        logprobs = [((each.get("logprobs") or {}).get("content") or []) for each in (told, known)]
        assert logprobs[0] == logprobs[1]


def _bodies() -> list[Path]:
    found = []
    for meta in sorted(SHARED.glob("recorded/*/*/meta.json")):
        facts = json.loads(meta.read_text())
        if facts["format"] == "openai-chat" and not facts["stream"]:
            found.append(meta.parent)
    return found


@needs_shared
@pytest.mark.parametrize("folder", _bodies(), ids=recorded.name)
def test_a_whole_answer_says_the_same_again(folder: Path) -> None:
    """Read as events and written again, what the SDK's types show is the same."""
    body = json.loads((folder / "response.body").read_bytes())
    if not isinstance(body, dict) or body.get("error") or "choices" not in body:
        return
    again = body_of([event for event in events_of(body) if is_heard(event)], HEAD)
    for name in ("id", "model", "created"):
        assert again[name] == (body[name] or getattr(HEAD, name))
    assert again["usage"]["prompt_tokens"] == body["usage"]["prompt_tokens"]
    assert (
        again["usage"]["completion_tokens"] >= body["usage"]["completion_tokens"]
    )  # xAI's lacks the reasoning
    for told, known in zip(again["choices"], body["choices"], strict=True):
        assert told["finish_reason"]
        if known["finish_reason"] in ("stop", "length", "tool_calls", "content_filter"):
            assert told["finish_reason"] == known["finish_reason"]
        assert bool(told["logprobs"]) == bool(known.get("logprobs") and known["logprobs"].get("content"))
        heard, meant = told["message"], known.get("message") or {}
        for name in ("content", "refusal"):
            assert (heard.get(name) or "") == (meant.get(name) or "")
        reasoning = meant.get("reasoning_content") or meant.get("reasoning") or ""
        assert reasoning in (heard.get("reasoning_content") or "")
        calls = meant.get("tool_calls") or ()
        if (function := meant.get("function_call") or {}).get("name"):
            calls = [{"id": "", "type": "function", "function": function}]
        for call, original in zip(heard.get("tool_calls") or (), calls, strict=True):
            assert call["id"] == original["id"]
            kind = original["type"]
            assert {**call[kind]} == {name: original[kind][name] for name in call[kind]}
        assert len(heard.get("annotations") or ()) == len(meant.get("annotations") or ())
        if (audio := meant.get("audio")) and audio["id"]:
            assert heard["audio"] == audio
        for name in ("signature", "data"):
            details = [
                [detail[name] for detail in message.get("reasoning_details") or () if detail.get(name)]
                for message in (heard, meant)
            ]
            assert details[0] == details[1]
