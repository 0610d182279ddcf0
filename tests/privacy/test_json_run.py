"""JSON in a lane: values found behind escapes, what is put in escaped for its place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.privacy.json_run import JsonRun, SniffRun, looks_like_json
from gateway.privacy.redact import answer_scan
from gateway.privacy.scanner import apply
from gateway.privacy.vault import Vault
from tests.privacy import texts

VALUES = {"PERSON": 'Ada "A" \\ Byron\n\t\u2028😀', "EMAIL": "x@y.io"}


def restore(raw: str, kind: type[JsonRun] | type[SniffRun] = JsonRun) -> str:
    vault = Vault()
    for label, value in VALUES.items():
        vault.hide(texts.entity(label), value)
    run = kind(answer_scan(vault))
    run.feed(raw)
    assert run.flush() == len(raw)
    return apply(raw, run.edits)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.sampled_from(["plain", "[PERSON_1]", "a [EMAIL_1] b", 'q"[PERSON_1]"\\', "é😀", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["k", "[EMAIL_1]", "n"]), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


def substituted(node: Any) -> Any:
    if isinstance(node, str):
        return node.replace("[PERSON_1]", VALUES["PERSON"]).replace("[EMAIL_1]", VALUES["EMAIL"])
    if isinstance(node, list):
        return [substituted(item) for item in node]
    if isinstance(node, dict):
        return {substituted(key): substituted(value) for key, value in node.items()}
    return node


@given(value=json_values, ascii=st.booleans(), indent=st.none() | st.just(2), depth=st.integers(0, 2))
def test_json_stays_json_and_every_string_is_restored(
    value: Any, ascii: bool, indent: int | None, depth: int
) -> None:
    raw = json.dumps({"v": value}, ensure_ascii=ascii, indent=indent)
    for _ in range(depth):
        raw = json.dumps({"inner": raw}, ensure_ascii=ascii)
    out: Any = json.loads(restore(raw))
    for _ in range(depth):
        out = json.loads(out["inner"])
    assert out == substituted({"v": value})


@given(text=texts.texts.filter(lambda text: text.isprintable()))
def test_without_anything_to_find_the_text_is_untouched(text: str) -> None:
    raw = json.dumps({"a": text.replace("_1", "_9")}).replace("4111", "x").replace("_9", "_77")
    vault = Vault()
    vault.hide(texts.entity("NOTHING"), "x")
    run = JsonRun(answer_scan(vault))
    run.feed(raw)
    run.flush()
    assert all(edit.text.startswith("[") for edit in run.edits)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ('{"ssn":[EMAIL_1]}', '{"ssn":"x@y.io"}'),
        ('{"card":4111111111111111,"n":12}', '{"card":"[CREDIT_CARD]","n":12}'),
        ('{"a":"\\u005bEMAIL_1\\u005d"}', '{"a":"x@y.io"}'),
        ('{"a":"[EMAIL_1', '{"a":"[EMAIL_1'),
        ('{"a":"cut \\u00', '{"a":"cut \\u00'),
        ('{"a":"lone \\ud83d [EMAIL_1]"}', '{"a":"lone \\ud83d x@y.io"}'),
        ('{"a":"{name} [EMAIL_1]"}', '{"a":"{name} x@y.io"}'),
        ('{"a":"[EMAIL_1] wrote"}', '{"a":"x@y.io wrote"}'),
        ('{"a":["[EMAIL_1]",[1,2]]}', '{"a":["x@y.io",[1,2]]}'),
        ("", ""),
        ("{}", "{}"),
    ],
)
def test_places(raw: str, expected: str) -> None:
    assert restore(raw) == expected


@pytest.mark.parametrize(
    ("text", "answer"),
    [('{"a"', True), ("{}", True), ('[ "x"', True), ("[1, 2]", True), ("[true,", True), ("[[\"", True), ("[1", None), ("[1]", False), ("[[EMAIL_1]](u)", False), ("{", None), ("[", None), (" ", None), ("[t", None), ("", None), ("{name}", False), ("[EMAIL_1]", False), ("text", False), ("[tea", False)],
)  # fmt: skip
def test_what_begins_like_json(text: str, answer: bool | None) -> None:
    assert looks_like_json(text, final=False) is answer
    assert looks_like_json(text, final=True) is bool(answer)


def test_prose_in_json_output_is_restored_as_prose() -> None:
    assert restore("Sorry, [PERSON_1]!", SniffRun) == f"Sorry, {VALUES['PERSON']}!"
