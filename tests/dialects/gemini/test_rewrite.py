"""Frames of Gemini that pass with changes: restored, redacted, and true about their offsets."""

from __future__ import annotations

import json
from typing import Any

from gateway.chat import (
    WHOLE_JSON,
    Text,
)
from gateway.dialects.gemini.body import scrub
from gateway.dialects.gemini.decode import rewrite
from gateway.privacy.vault import Vault
from gateway.wire.sse import Frame
from tests.dialects.gemini.frames import chunk, of
from tests.dialects.gemini.test_decode import partial, passed
from tests.privacy import texts


def sse(*chunks: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(each).encode() + b"\r\n\r\n" for each in chunks)


def trees(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(each.removeprefix(b"data: ")) for each in data.split(b"\r\n\r\n") if each]


def vault_with(value: str) -> tuple[Vault, str]:
    vault = Vault()
    return vault, vault.hide(texts.entity("EMAIL"), value)


def test_a_placeholder_is_restored_across_chunks_and_kinds() -> None:
    vault, placeholder = vault_with("jo@x.example")
    chunks = [chunk({"text": piece}) for piece in ("Hi ", placeholder[:3], placeholder[3:], "!")]
    args = {"to": placeholder, placeholder: [f"<{placeholder}>"], "n": 3}
    chunks.append(chunk({"functionCall": {"name": "f", "args": args}}, finishReason="STOP"))
    out = trees(passed(sse(*chunks), 5, vault))
    parts = [part for tree in out for part in tree["candidates"][0]["content"]["parts"]]
    assert "".join(part.get("text", "") for part in parts) == "Hi jo@x.example!"
    expected = {"to": "jo@x.example", "jo@x.example": ["<jo@x.example>"], "n": 3}
    assert parts[-1]["functionCall"]["args"] == expected


def test_a_placeholder_is_restored_across_values_of_arguments() -> None:
    vault, placeholder = vault_with("jo@x.example")
    path = {"jsonPath": "$.to"}
    data = sse(
        chunk({"functionCall": {"name": "f", "willContinue": True}}),
        partial({**path, "stringValue": f"to {placeholder[:4]}", "willContinue": True}),
        partial({**path, "stringValue": placeholder[4:], "willContinue": True}),
        partial({**path, "stringValue": ""}),
        partial(more=False),
        chunk({"text": ""}, finishReason="STOP"),
    )
    calls = [
        part["functionCall"]
        for tree in trees(passed(data, 11, vault))
        for part in tree["candidates"][0]["content"]["parts"]
        if "functionCall" in part
    ]
    values = [arg["stringValue"] for call in calls for arg in call.get("partialArgs", ())]
    assert "".join(values) == "to jo@x.example"


def test_a_number_that_must_not_be_said_becomes_a_text() -> None:
    card = {"jsonPath": "$.card", "numberValue": 4111111111111111}
    data = sse(
        chunk({"functionCall": {"name": "f", "willContinue": True}}),
        partial(card, more=False),
        chunk({"functionCall": {"name": "f", "args": {"card": 4111111111111111}}}, finishReason="STOP"),
    )
    out = trees(passed(data, 4096))
    calls = [tree["candidates"][0]["content"]["parts"][0]["functionCall"] for tree in out]
    assert calls[1]["partialArgs"] == [{"jsonPath": "$.card", "stringValue": "[CREDIT_CARD]"}]
    assert calls[2]["args"] == {"card": "[CREDIT_CARD]"}


def test_offsets_of_a_changed_text_are_dropped_and_quotes_restored() -> None:
    vault, placeholder = vault_with("jo@x.example")
    text = f"Ask {placeholder} now"
    grounding = {
        "groundingChunks": [{"web": {"uri": "u"}}],
        "groundingSupports": [
            {
                "segment": {"startIndex": len(text) - 3, "endIndex": len(text), "text": "now"},
                "groundingChunkIndices": [0],
            }
        ],
    }
    chunks = [chunk({"text": text}), chunk({"text": ""}, groundingMetadata=grounding, finishReason="STOP")]
    support = trees(passed(sse(*chunks), 4096, vault))[-1]["candidates"][0]["groundingMetadata"][
        "groundingSupports"
    ][0]
    assert support["segment"] == {"text": "now"}
    untouched = sse(chunk({"text": "Ask now"}), chunks[1])
    assert passed(untouched, 4096, vault) == untouched


def test_what_spells_out_a_changed_text_is_dropped() -> None:
    result = {"chosenCandidates": [{"token": "a", "logProbability": 0}]}
    tree = chunk({"text": "a"}, logprobsResult=result)
    path = ("candidates", 0, "content", "parts", 0, "text")
    out = rewrite(Frame(b"", json.dumps(tree).encode()), {path: "b"})
    assert json.loads(out[6:]) == chunk({"text": "b"})
    scrub(tree)
    assert tree == chunk({"text": "a"})


def test_a_chunk_whose_text_is_gone_is_gone() -> None:
    path = ("candidates", 0, "content", "parts", 0, "text")
    usage = {"usageMetadata": {"promptTokenCount": 1}}
    assert rewrite(Frame(b"", json.dumps({**chunk({"text": "a"}), **usage}).encode()), {path: ""}) == b""
    assert rewrite(Frame(b"", json.dumps(chunk({"text": "a"}, finishReason="STOP")).encode()), {path: ""})


def test_arguments_that_are_no_json_any_more_stand_as_text() -> None:
    tree = chunk({"functionCall": {"name": "f", "args": {"n": -4111111111111111}}})
    path = ("candidates", 0, "content", "parts", 0, "functionCall", "args")
    assert Text(WHOLE_JSON, '{"n":-4111111111111111}', path) in of(tree)
    out = rewrite(Frame(b"", json.dumps(tree).encode()), {path: '{"n":-[CARD]}'})
    assert (
        json.loads(out[6:])["candidates"][0]["content"]["parts"][0]["functionCall"]["args"] == '{"n":-[CARD]}'
    )
