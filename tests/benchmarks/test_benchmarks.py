from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import __main__ as command
from benchmarks import dialogue, processor, report, results, rounds
from benchmarks.candidates import CANDIDATES, BenchmarkFailed
from benchmarks.processor import Stat, family, parse_busy, parse_stat
from benchmarks.results import Measurement, Run, Settings, Spread, Stamp, percentile, spread

EVENTS = st.integers(dialogue.FEWEST_EVENTS, 130)
CLIENTS = st.integers(0, 200)

# --- what is asked and answered ----------------------------------------------------------------------------


@given(CLIENTS)
def test_the_provider_finds_what_the_client_wrote(client: int) -> None:
    asked = dialogue.values(client)
    assert dialogue.find_values(dialogue.encode_request(asked)) == asked


@given(CLIENTS, EVENTS)
def test_an_answer_has_its_events_and_is_right(client: int, events: int) -> None:
    frames = dialogue.frames(dialogue.values(client), events)
    assert len(frames) == events
    assert dialogue.fault(b"".join(frames), dialogue.values(client), events) is None


PLACEHOLDERS = dialogue.Values("[PERSON_1]", "[EMAIL_1]", "[CREDIT_CARD_1]")


def restored(events: int, asked: dialogue.Values) -> list[bytes]:
    """As a gateway may write it: the same text in other frames."""
    text = "".join(dialogue.tokens(asked, events))
    rewritten = [dialogue.frame({"content": piece}) for piece in (text[:50], text[50:])]
    return [dialogue.OPENING, *rewritten, dialogue.FINISH, dialogue.DONE]


def test_restored_values_may_come_in_other_frames() -> None:
    asked = dialogue.values(3)
    assert dialogue.fault(b"".join(restored(101, asked)), asked, 101) is None


Spoil = Callable[[list[bytes]], list[bytes]]
WRONG: dict[str, Spoil] = {
    "no opening": lambda it: it[1:],
    "no end mark": lambda it: it[:-1],
    "a frame less": lambda it: [*it[:5], *it[6:]],
    "a frame twice": lambda it: [*it[:5], *it[4:]],
    "another text": lambda it: [*it[:5], dialogue.frame({"content": "?"}), *it[6:]],
    "another id": lambda it: [*it[:5], it[5].replace(b"chatcmpl-B", b"chatcmpl-C"), *it[6:]],
    "bytes behind the end": lambda it: [*it, b": x"],
    "nothing": lambda it: [],
}


