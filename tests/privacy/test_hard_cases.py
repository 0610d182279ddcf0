"""The hard cases of a proxy that redacts and restores in streams, one test a case, by the case's number.

What is only documented is looked for in docs/privacy.md, so that the promise and the page stay together.
"""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

import pytest

from gateway.chat import Lane
from gateway.dialects.openai_chat.fields import FIELD_NAMES, classifier
from gateway.privacy.actions import every_rule
from gateway.privacy.entities import ENTITIES
from gateway.privacy.grammar import LONGEST_PLACEHOLDER
from gateway.privacy.json_run import JsonRun, SniffRun
from gateway.privacy.redact import Findings, answer_scan, redact_request, restore_body
from gateway.privacy.scanner import Scan, TextRun, apply, find
from gateway.privacy.vault import Vault
from tests.conftest import ROOT
from tests.privacy import texts
from tests.test_stream import DONE, STOP, chat_stream, chunk, lanes, payloads, run

ADA = 'Ada "A" Byron'
PAGE = " ".join((ROOT / "docs" / "privacy.md").read_text().split())

classify = classifier(False)


def vault(**more: str) -> Vault:
    made = Vault()
    for label, value in {"PERSON": ADA, "EMAIL": "x@y.io", **more}.items():
        made.hide(texts.entity(label), value)
    return made


def restored(
    text: str, kind: type[TextRun] | type[JsonRun] | type[SniffRun] = TextRun, scan: Scan | None = None
) -> str:
    """The text after a run, fed character by character and whole: both must agree."""
    results = []
    for pieces in ([text], list(text)):
        each = kind(scan or answer_scan(vault()))
        for piece in pieces:
            each.feed(piece)
        each.flush()
        results.append(apply(text, each.edits))
    assert results[0] == results[1]
    return results[0]


def answered(
    *deltas: str | dict[str, Any], made: Vault | None = None, end: bytes = STOP + DONE, **options: Any
) -> bytes:
    frames = [chunk({"content": d} if isinstance(d, str) else d) for d in deltas]
    return run([*frames, end], chat_stream(vault() if made is None else made, **options))


def said(out: bytes, kind: str = "content", choice: int = 0, position: int = 0) -> str:
    return lanes(out).get(Lane(choice, kind, position), "")


def sent(body: dict[str, Any], made: Vault | None = None) -> tuple[dict[str, Any], Vault, Findings]:
    made = Vault() if made is None else made
    changed = copy.deepcopy(body)
    found = redact_request(changed, classify, made, FIELD_NAMES)
    return changed, made, found


def asked(*contents: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content} for content in contents]}


def call(arguments: str, index: int = 0) -> dict[str, Any]:
    return {"tool_calls": [{"index": index, "function": {"arguments": arguments}}]}


def documented(*words: str) -> None:
    for word in words:
        assert word in PAGE, word


# --- framing ------------------------------------------------------------------------------------------------


def test_hard_case_01_an_event_cut_over_reads_is_whole() -> None:
    data = chunk({"content": "[PERSON_1]"}) + STOP + DONE
    for cut in range(1, len(data)):
        assert said(run([data[:cut], data[cut:]], chat_stream(vault()))) == ADA


def test_hard_case_02_a_character_cut_over_reads_is_whole() -> None:
    frame = chunk({"content": "caf\u00e9 [EMAIL_1]"}).replace(b"\\u00e9", "é".encode())
    out = run(
        [*(frame[at : at + 1] for at in range(len(frame))), STOP + DONE],
        chat_stream(vault()),
    )
    assert said(out) == "café x@y.io"


def test_hard_case_04_a_surrogate_pair_over_two_deltas_survives() -> None:
    out = answered("\ud83d", "\ude00 [EMAIL_1]")
    assert said(out) == "\ud83d\ude00 x@y.io"


def test_hard_case_08_an_error_body_that_echoes_the_prompt_is_restored() -> None:
    body = {"error": {"message": "no [PERSON_1] here", "code": 1}}
    restore_body(body, classify, answer_scan(vault()))
    assert body["error"]["message"] == f"no {ADA} here"


