"""The hard cases of envelopes, lanes and tool calls (29 to 60), one test a case, by the case's number.

What is only documented is looked for in docs/privacy.md, so that the promise and the page stay together.
"""

from __future__ import annotations

import json

import pytest

from gateway.privacy.actions import every_rule
from gateway.privacy.json_run import JsonRun
from gateway.privacy.redact import answer_scan, restore_body
from gateway.privacy.scanner import find
from gateway.privacy.vault import Vault
from tests.chat_stream import DONE, STOP, chat_stream, chunk, lanes, payloads, run
from tests.privacy.hard_cases import (
    ADA,
    answered,
    asked,
    call,
    classify,
    documented,
    restored,
    said,
    sent,
    vault,
)

# --- envelope and ordering ----------------------------------------------------------------------------------


def test_hard_case_29_held_text_goes_out_before_the_finish_and_done_is_last() -> None:
    out = answered("see [PERS")
    assert out.index(b"[PERS") < out.index(b'"stop"') < out.index(b"[DONE]")
    assert out.endswith(DONE)


def test_hard_case_30_a_chunk_with_the_last_content_and_the_finish_keeps_both() -> None:
    out = answered("[PERS", end=chunk({"content": "ON_1]"}, finish="stop") + DONE)
    assert said(out) == ADA
    assert [c["finish_reason"] for body in payloads(out) for c in body["choices"]][-1] == "stop"


