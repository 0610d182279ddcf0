"""What is written down holds facts, never content."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.config import Log
from gateway.server import logs, telemetry
from gateway.server.call import Call

SECRET = "john@example.com"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("sluice")
    before = root.handlers[:], root.level, ours.level
    yield
    root.handlers[:], root.level, ours.level = before
    logging.captureWarnings(False)
    logging.disable(logging.NOTSET)


def written(stream: io.StringIO) -> list[dict[str, Any]]:
    """Every line, each of which is a JSON object."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.fixture
def out() -> io.StringIO:
    stream = io.StringIO()
    logs.setup(Log(), stream)
    return stream


def test_a_bug_is_reported_by_type_and_place_only(out: io.StringIO) -> None:
    try:
        raise KeyError(SECRET)
    except KeyError as bug:
        telemetry.report(bug, "relay", "01ID")
    (told,) = written(out)
    assert (told["bug"], told["phase"], told["request_id"]) == ("KeyError", "relay", "01ID")
    assert (told["level"], told["logger"]) == ("error", "sluice")
    assert any("test_telemetry.py" in place for place in told["at"])
    assert SECRET not in out.getvalue()


def test_the_facts_of_a_request_are_numbers_and_names() -> None:
    call = Call(id="01ID", started_at=1.0, model=f"model-{SECRET}", entities={"EMAIL_ADDRESS": 2})
    told = telemetry.facts(call, 1.25)
    assert told["total_ms"] == 250
    assert told["entities"] == {"EMAIL_ADDRESS": 2}
    assert SECRET not in json.dumps(told)


def test_an_error_type_that_a_provider_made_up_is_not_repeated() -> None:
    call = Call(id="01ID", started_at=1.0, error=SECRET, source="provider")
    assert telemetry.facts(call, 2.0)["error"] == "other"


def test_every_record_is_one_line_with_the_request_that_it_belongs_to(out: io.StringIO) -> None:
    logging.getLogger("sluice.access").info("two\nlines", extra={"facts": {"status": 200}})
    token = logs.REQUEST_ID.set("01ID")
    logging.getLogger("sluice").warning("at %s", "once")
    logs.REQUEST_ID.reset(token)
    first, second = written(out)
    assert (first["message"], first["status"], first["request_id"]) == ("two\nlines", 200, None)
    assert (second["message"], second["request_id"], second["level"]) == ("at once", "01ID", "warning")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", first["time"])


def test_what_a_library_fills_into_its_message_is_not_written(out: io.StringIO) -> None:
    library = logging.getLogger("aiohttp.server")
    try:
        raise ValueError(SECRET)
    except ValueError:
        library.exception("Error handling %s", SECRET)
    library.info("not at this level: %s", SECRET)
    (told,) = written(out)
    assert (told["message"], told["exception"]) == ("Error handling %s", "ValueError")
    assert SECRET not in out.getvalue()


async def test_an_exception_that_nobody_awaited_is_told_by_type_and_place(out: io.StringIO) -> None:
    loop = asyncio.get_running_loop()
    try:
        raise ValueError(SECRET)
    except ValueError as bug:
        telemetry.report_to_loop(loop, {"message": SECRET, "exception": bug})
    telemetry.report_to_loop(loop, {"message": SECRET})
    first, second = written(out)
    assert (first["bug"], second["level"]) == ("ValueError", "error")
    assert SECRET not in out.getvalue()


@pytest.mark.parametrize(
    ("level", "quiet", "shown"), [("info", False, 2), ("warning", False, 1), ("debug", True, 1)]
)
def test_the_level_says_what_is_written(level: Any, quiet: bool, shown: int) -> None:
    stream = io.StringIO()
    logs.setup(Log(level=level), stream, quiet=quiet)
    logging.getLogger("sluice.access").info("request")
    logging.getLogger("sluice").warning("a warning")
    assert len(written(stream)) == shown


@pytest.mark.parametrize("quiet", [False, True])
def test_the_level_follows_another_configuration(quiet: bool) -> None:
    stream = io.StringIO()
    logs.setup(Log(), stream, quiet=quiet)
    for options in (Log("error"), Log("debug"), Log("warning")):
        logs.follow(options)
        logging.getLogger("sluice.access").debug(f"{options.level}: details")
        logging.getLogger("sluice").warning(f"{options.level}: a warning")
    wanted = ["debug: a warning", "warning: a warning"]
    assert [each["message"] for each in written(stream)] == [*([] if quiet else ["debug: details"]), *wanted]


def test_a_terminal_gets_plain_lines() -> None:
    stream = Terminal()
    logs.setup(Log(), stream)
    logging.getLogger("sluice.access").info("request", extra={"facts": {"status": 200, "error": None}})
    assert re.fullmatch(r"\d\d:\d\d:\d\d info    request status=200\n", stream.getvalue())


def test_setting_up_twice_writes_once(out: io.StringIO) -> None:
    again = io.StringIO()
    logs.setup(Log(), again)
    logging.getLogger("sluice").warning("once")
    assert (len(written(out)), len(written(again))) == (0, 1)
