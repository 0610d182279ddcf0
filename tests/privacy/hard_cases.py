"""What the tests of the hard cases share: a vault, what comes back of a text, what a provider is sent.

Their numbers are those of a list of 90 inputs that break proxies which redact and restore. The list is not
kept here: each test says what its case is.
"""

from __future__ import annotations

import copy
from typing import Any

from gateway.chat import Lane
from gateway.dialects.openai_chat.fields import FIELD_NAMES, classifier
from gateway.privacy.json_run import JsonRun, SniffRun
from gateway.privacy.redact import Findings, answer_scan, redact_request
from gateway.privacy.scanner import Scan, TextRun, apply
from gateway.privacy.vault import Vault
from tests.chat_stream import DONE, STOP, chat_stream, chunk, lanes, run
from tests.conftest import ROOT
from tests.privacy import texts

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