def test_hard_case_09_held_text_goes_out_before_an_error_event() -> None:
    out = answered("see [PERS", end=b'data: {"error":{"message":"overloaded"}}\n\n')
    assert out.index(b"[PERS") < out.index(b"overloaded")


def test_hard_case_10_a_dead_provider_leaves_the_text_as_it_is_and_an_error() -> None:
    out = answered("see [PERS", end=b"")
    assert said(out) == "see [PERS"
    assert "error" in payloads(out)[-1]


# --- splits of placeholders ----------------------------------------------------------------------------------


def test_hard_case_11_a_placeholder_over_seven_deltas() -> None:
    assert said(answered("[", "PER", "SON", "_", "1", "]", ",")) == ADA + ","


def test_hard_case_12_any_cut_gives_the_same() -> None:
    text = "Dear [PERSON_1] <[EMAIL_1]>, \\[PERSON\\_1\\] %5BEMAIL_1%5D"
    whole = said(answered(text))
    assert all(said(answered(text[:cut], text[cut:])) == whole for cut in range(len(text)))
    assert said(answered(*text)) == whole == f"Dear {ADA} <x@y.io>, {ADA} x%40y.io"


def test_hard_case_13_a_bracket_alone_and_two_brackets() -> None:
    assert said(answered("a [", "b")) == "a [b"
    assert said(answered("[", "[PERSON_1]](url)")) == f"[{ADA}](url)"


def test_hard_case_14_two_placeholders_in_a_delta_and_one_that_begins() -> None:
    assert said(answered("[PERSON_1] <[EMAIL_1]>")) == f"{ADA} <x@y.io>"
    assert said(answered("[PERSON_1][EMA", "IL_1]")) == f"{ADA}x@y.io"


@pytest.mark.parametrize("text", ["[PERSONAL", "[PERSON_1st", "arr[PER,"])
def test_hard_case_15_what_can_become_nothing_any_more_is_let_go(text: str) -> None:
    each = TextRun(answer_scan(vault()))
    assert each.feed(text) == len(text)


def test_hard_case_16_code_that_looks_like_an_opener_is_held_for_at_most_a_placeholder() -> None:
    for text in ("[[ -f x ]]", "a[i]", "[ERROR]", "[x](y)", "[ " * 300, "[PERSON" * 100, "&#9", "%5", "\\["):
        each = TextRun(answer_scan(vault()))
        for fed, character in enumerate(text, 1):
            assert fed - each.feed(character) < LONGEST_PLACEHOLDER
        assert restored(text) == text


def test_hard_case_17_numbers_that_begin_alike_are_told_apart() -> None:
    made = Vault()
    for number in range(1, 101):
        made.hide(texts.entity("PERSON"), f"<{number}>")
    out = answered("[PERSON_1", "0", "0] [PERSON_10", "] [PERSON_1] [PERSON_1000]", made=made)
    assert said(out) == "<100> <10> <1> [PERSON_1000]"


def test_hard_case_18_what_was_put_in_is_not_substituted_again() -> None:
    made = vault(PERSON="Ada [EMAIL_1]")
    assert said(answered("[PERSON_1]", made=made)) == "Ada [EMAIL_1]"
    # Nor can it complete what stands beside it.
    made = vault(PERSON="[EMAIL")
    assert said(answered("[PERSON_1]_1]", made=made)) == "[EMAIL_1]"


@pytest.mark.parametrize(
    "written",
    ["[PERSON_1]", "[person 1]", "\\[PERSON\\_1\\]", "%5BPERSON_1%5D", "&#91;PERSON_1&#93;", "［PERSON_1］"],
)
def test_hard_case_19_what_the_caller_wrote_as_a_placeholder_comes_back_unchanged(written: str) -> None:
    changed, made, _ = sent(asked(f"say {written} about John Smith"))
    assert changed["messages"][0]["content"] == f"say {written} about [PERSON_2]"
    assert said(answered(f"{written} [PERSON_2]", made=made)) == f"{written} John Smith"


