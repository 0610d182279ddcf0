"""The hard cases of framing and of placeholders (1 to 28), one test a case, by the case's number.

What is only documented is looked for in docs/privacy.md, so that the promise and the page stay together.
"""

from __future__ import annotations

import base64

import pytest

from gateway.privacy.grammar import LONGEST_PLACEHOLDER
from gateway.privacy.redact import answer_scan, restore_body
from gateway.privacy.scanner import TextRun
from gateway.privacy.vault import Vault
from tests.chat_stream import DONE, STOP, chat_stream, chunk, payloads, run
from tests.privacy import texts
from tests.privacy.hard_cases import (
    ADA,
    answered,
    asked,
    classify,
    documented,
    restored,
    said,
    sent,
    vault,
)

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