def test_hard_case_31_chunks_without_choices_pass() -> None:
    usage = chunk(usage={"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3})
    first = chunk(prompt_filter_results=[])
    out = run(
        [first, chunk({"content": "[PERSON_1]"}), STOP, usage, DONE],
        chat_stream(vault()),
    )
    assert [bool(body["choices"]) for body in payloads(out)] == [False, True, True, False]


def test_hard_case_32_usage_counts_placeholders() -> None:
    documented("A provider counts the placeholders' tokens")


def test_hard_case_33_choices_do_not_mix() -> None:
    out = answered({"content": "[PER"}, {"index": 1, "content": "Hi"}, {"content": "SON_1]"})
    assert (said(out), said(out, choice=1)) == (ADA, "Hi")


def test_hard_case_34_two_choices_in_one_chunk() -> None:
    frame = chunk({"content": "[PERSON_1]"}, {"index": 1, "content": "[EMAIL_1]"})
    out = run(
        [frame, STOP, chunk({"index": 1}, finish="stop"), DONE],
        chat_stream(vault()),
    )
    assert (said(out), said(out, choice=1)) == (ADA, "x@y.io")


def test_hard_case_35_empty_deltas_pass_as_they_came() -> None:
    frames = [
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": None}),
        chunk({"content": ""}),
        STOP,
        DONE,
    ]
    assert run(frames, chat_stream(vault())) == b"".join(frames)


@pytest.mark.parametrize("kind", ["reasoning_content", "refusal"])
def test_hard_case_36_37_other_lanes_are_restored_apart(kind: str) -> None:
    out = answered({kind: "[PER"}, {"content": "[EMAIL_"}, {kind: "SON_1]"}, {"content": "1]"})
    assert said(out) == "x@y.io"
    assert ADA in lanes(out).values()


def test_hard_case_36_signed_reasoning_is_never_touched() -> None:
    message = {
        "role": "assistant",
        "content": "a@b.io",
        "reasoning_details": [{"text": "a@b.io", "signature": "a@b.io"}],
    }
    changed, _, _ = sent({"messages": [message]})
    assert changed["messages"][0]["reasoning_details"] == message["reasoning_details"]


def test_hard_case_39_logprobs_go_when_their_text_was_changed() -> None:
    body = json.loads(chunk({"content": "[PERSON_1]"})[6:])
    body["choices"][0]["logprobs"] = {"content": [{"token": "[PERSON_1]", "bytes": [1]}]}
    out = run(
        [b"data: " + json.dumps(body).encode() + b"\n\n", STOP, DONE],
        chat_stream(vault()),
    )
    assert payloads(out)[0]["choices"][0]["logprobs"] is None


@pytest.mark.parametrize("field", ["id", "model", "system_fingerprint"])
def test_hard_case_42_ids_that_are_echoed_stay(field: str) -> None:
    body = {field: "x [PERSON_1]", "choices": []}
    restore_body(body, classify, answer_scan(vault()))
    assert body[field] == "x [PERSON_1]"


# --- tool calls ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [ADA, "a\nb\\c\td", "\u2028", "😀", '"}],'])
def test_hard_case_49_50_what_is_put_into_arguments_is_escaped(value: str) -> None:
    out = answered(call('{"name":"[PERSON_1]"}'), made=vault(PERSON=value))
    assert json.loads(said(out, "arguments")) == {"name": value}


def test_hard_case_51_a_placeholder_over_argument_deltas() -> None:
    out = answered(call('{"to":"[EMA'), call('IL_1]"}'))
    assert said(out, "arguments") == '{"to":"x@y.io"}'


def test_hard_case_52_a_placeholder_behind_json_escapes() -> None:
    assert restored('{"a":"\\u005bPERSON_1\\u005d"}', JsonRun) == json.dumps(
        {"a": ADA}, separators=(",", ":")
    )
    # In prose that shows JSON, too.
    assert restored("\\u005bPERSON_1\\u005d") == 'Ada \\"A\\" Byron'


def test_hard_case_53_interleaved_calls_do_not_mix() -> None:
    out = answered(call('{"a":"[PER', 0), call('{"b":"[EMA', 1), call('SON_1]"}', 0), call('IL_1]"}', 1))
    assert json.loads(said(out, "arguments", position=0)) == {"a": ADA}
    assert json.loads(said(out, "arguments", position=1)) == {"b": "x@y.io"}


def test_hard_case_54_keys_numbers_nested_json_and_code() -> None:
    assert json.loads(restored('{"[PERSON_1]":1}', JsonRun)) == {ADA: 1}
    assert json.loads(restored('{"ssn":[PERSON_1]}', JsonRun)) == {"ssn": ADA}
    nested = json.dumps({"a": json.dumps({"b": json.dumps({"c": "[PERSON_1]"})})})
    assert json.loads(json.loads(json.loads(restored(nested, JsonRun))["a"])["b"]) == {"c": ADA}
    code = json.dumps({"cmd": "bash -c \"echo '[PERSON_1]'\""})
    assert json.loads(restored(code, JsonRun))["cmd"] == f"bash -c \"echo '{ADA}'\""
    documented("Numbers in JSON", "escaped for its place, also where JSON stands in a JSON string")


@pytest.mark.parametrize(
    "raw", ['{"a":"[EMAIL_1]', '{"a":[EMAIL_1', '{"a":"x \\u00', "[EMAIL_1] {", '{"a" "[EMAIL_1]"']
)
def test_hard_case_55_arguments_need_not_be_json(raw: str) -> None:
    whole = "[EMAIL_1]" in raw
    assert restored(raw, JsonRun).count("x@y.io") == int(whole)


def test_hard_case_56_tool_names_and_ids_stay() -> None:
    message = {
        "role": "assistant",
        "tool_calls": [
            {
                "id": "call_123-45-6789",
                "type": "function",
                "function": {"name": "f_a@b.io", "arguments": "{}"},
            }
        ],
    }
    body = {"messages": [message, {"role": "tool", "tool_call_id": "call_123-45-6789", "content": "ok"}]}
    assert sent(body)[0] == body
    documented("The names of tools and ids")


def test_hard_case_57_json_output_is_escaped_and_stand_ins_fit_a_schema() -> None:
    assert json.loads(said(answered('{"a":"[PER', 'SON_1]"}', json_output=True))) == {"a": ADA}
    changed, made, _ = sent(asked("mail ada@corp.io"), Vault("synthetic"))
    stand_in = changed["messages"][0]["content"].split()[1]
    assert [s.entity.name for s in find(stand_in, every_rule())] == ["EMAIL_ADDRESS"]
    assert json.loads(said(answered(json.dumps({"email": stand_in}), made=made, json_output=True))) == {
        "email": "ada@corp.io"
    }
    documented("Use the `synthetic` format")


def test_hard_case_58_tools_of_the_provider_see_placeholders() -> None:
    documented("Tools that the provider runs")


def test_hard_case_59_the_old_function_call_lane() -> None:
    body = {"choices": [{"message": {"function_call": {"name": "f", "arguments": '{"a":"[PERSON_1]"}'}}}]}
    restore_body(body, classify, answer_scan(vault()))
    assert json.loads(body["choices"][0]["message"]["function_call"]["arguments"]) == {"a": ADA}


def test_hard_case_60_free_text_of_custom_tools_is_not_escaped() -> None:
    body = {"choices": [{"message": {"tool_calls": [{"custom": {"name": "f", "input": "say [PERSON_1]"}}]}}]}
    restore_body(body, classify, answer_scan(vault()))
    assert body["choices"][0]["message"]["tool_calls"][0]["custom"]["input"] == f"say {ADA}"
