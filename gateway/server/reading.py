"""What must be awaited of a request's or an answer's texts: a model that reads them, rules on long ones.

In: bodies with their dialect's classifier, and the model. Out: what `redact_request` and the answer's runs
need to go on without waiting.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from gateway.privacy.actions import Actions
from gateway.privacy.model import ActionOf
from gateway.privacy.model_run import ModelRun, Question
from gateway.privacy.redact import (
    Ahead,
    Classify,
    pages_of,
    restore_read,
    runs_of,
    scan_in_steps,
)
from gateway.privacy.remembered import Remembered
from gateway.privacy.scanner import Scan
from gateway.server.aside import in_steps
from gateway.server.models import Reader
from gateway.stream import ResponseStream

# Rules take half a millisecond for so many characters; longer texts are scanned a stretch at a time.
_LONG = 2000


class AnswerReader(NamedTuple):
    """Who reads an answer, and what is done with what is found."""

    model: Reader
    action: ActionOf


async def look_ahead(
    body: dict[str, Any],
    classify: Classify,
    actions: Actions,
    model: Reader | None,
    size_bytes: int,
    remembered: Remembered | None = None,
) -> Ahead:
    """What is to be known before a request is redacted. Raises ModelUnavailable."""
    read = None
    if model is not None:
        pages: dict[str, str] = {}
        for page, shown in pages_of(body, classify, None if model.shows_raw else actions):
            if pages.get(page, page) == page:  # what is hidden in one place is not shown from another
                pages[page] = shown
        found = await model.read(pages.values())
        read = {page: found[shown] for page, shown in pages.items()}
    if size_bytes <= _LONG:  # no character of a text takes less than a byte
        return Ahead(read, remembered=remembered)
    scanned = await in_steps(scan_in_steps(body, classify, actions, _LONG, remembered))
    return Ahead(read, scanned, remembered)


async def restore_whole(body: Any, classify: Classify, scan: Scan, reader: AnswerReader) -> None:
    """`restore_body` for an answer that a model reads. Raises ModelUnavailable."""
    runs = runs_of(body, classify, scan, reader.action)
    asked: list[tuple[ModelRun, Question]] = [(run, each) for run in runs for each in run.wanted()]
    found = await reader.model.read(question.text for _, question in asked)
    for run, question in asked:
        run.answer(question, found[question.text])
    restore_read(body, classify, scan, runs)


async def read_to_end(stream: ResponseStream, reader: AnswerReader) -> None:
    """Have everything read that a stream still wants read."""
    while wanted := stream.wanted():
        found = await reader.model.read(text for _, text in wanted)
        for ticket, text in wanted:
            stream.answered(ticket, found[text])