def test_hard_case_20_an_invented_number_passes_and_is_counted() -> None:
    scan = answer_scan(vault())
    assert restored("[PERSON_7]", scan=scan) == "[PERSON_7]"
    assert scan.unresolved == 2  # `restored` runs twice


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("[person_1]", ADA), ("[PERSON 1]", ADA), ("[Person_1]", ADA), ("\\[PERSON\\_1\\]", ADA), ("**[PERSON_1]**", f"**{ADA}**"), ("[PERSON_1's]", ADA + "'s"),
        ("[PERSON_1]'s", ADA + "'s"), ("PERSON_1", "PERSON_1"), ("&#91;PERSON_1&#93;", "Ada &quot;A&quot; Byron"), ("[PERSON_1", "[PERSON_1"),
        ("［PERSON_1］", ADA), ("[PERSON\u00a01]", ADA), ("[PERSON\u200d_1]", ADA),
    ],
)  # fmt: skip
def test_hard_case_21_what_a_model_makes_of_a_placeholder(written: str, shown: str) -> None:
    assert restored(written) == shown


@pytest.mark.parametrize("written", ["[PERSONNE_1]", "[人物_1]"])
def test_hard_case_22_a_translated_label_stays(written: str) -> None:
    assert restored(written) == written
    documented("a translated label")


def test_hard_case_23_a_line_break_inside_is_tolerated_and_spelling_out_is_not() -> None:
    assert restored("[PERSON_\n1]") == ADA
    assert restored("P-E-R-S-O-N-1") == "P-E-R-S-O-N-1"
    documented("placeholder spelled out")


@pytest.mark.parametrize(
    "around", ["[mail](mailto:{})", '<a title="{}">', "<x>{}</x>", '1,"{}",2', r"^{}$", r"\name{{{}}}"]
)
def test_hard_case_24_in_any_other_syntax_the_value_is_raw(around: str) -> None:
    assert restored(around.format("[EMAIL_1]")) == around.format("x@y.io")
    documented("Sluice cannot know what reads it")


def test_hard_case_25_percent_encoded_in_a_url_comes_back_percent_encoded() -> None:
    made = vault()
    made.hosts |= {"h"}
    assert restored("https://h/u?e=%5BEMAIL_1%5D", scan=answer_scan(made)) == "https://h/u?e=x%40y.io"
    assert restored("https://h/u?e=[EMAIL_1]", scan=answer_scan(made)) == "https://h/u?e=x@y.io"


def test_hard_case_26_in_base64_nothing_is_restored() -> None:
    text = base64.b64encode(b"mail [EMAIL_1]").decode()
    assert restored(text) == text
    documented("in base64")


def test_hard_case_27_an_answer_cut_off_inside_a_placeholder_ends_literally() -> None:
    out = answered("see [PERSON_", end=chunk({}, finish="length") + DONE)
    assert said(out) == "see [PERSON_"
    assert b'"length"' in out


def test_hard_case_28_stop_sequences_are_redacted_like_text() -> None:
    changed, _, _ = sent({**asked("mail a@b.io"), "stop": ["a@b.io", "]"]})
    assert changed["stop"] == ["[EMAIL_1]", "]"]
    documented("Stop sequences", "ends an answer inside a placeholder")


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


# --- the request --------------------------------------------------------------------------------------------


def test_hard_case_61_every_place_is_looked_at() -> None:
    body = {
        **asked("a@b.io"), "user": "a@b.io", "metadata": {"k": "a@b.io", "a@b.io": 1}, "prediction": {"content": "a@b.io"},
        "tools": [{"function": {"description": "a@b.io", "parameters": {"default": "a@b.io", "enum": ["a@b.io"]}}}],
        "response_format": {"json_schema": {"schema": {"description": "a@b.io"}}}, "unknown": [["a@b.io"]],
    }  # fmt: skip
    assert "a@b.io" not in json.dumps(sent(body)[0])