@pytest.mark.parametrize("spoil", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_answer_is_seen(spoil: Spoil) -> None:
    asked = dialogue.values(0)
    assert dialogue.fault(b"".join(spoil(dialogue.frames(asked, 101))), asked, 101)


def test_a_placeholder_that_was_left_is_seen_and_so_is_another_clients_value() -> None:
    asked = dialogue.values(0)
    left = b"".join(dialogue.frames(PLACEHOLDERS, 101))
    assert dialogue.fault(left, asked, 101) == "a placeholder was left in the text"
    assert dialogue.fault(b"".join(dialogue.frames(dialogue.values(1), 101)), asked, 101)


HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@given(st.lists(st.binary(min_size=1), max_size=5))
def test_bodies_come_out_of_their_chunks(pieces: list[bytes]) -> None:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    body = b"".join(pieces)
    response = HEAD + chunks + b"0\r\n\r\n"
    assert dialogue.split_responses(response) == ([body], None)
    assert dialogue.split_responses(response * 2) == ([body, body], None)
    assert dialogue.split_responses(HEAD + chunks) == ([], "the answer was cut")
    assert dialogue.split_responses(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")[1]


# --- processor time ----------------------------------------------------------------------------------------


@given(st.text(st.characters(codec="ascii", exclude_characters="\n"), max_size=15))
def test_a_process_may_have_any_name(name: str) -> None:
    rest = "S 7 1 1 0 -1 4194560 1 2 3 4 250 50 9 9 20 0 1 0 100 0 0"
    ticks_per_s = os.sysconf("SC_CLK_TCK")
    assert parse_stat(f"42 ({name}) {rest}\n") == Stat(parent=7, used_s=300 / ticks_per_s)


def test_a_process_stands_for_all_it_has_started() -> None:
    stats = {pid: Stat(parent, 0) for pid, parent in {1: 0, 2: 1, 3: 2, 4: 3, 5: 1, 6: 6}.items()}
    assert family(stats, 2) == {2, 3, 4}
    assert family(stats, 6) == {6}


def test_what_a_core_did_is_all_but_idling_and_waiting() -> None:
    text = "cpu  9 9 9 9 9 9 9 9 9 9\ncpu0 1 2 4 800 1600 8 16 32 64 128\ncpu11 0 0 1 5 5 0 0 0 0 0\nintr 5\n"
    ticks_per_s = os.sysconf("SC_CLK_TCK")
    assert parse_busy(text) == {0: 63 / ticks_per_s, 11: 1 / ticks_per_s}


def test_own_time_is_found() -> None:
    assert processor.used_s(os.getpid()) > 0


# --- figures ------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 1))
def test_a_percentile_was_measured_and_has_its_share_at_or_below(figures: list[float], share: float) -> None:
    found = percentile(figures, share)
    assert found in figures
    assert sum(figure <= found for figure in figures) >= share * len(figures) - 1e-6


def test_figures_of_a_known_row() -> None:
    row = [float(n) for n in range(100, 0, -1)]
    assert [percentile(row, share) for share in (0.0, 0.5, 0.99, 1.0)] == [1.0, 50.0, 99.0, 100.0]
    assert spread([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)
    assert spread([]) is None


def measurement(cpu_us: float | None, first_ms: float) -> Measurement:
    return Measurement(1000, 1.0, cpu_us, 5.0, 10, [first_ms, first_ms * 2], [10.0, 12.0], 0.0)


def a_run(*rounds_: dict[str, Measurement]) -> Run:
    stamp = Stamp("2026-01-02T03:04:05Z", "abc123", "A CPU", 2, "Linux 6", {"python": "3.12.0"})
    return Run(stamp, Settings(list(rounds_[0]), rounds=len(rounds_)), list(rounds_))


def test_ratios_are_taken_within_a_round() -> None:
    # The second round was slow for all: compared across rounds it would look like a difference.
    run = a_run(
        {"direct": measurement(None, 1.0), "nginx": measurement(10, 1.5), "sluice": measurement(15, 2.0)},
        {"direct": measurement(None, 9.0), "nginx": measurement(30, 9.5), "sluice": measurement(45, 10.0)},
    )
    assert results.cpu_ratio(run, "sluice", "nginx") == Spread(1.5, 1.5, 1.5)
    assert results.added_first_ms(run, "sluice", 0) == Spread(1.0, 1.0, 1.0)
    assert results.cpu(run, "direct") is None
    assert report.verdicts(run) == [
        "- CPU per event at most 1.8 × nginx: 1.50, kept.",
        "- Median added to the first token at most 2 ms: 1.00 ms, kept.",
    ]


def test_a_broken_promise_is_said_but_not_of_a_busy_machine() -> None:
    slow = measurement(19, 4.5)
    run = a_run({"direct": measurement(None, 1.0), "nginx": measurement(10, 1.0), "sluice": slow})
    first, second = report.verdicts(run)
    assert "1.90, NOT KEPT" in first
    assert "3.50 ms, NOT KEPT" in second
    slow.others_share = 0.25
    (only,) = report.verdicts(run)
    assert "25%" in only


def test_a_report_is_rendered_from_the_file_alone() -> None:
    run = a_run(
        {"direct": measurement(None, 1.0), "nginx": measurement(10, 1.5), "sluice": measurement(15, 2)}
    )
    text = report.render(msgspec.json.decode(msgspec.json.encode(run), type=Run))
    assert "| sluice | 15.0 (15.0–15.0) | 1.50 (1.50–1.50) | 1.00 (1.00–1.00) |" in text
    assert "| direct | — | — | — | — |" in text
    assert "2026-01-02T03:04:05Z, commit abc123, A CPU, 2 cores, Linux 6; python 3.12.0." in text


def test_a_report_needs_no_yardstick() -> None:
    assert "| sluice | 15.0 (15.0–15.0) | — | — | — |" in report.render(a_run({"sluice": measurement(15, 2)}))


def test_the_kept_report_is_that_of_the_kept_results() -> None:
    run = msgspec.json.decode((results.FOLDER / "latest.json").read_bytes(), type=Run)
    assert (results.FOLDER / "latest.md").read_text() == report.render(run)


# --- the command --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--candidates", "nginx,apache"], "unknown candidate 'apache'"),
        (["--events", "3"], "--events is at least 4"),
        (["--streams", "0"], "--streams is at least 1"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        command.main(arguments)
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("name", CANDIDATES)
def test_a_candidate_answers_rightly(name: str) -> None:
    if not CANDIDATES[name].is_here():
        pytest.skip(f"{CANDIDATES[name].needs} is not installed")
    settings = Settings([name], streams=3, events=5, pace_ms=1, rounds=1, window_s=0.3)
    ((measured,),) = [each.values() for each in rounds.run(settings, lambda _: None)]
    assert measured.answers >= 3
    assert measured.events > 0
    assert (measured.cpu_us_per_event is None) == (name == "direct")


def test_a_wrong_answer_fails_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CANDIDATES, "direct", CANDIDATES["direct"]._replace(redacts=True))
    settings = Settings(["direct"], streams=3, events=5, pace_ms=1, rounds=1, window_s=0.1)
    with pytest.raises(BenchmarkFailed, match="in clear"):
        rounds.run(settings, lambda _: None)


def test_a_run_leaves_the_cores_as_they_were() -> None:
    before = os.sched_getaffinity(0)
    settings = Settings(["direct"], streams=1, events=4, pace_ms=1, rounds=1, window_s=0.1)
    rounds.run(settings, lambda _: None)
    assert os.sched_getaffinity(0) == before


def test_the_results_folder_keeps_only_the_latest() -> None:
    kept = (Path(results.FOLDER) / ".gitignore").read_text().split()
    assert "*" in kept
    assert "!latest.json" in kept
