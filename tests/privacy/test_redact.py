"""Whole bodies: everything that is text is made safe, nothing else is touched, and it all comes back."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.openai_chat.fields import FIELD_NAMES, classifier
from gateway.errors import PolicyViolation
from gateway.privacy.actions import IN_REQUESTS, Actions, actions
from gateway.privacy.custom import allowed, custom, denied
from gateway.privacy.entities import Entity, UnknownEntity
from gateway.privacy.plan import Action
from gateway.privacy.redact import Findings, answer_scan, redact_request, restore_body
from gateway.privacy.scanner import Scan, plan_for
from gateway.privacy.vault import Vault
from tests.privacy import texts
from tests.privacy.test_normalise import DISGUISED

PLANTED = "planted@example.com"

classify = classifier(False)


def redacted(body: dict[str, Any]) -> tuple[dict[str, Any], Vault]:
    vault = Vault()
    changed = copy.deepcopy(body)
    redact_request(changed, classify, vault)
    return changed, vault


@given(text=texts.texts)
def test_law_5_restoring_what_was_redacted_gives_the_text(text: str) -> None:
    body = {"messages": [{"role": "user", "content": text}]}
    changed, vault = redacted(body)
    vault.hosts |= {"evil", "h", "evil.example"}
    # Restoring alone: what is left beside a placeholder may look like a finding that it was none of before.
    scan = Scan(plan_for((), vault.openings()), lambda entity, _: "", vault)
    answer = {"choices": [{"message": {"content": changed["messages"][0]["content"]}}]}
    restore_body(answer, classify, scan)
    if not scan.withheld:
        assert answer["choices"][0]["message"]["content"] == text


def test_law_5_catches_a_vault_that_does_not_reserve(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(text: str) -> str:
        changed, vault = redacted({"messages": [{"role": "user", "content": text}]})
        restore_body(changed, classify, answer_scan(vault))
        return str(changed["messages"][0]["content"])

    text = "&#91;email 1&#93; is a@b.io"
    assert answer(text) == text
    monkeypatch.setattr(Vault, "reserve", lambda self, text: None)
    assert answer(text) != text


@given(text=texts.texts)
def test_law_5_holds_in_tool_arguments(text: str) -> None:
    arguments = json.dumps({"to": text, "list": [text, 1]})
    changed, vault = redacted(
        {"messages": [{"role": "assistant", "tool_calls": [{"function": {"arguments": arguments}}]}]}
    )
    sent = changed["messages"][0]["tool_calls"][0]["function"]["arguments"]
    json.loads(sent)
    scan = answer_scan(vault)
    answer = {"choices": [{"message": {"tool_calls": [{"function": {"arguments": sent}}]}}]}
    restore_body(answer, classify, scan)
    if not scan.redacted and not scan.withheld:
        assert json.loads(
            answer["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]
        ) == json.loads(arguments)


def everywhere() -> dict[str, Any]:
    """A request with the planted value in every place that text can stand."""
    p = PLANTED
    return {
        "model": "gpt-4o",
        "messages": [
            {"role": "system", "content": p},
            {"role": "developer", "content": p},
            {"role": "user", "content": p, "name": p},
            {"role": "user", "content": [{"type": "text", "text": p}, {"type": "image_url", "image_url": {"url": f"https://h/?e={p}"}}]},
            {"role": "user", "content": [{"type": "file", "file": {"filename": p}}]},
            {"role": "assistant", "content": p, "refusal": p, "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": json.dumps({"to": p, p: 1})}}]},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "c2", "type": "custom", "custom": {"name": "f", "input": p}}]},
            {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": json.dumps({"to": p})}},
            {"role": "tool", "tool_call_id": "c1", "content": p},
            {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": p}]},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "description": p, "parameters": {"properties": {"a": {"description": p, "default": p, "enum": [p], "examples": [p]}}}}}],
        "functions": [{"name": "g", "description": p}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"description": p}}},
        "prediction": {"type": "content", "content": p},
        "metadata": {"who": p, p: "key"},
        "user": p,
        "safety_identifier": p,
        "stop": [p],
        "web_search_options": {"user_location": {"city": p}},
        "something_new": {"deep": [{"er": p}]},
    }  # fmt: skip


def test_every_place_of_a_request_is_redacted() -> None:
    sent = msgspec.json.encode(redacted(everywhere())[0])
    assert PLANTED.encode() not in sent
    assert sent.count(b"EMAIL_1") == msgspec.json.encode(everywhere()).count(PLANTED.encode())


@pytest.mark.parametrize(
    "path",
    [
        "messages.0.tool_call_id",
        "messages.0.tool_calls.0.id",
        "messages.0.tool_calls.0.function.name",
        "model",
        "tools.0.function.name",
    ],
)
def test_ids_and_names_are_never_touched(path: str) -> None:
    steps: list[Any] = [int(step) if step.isdigit() else step for step in path.split(".")]
    node: Any = "call_123-45-6789 " + PLANTED
    for step in reversed(steps):
        node = [node] if isinstance(step, int) else {step: node}
    assert redacted(node)[0] == node


def test_bytes_are_not_looked_at() -> None:
    body = {"messages": [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,4111111111111111 a@b.io"}},
        {"type": "input_audio", "input_audio": {"data": "4111111111111111", "format": "wav"}},
        {"type": "file", "file": {"file_data": "4111111111111111"}},
    ]}]}  # fmt: skip
    assert redacted(body)[0] == body


def test_a_number_that_is_an_identifier_becomes_a_string() -> None:
    body = {
        "messages": [{"role": "user", "content": "x", "card": 4111111111111111, "n": 4111111111111112}],
        "rows": [4111111111111111.0, 4111111111111112.0, True, 1e300],
        "seed": 4111111111111111,
    }
    changed = redacted(body)[0]
    assert changed["messages"][0]["card"] == "[CREDIT_CARD_1]"
    assert changed["messages"][0]["n"] == 4111111111111112
    assert changed["rows"] == ["[CREDIT_CARD_1].0", 4111111111111112.0, True, 1e300]
    assert changed["seed"] == 4111111111111111


def test_keys_give_left_context() -> None:
    arguments = '{"name": "Quillo Zorv", "title": "Quillo Zorv"}'
    changed, _ = redacted(
        {"messages": [{"role": "a", "tool_calls": [{"function": {"arguments": arguments}}]}]}
    )
    assert (
        changed["messages"][0]["tool_calls"][0]["function"]["arguments"]
        == '{"name": "[PERSON_1]", "title": "Quillo Zorv"}'
    )


def test_numbers_are_the_same_in_every_turn() -> None:
    first = {"messages": [{"role": "user", "content": "a@x.io and b@x.io"}]}
    second = {
        "messages": [
            *first["messages"],
            {"role": "assistant", "content": "b@x.io"},
            {"role": "user", "content": "c@x.io a@x.io"},
        ]
    }
    one, two = redacted(first)[0], redacted(second)[0]
    assert two["messages"][0] == one["messages"][0]
    assert [m["content"] for m in two["messages"][1:]] == ["[EMAIL_2]", "[EMAIL_3] [EMAIL_1]"]


def test_what_the_caller_wrote_as_a_placeholder_stays_and_pulls_nothing() -> None:
    changed, vault = redacted({"messages": [{"role": "user", "content": "say [EMAIL_1] then a@x.io"}]})
    assert changed["messages"][0]["content"] == "say [EMAIL_1] then [EMAIL_2]"
    answer = {"choices": [{"message": {"content": "[EMAIL_1] [EMAIL_2]"}}]}
    restore_body(answer, classify, answer_scan(vault))
    assert answer["choices"][0]["message"]["content"] == "[EMAIL_1] a@x.io"


# --- actions, allow-lists, disguises ------------------------------------------------------------------------


def acting(overrides: Mapping[str, Action] | None = None, **more: Any) -> Actions:
    return actions(overrides or {}, IN_REQUESTS, **more)


def one(content: Any, policy: Actions, **vault: Any) -> tuple[Any, Findings]:
    body = {"messages": [{"role": "user", "content": content}]}
    found = redact_request(body, classify, Vault(**vault), FIELD_NAMES, policy)
    return body["messages"][0]["content"], found


TEXT = "mail a@b.io, card 4111 1111 1111 1111, ssn 123-45-6789"


def test_each_entity_meets_its_action() -> None:
    policy = acting({"EMAIL_ADDRESS": "allow", "US_SSN": "flag"})
    assert one(TEXT, policy) == (
        "mail a@b.io, card [CREDIT_CARD_1], ssn 123-45-6789",
        {("CREDIT_CARD", "redact"): 1, ("US_SSN", "flag"): 1},
    )


def test_what_is_ordinary_is_left_alone_unless_asked_for() -> None:
    row = Entity(
        name="URL",
        label="URL",
        kind="ordinary",
        core=r"https?://[^\s]{1,99}",
        longest=107,
        openings=(("h", "t", "t", "p"),),
    )
    text = "see https://x.io/?e=a@b.io now"
    assert one(text, acting(more=(row,)))[0] == "see https://x.io/?e=[EMAIL_1] now"
    assert one(text, acting({"URL": "redact"}, more=(row,)))[0] == "see [URL_1] now"
    # What is only flagged never hides what must be hidden.
    assert one(text, acting({"URL": "flag"}, more=(row,))) == (
        "see https://x.io/?e=[EMAIL_1] now",
        {("EMAIL_ADDRESS", "redact"): 1},
    )


@pytest.mark.parametrize("nature", ["text", "arguments"])
def test_a_block_names_the_entity_and_the_place_and_never_content(nature: str) -> None:
    message: dict[str, Any] = {"role": "user", "content": ["x", {"type": "text", "text": TEXT}]}
    if nature == "arguments":
        message = {
            "role": "assistant",
            "tool_calls": [{"function": {"name": "f", "arguments": json.dumps({"a": TEXT})}}],
        }
    with pytest.raises(PolicyViolation) as caught:
        redact_request(
            {"messages": [message]}, classify, Vault(), FIELD_NAMES, acting({"CREDIT_CARD": "block"})
        )
    place = (
        "messages[0].content[1].text" if nature == "text" else "messages[0].tool_calls[0].function.arguments"
    )
    assert caught.value.param == place
    assert "CREDIT_CARD" in caught.value.message
    assert "4111" not in caught.value.message


def test_a_block_does_not_quote_a_callers_key() -> None:
    with pytest.raises(PolicyViolation) as caught:
        redact_request(
            {"metadata": {"Jane": {"x": TEXT}}}, classify, Vault(), FIELD_NAMES, acting({"US_SSN": "block"})
        )
    assert caught.value.param == "metadata.*.*"


def test_an_action_for_no_entity_is_refused() -> None:
    with pytest.raises(UnknownEntity, match="SHOE_SIZE"):
        acting({"SHOE_SIZE": "redact"})


def test_what_is_allowed_is_never_a_finding() -> None:
    policy = acting({"US_SSN": "block"}, allowed=allowed(["a@b.io", "4111111111111111"], [r"123-45-\d{4}"]))
    assert one(TEXT, policy) == (
        "mail a@b.io, card [CREDIT_CARD_1], ssn 123-45-6789",
        {("CREDIT_CARD", "redact"): 1},
    )
    body = {
        "messages": [
            {
                "role": "a",
                "n": 4111111111111111,
                "tool_calls": [{"function": {"arguments": '{"n":4111111111111111,"m":["a@b.io"]}'}}],
            }
        ]
    }
    same = copy.deepcopy(body)
    redact_request(same, classify, Vault(), FIELD_NAMES, policy)
    assert same == body


def test_a_policys_own_words_and_patterns_are_hidden() -> None:
    policy = acting(more=(denied("PROJECT", ["heron"]), custom("STAFF_ID", r"EMP-\d{6}", label="STAFF")))
    assert one("Heron by EMP-123456", policy)[0] == "[PROJECT_1] by [STAFF_1]"


@pytest.mark.parametrize(
    ("format", "written"),
    [("mask", "a***@***.io"), ("redact", "[EMAIL]"), ("hash", None), ("synthetic", "avocet01@example.com")],
)
def test_formats(format: str, written: str | None) -> None:
    content, found = one("to a@b.io", acting(), format=format, key=b"k")
    assert found == {("EMAIL_ADDRESS", "redact"): 1}
    assert "a@b.io" not in content
    assert written is None or content == f"to {written}"


def test_keys_that_are_written_alike_are_not_lost() -> None:
    body = {"metadata": {"a@x.io": 1, "b@x.io": 2, "c": 3}}
    redact_request(body, classify, Vault("redact"), FIELD_NAMES)
    assert body == {"metadata": {"[EMAIL]": 1, "[EMAIL]'": 2, "c": 3}}


def test_an_answers_own_secrets_are_written_in_a_one_way_format() -> None:
    answer = {"choices": [{"message": {"content": "card 4111 1111 1111 1111 [CREDIT_CARD_1]"}}]}
    restore_body(answer, classify, answer_scan(Vault("mask")))
    assert answer["choices"][0]["message"]["content"] == "card **** **** **** 1111 [CREDIT_CARD_1]"


# In JSON what is written with an escape of its own is not seen (docs/privacy.md).
IN_JSON = [("json", written) for written in DISGUISED if "\\" not in written]


@pytest.mark.parametrize(("nature", "written"), [("text", written) for written in DISGUISED] + IN_JSON)
def test_a_value_in_disguise_is_hidden_and_comes_back_as_it_stood(nature: str, written: str) -> None:
    message: dict[str, Any] = {"role": "user", "content": f"so: {written}."}
    if nature == "json":
        arguments = json.dumps({"a": f"so: {written}."}, ensure_ascii=False)
        message = {"role": "assistant", "tool_calls": [{"function": {"arguments": arguments}}]}
    body = {"messages": [message]}
    changed, vault = redacted(body)
    assert written not in json.dumps(changed, ensure_ascii=False)
    restore_body(changed, classify, answer_scan(vault))
    assert changed == body


@given(
    text=st.lists(
        st.sampled_from([*DISGUISED, *texts.NEAR[:20], *texts.PLACEHOLDERS, "a@b.io", " "]), max_size=8
    ).map("".join),
    format=st.sampled_from(["token", "synthetic"]),
)
def test_law_5_holds_for_disguises_and_both_formats(text: str, format: Any) -> None:
    vault = Vault(format)
    body = {"messages": [{"role": "user", "content": text}]}
    redact_request(body, classify, vault, FIELD_NAMES)
    scan = answer_scan(vault)
    restore_body(body, classify, scan)
    if not scan.withheld:
        assert body["messages"][0]["content"] == text