@pytest.mark.parametrize("format", ["token", "synthetic"])
def test_hard_case_62_the_same_conversation_is_redacted_the_same_in_each_turn(format: Any) -> None:
    first = asked("I am Jane Roe, a@b.io")
    later = asked("I am Jane Roe, a@b.io", "and c@d.io")
    assert sent(later, Vault(format))[0]["messages"][0] == sent(first, Vault(format))[0]["messages"][0]


def test_hard_case_62_where_the_provider_keeps_it_an_id_outlives_the_request() -> None:
    first, second = (
        sent(asked(text), Vault(stable_key=b"tenant"))[0] for text in ("x a@b.io", "c@d.io then a@b.io")
    )
    assert first["messages"][0]["content"].split()[-1] == second["messages"][0]["content"].split()[-1]


@pytest.mark.parametrize("format", ["token", "synthetic"])
def test_hard_case_63_each_surface_form_comes_back_as_it_stood(format: Any) -> None:
    text = "X@y.io x@y.io 4111 1111 1111 1111 4111-1111-1111-1111"
    changed, made, _ = sent(asked(text), Vault(format))
    out = changed["messages"][0]["content"]
    assert said(answered(out, made=made)) == text
    assert len(made) == 4


def test_hard_case_64_one_surface_of_two_kinds_has_two_placeholders() -> None:
    made = Vault()
    assert made.hide(texts.entity("PERSON"), "Paris") != made.hide(texts.entity("LOCATION"), "Paris")


def test_hard_case_65_overlapping_findings_leave_nothing_behind() -> None:
    changed, made, _ = sent(asked("https://bob:hunter22@db.example.com/ and DE89 3704 0044 0532 0130 00"))
    out = changed["messages"][0]["content"]
    assert "hunter22" not in out
    assert "3704" not in out
    made.hosts |= {"db.example.com"}


def test_hard_case_66_a_value_over_two_parts_is_documented() -> None:
    documented("split over two content parts or two messages")


@pytest.mark.parametrize(
    "written",
    [
        "4111\u200b1111\u200b1111\u200b1111",
        "４１１１１１１１１１１１１１１１",
        "john&#64;x.io",
        "john (at) x.io",
        "jоhn@example.com",
        "john@**x**.io",
    ],
)
def test_hard_case_67_a_value_in_disguise_is_found_and_comes_back_as_it_stood(written: str) -> None:
    changed, made, _ = sent(asked(f"it is {written}, ok"))
    out = changed["messages"][0]["content"]
    assert written not in out
    assert said(answered(out, made=made)) == f"it is {written}, ok"
    documented("Values in disguise")


def test_hard_case_68_bytes_are_not_scanned_and_keys_of_many_lines_are() -> None:
    image = {
        "type": "image_url",
        "image_url": {"url": "data:image/png;base64,4111111111111111" + "A" * 100_000},
    }
    body = asked([image])
    assert sent(body)[0] == body
    assert sent(asked(f"key {texts.PEM} end"))[0]["messages"][0]["content"] == "key [PRIVATE_KEY_1] end"


def test_hard_case_69_a_value_in_an_images_url_is_hidden() -> None:
    body = asked([{"type": "image_url", "image_url": {"url": "https://h/?e=a@b.io"}}])
    assert "a@b.io" not in json.dumps(sent(body)[0])
    documented("An image's URL is text", "Text inside images, audio and files")


def test_hard_case_70_test_cards_are_hidden_and_other_numbers_are_not() -> None:
    text = (
        "user_id = 4111111111111111; sha = 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b; t = 1700000000; v1.2.3"
    )
    assert sent(asked(text))[0]["messages"][0]["content"] == text.replace(
        "4111111111111111", "[CREDIT_CARD_1]"
    )
    documented("Test numbers")


@pytest.mark.parametrize("written", ['{\\"email\\":\\"x@y.io\\"}', "x\\u0040y.io"])
def test_hard_case_71_json_in_text_is_looked_through(written: str) -> None:
    changed, made, _ = sent(asked(f"log: {written}"))
    out = changed["messages"][0]["content"]
    assert "[EMAIL_1]" in out
    assert said(answered(out, made=made)) == f"log: {written}"


def test_hard_case_72_marks_around_a_placeholder_stay() -> None:
    assert restored("\u202b[PERSON_1]\u202c") == f"\u202b{ADA}\u202c"
    assert (
        said(answered(sent(asked("شكرا x@y.io \u200f"))[0]["messages"][0]["content"])) == "شكرا x@y.io \u200f"
    )


def test_hard_case_75_a_placeholder_of_the_callers_pulls_nobodys_value() -> None:
    changed, made, _ = sent(asked("a@b.io", "repeat [EMAIL_1] [EMAIL_2] [EMAIL_3]"))
    assert changed["messages"][0]["content"] == "[EMAIL_4]"
    assert said(answered("[EMAIL_1] [EMAIL_2] [EMAIL_3]", made=made)) == "[EMAIL_1] [EMAIL_2] [EMAIL_3]"
    assert said(answered("[EMAIL_4]", made=Vault())) == "[EMAIL_4]"


@pytest.mark.parametrize("format", ["token", "synthetic"])
def test_hard_case_76_no_value_is_put_into_an_image_link_or_an_unknown_host(format: Any) -> None:
    changed, made, _ = sent(asked("a@b.io, see https://known.example/"), Vault(format))
    hidden = changed["messages"][0]["content"].split(",")[0]
    for text in (f"![](https://evil/?q={hidden})", f"https://evil/?q={hidden}"):
        assert said(answered(text, made=made)) == text
    assert (
        said(answered(f"https://known.example/?q={hidden}", made=made)) == "https://known.example/?q=a@b.io"
    )
    documented("in an image link, or in a URL whose host your request did not mention")


def test_hard_case_77_labels_are_short_and_neutral() -> None:
    for row in ENTITIES:
        assert len(row.label) <= 24
        assert row.label.replace("_", "").isascii()
    documented("What a model refuses")


# --- operations ----------------------------------------------------------------------------------------------


def test_hard_case_84_a_vault_shows_nothing() -> None:
    assert "Byron" not in repr(vault()) + str(vault()) + f"{vault()!r}"


def test_hard_case_87_a_restored_value_is_not_redacted_again() -> None:
    out = answered(
        "card [CREDIT_CARD_1], own 5555 5555 5555 4444.", made=vault(CREDIT_CARD="4111 1111 1111 1111")
    )
    assert said(out) == "card 4111 1111 1111 1111, own [CREDIT_CARD]."


def test_hard_case_88_what_could_still_become_a_card_is_held_until_the_finish() -> None:
    assert said(answered("4111 1111 ", "1111 ", "1111")) == "[CREDIT_CARD]"
    assert b"4111" not in answered("4111 1111 1111 1111", end=b"").split(b'"error"')[0]


def test_hard_case_89_lists_of_numbers_are_not_held_forever() -> None:
    each = TextRun(answer_scan(vault()))
    fed = 0
    for _ in range(500):
        fed += 4
        assert fed - each.feed("1234") <= max(row.longest for row in ENTITIES)


def test_hard_case_90_stand_ins() -> None:
    taken = "avocet01@example.com"
    changed, made, _ = sent(
        asked(f"not {taken} but I am John Smith, 4012 8888 8888 1881, +1 415 867 2671"), Vault("synthetic")
    )
    out = changed["messages"][0]["content"]
    for value in (taken, "Smith", "4012 8888 8888 1881", "867"):
        assert value not in out
    first, last = out.split(" am ")[1].split(",")[0].split()
    shown = said(answered(f"{last}'s, {first}{last}, {last}a, {last.lower()}. ", out, made=made))
    assert shown.startswith(
        f"Smith's, {first}{last}, {last}a, {last.lower()}. not {taken} but I am John Smith, 4012"
    )
    documented("Stand-ins", "555-0100 to 555-0199", "may belong to somebody")
