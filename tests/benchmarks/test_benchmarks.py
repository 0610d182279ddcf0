from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import __main__ as command
from benchmarks import dialogue, holding, plots, processor, promises, report, results, rounds, wires
from benchmarks.candidates import CANDIDATES
from benchmarks.dialogue import SHAPES, Asked
from benchmarks.processor import Stat, family, of_worker, parse_busy, parse_stat
from benchmarks.results import Measurement, Outcome, Run, Spread, Stamp, percentile, spread
from benchmarks.scenarios import SCENARIOS, Scenario

EVENTS = st.integers(wires.FEWEST_EVENTS, 130)
ASKED = st.builds(Asked, st.integers(0, 200).map(dialogue.values), st.sampled_from(SHAPES))
WIRES = st.sampled_from(list(wires.WIRES))

# --- what is asked and answered ----------------------------------------------------------------------------


@given(ASKED, st.integers(0, 99), st.booleans())
def test_the_provider_finds_what_the_client_wrote(asked: Asked, turn: int, stream: bool) -> None:
    body = wires.encode_request(asked, turn, stream=stream)
    assert wires.read_request(body) == asked
    assert wires.streams(body) == stream


@given(ASKED, st.integers(0, 99))
def test_no_two_requests_are_alike(asked: Asked, turn: int) -> None:
    assert wires.encode_request(asked, turn) != wires.encode_request(asked, turn + 1)


@given(WIRES, ASKED, EVENTS)
def test_an_answer_has_its_events(wire: wires.Name, asked: Asked, events: int) -> None:
    assert len(wires.frames(wire, asked, events)) == events


@given(ASKED, EVENTS)
def test_an_answer_as_the_provider_wrote_it_is_right(asked: Asked, events: int) -> None:
    body = b"".join(wires.frames("openai", asked, events))
    assert wires.fault(body, "openai", asked, events, exact=True) is None
    assert wires.fault(body, "openai", asked, events, exact=False) is None
    for wire in wires.WIRES:
        whole = wires.whole("openai", asked, events - wires.WIRES[wire].around + 3)
        assert wires.fault_of_whole(whole, wire, asked, events) is None


MENTIONING = Asked(dialogue.values(3), "placeholders")
HIDDEN = Asked(dialogue.Values("[PERSON_1]", "[EMAIL_1]", "[CREDIT_CARD_1]"), "placeholders")
PROSE = [Asked(dialogue.values(client), "prose") for client in range(2)]


def restored(events: int, asked: Asked) -> list[bytes]:
    """As a gateway may write it: the same text in other frames."""
    text = "".join(dialogue.tokens(asked, events - 3))
    return [wires.OPENING, wires.chunk(text[:50]), wires.chunk(text[50:]), wires.FINISH, wires.DONE]


def judged(frames: list[bytes], asked: Asked = PROSE[0], *, exact: bool = True) -> str | None:
    return wires.fault(b"".join(frames), "openai", asked, 101, exact=exact)


def test_restored_values_may_come_in_other_frames() -> None:
    assert judged(restored(101, MENTIONING), MENTIONING) is None


Spoil = Callable[[list[bytes]], list[bytes]]
WRONG: dict[str, Spoil] = {
    "no end mark": lambda it: it[:-1],
    "a frame less": lambda it: [*it[:5], *it[6:]],
    "a frame twice": lambda it: [*it[:5], *it[4:]],
    "another text": lambda it: [*it[:5], wires.chunk("?"), *it[6:]],
    "bytes behind the end": lambda it: [*it, b": x"],
    "no finish": lambda it: [*it[:-2], it[-1]],
    "nothing": lambda it: [],
}
ALSO_WRONG: dict[str, Spoil] = {
    "no opening": lambda it: it[1:],
    "another id": lambda it: [*it[:5], it[5].replace(b"chatcmpl-B", b"chatcmpl-C"), *it[6:]],
}


@pytest.mark.parametrize("spoil", [*WRONG.values(), *ALSO_WRONG.values()], ids=[*WRONG, *ALSO_WRONG])
def test_a_wrong_answer_is_seen(spoil: Spoil) -> None:
    assert judged(spoil(wires.frames("openai", PROSE[0], 101)))


@pytest.mark.parametrize("spoil", WRONG.values(), ids=WRONG)
def test_a_wrong_answer_in_frames_of_the_proxys_own_is_seen(spoil: Spoil) -> None:
    assert judged(spoil(wires.frames("openai", PROSE[0], 101)), exact=False)


def test_a_placeholder_that_was_left_is_seen_and_so_is_another_clients_value() -> None:
    left = wires.frames("openai", HIDDEN, 101)
    assert judged(left, MENTIONING) == "a placeholder was left in the text"
    assert judged(wires.frames("openai", PROSE[1], 101))
    assert wires.fault_of_whole(wires.whole("openai", PROSE[1], 101), "openai", PROSE[0], 101)
    assert wires.fault_of_whole(b"{}", "openai", PROSE[0], 101)


HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@given(st.lists(st.binary(min_size=1), max_size=5))
def test_bodies_come_out_of_their_chunks(pieces: list[bytes]) -> None:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    body = b"".join(pieces)
    response = HEAD + chunks + b"0\r\n\r\n"
    assert wires.split_responses(response) == ([body], None)
    assert wires.split_responses(response * 2) == ([body, body], None)
    assert wires.split_responses(HEAD + chunks) == ([], "the answer was cut")
    assert wires.split_responses(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")[1]


@given(st.binary())
def test_bodies_may_have_a_length_and_be_compressed(body: bytes) -> None:
    for encoding, sent in ((b"", body), (b"Content-Encoding: gzip\r\n", gzip.compress(body))):
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%b\r\n" % (len(sent), encoding)
        assert wires.split_responses((head + sent) * 2) == ([body, body], None)
        if sent:
            assert wires.split_responses(head + sent[:-1])[1] == "the answer was cut"


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


def test_a_worker_is_a_process_that_has_started_no_other() -> None:
    stats = {2: Stat(1, 0.0), 3: Stat(2, 0.0), 4: Stat(2, 0.0)}
    assert of_worker(stats, {2: 70, 3: 40, 4: 30}) == 40
    assert of_worker(stats, {4: 30}) == 30
    assert of_worker(stats, {}) == 0


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


def measurement(cpu_us: float | None, first_ms: float, answers: int = 10) -> Measurement:
    both = [first_ms, first_ms * 2]
    return Measurement(
        events=1000,
        seconds=1.0,
        cpu_us_per_event=cpu_us,
        load_cpu_us_per_event=5.0,
        answers=answers,
        first_ms=both,
        gap_ms=[10.0, 12.0, 20.0],
        late_ms=[first_ms * (1 + place) for place in range(len(results.SHARES))],
        memory_bytes=[] if cpu_us is None else [50 << 20, 51 << 20],
        others_share=0.0,
        worker_bytes=None if cpu_us is None else 30 << 20,
    )


def an_outcome(scenario: str, *rounds_: dict[str, Measurement]) -> Outcome:
    return Outcome(msgspec.structs.replace(SCENARIOS[scenario], candidates=list(rounds_[0])), list(rounds_))


def a_run(*outcomes: Outcome) -> Run:
    stamp = Stamp("2026-01-02T03:04:05Z", "abc123", "A CPU", 2, "Linux 6", {"python": "3.12.0"})
    return Run(stamp, list(outcomes))


def test_ratios_are_taken_within_a_round() -> None:
    # The second round was slow for all: compared across rounds it would look like a difference.
    outcome = an_outcome(
        "tokens",
        {"direct": measurement(None, 1.0), "nginx": measurement(10, 1.5), "sluice": measurement(15, 1.8)},
        {"direct": measurement(None, 9.0), "nginx": measurement(30, 9.5), "sluice": measurement(45, 9.8)},
    )
    assert results.cpu_ratio(outcome, "sluice", "nginx") == Spread(1.5, 1.5, 1.5)
    added = results.added_ms(outcome, "sluice", "first_ms", 0)
    assert added is not None
    assert (added.least, added.greatest) == pytest.approx((0.8, 0.8))
    assert results.cpu(outcome, "direct") is None
    assert results.memory(outcome, "sluice") == (50 << 20, (1 << 20) / 100)
    assert list(promises.verdicts(a_run(outcome))) == [
        "- CPU per event, in nginx's: 1.50, at most 1.5 promised.",
        "- Ms added to the first token: 0.80, at most 1 promised.",
        "- The same, 99th percentile: 1.60, at most 5 promised.",
    ]


def test_a_broken_promise_is_said_but_not_of_a_busy_machine() -> None:
    slow = measurement(19, 4.5)
    run = a_run(
        an_outcome(
            "tokens", {"direct": measurement(None, 1.0), "nginx": measurement(10, 1.0), "sluice": slow}
        )
    )
    first, second, third = promises.verdicts(run)
    assert "1.90, at most 1.5 promised: **NOT KEPT**" in first
    assert "3.50, at most 1 promised: **NOT KEPT**" in second
    assert "7.00, at most 5 promised: **NOT KEPT**" in third
    slow.others_share = 0.25
    (only,) = promises.verdicts(run)
    assert "8%" in only


def test_a_rate_is_promised_from_below() -> None:
    run = a_run(
        an_outcome("whole", {"sluice": measurement(300, 9, 2900), "litellm": measurement(9000, 99, 90)})
    )
    said = list(promises.verdicts(run))
    assert said[0] == "- Whole answers a second: 2,900, at least 3,000 promised: **NOT KEPT**."
    assert said[1] == "- The same, in LiteLLM's: 32, at least 30 promised."


def test_a_report_is_rendered_from_the_file_alone() -> None:
    outcome = an_outcome(
        "tokens",
        {"direct": measurement(None, 1.0), "nginx": measurement(10, 1.5), "sluice": measurement(15, 2)},
    )
    outcome.failed["portkey"] = "portkey: it does not\nlisten"
    text = report.render(msgspec.json.decode(msgspec.json.encode(a_run(outcome)), type=Run))
    assert "| sluice | 15.0 | 1.50 | 1.00 | 2.00 | 5.0 | 14 | 12.0 | 50 | 30 | 10.2 |" in text
    assert "| direct | — | — | — | — | — | 7 | 12.0 | — | — | — |" in text
    assert "`portkey` failed: portkey: it does not listen" in text
    assert "2026-01-02T03:04:05Z, commit abc123, A CPU, 2 cores, Linux 6; python 3.12.0." in text


def test_what_waits_is_told_by_shape() -> None:
    run = a_run(an_outcome("tokens", {"sluice": measurement(15, 2)}))
    run.held = [results.Held("prose", 101, 18, 37, 4), results.Held("code", 50, 0, 0, 0)]
    text = report.render(run)
    assert "| prose | 101 | 18 | 18% | 2.1 | 4 |" in text
    assert "| code | 50 | 0 | 0% | — | 0 |" in text


def test_pieces_of_a_placeholder_wait_for_the_last_one() -> None:
    found = {each.shape: each for each in holding.measure()}
    assert set(found) == set(SHAPES)
    for held, mentions in ((found["prose"], 3), (found["placeholders"], 9)):
        assert 4 * mentions <= held.held < held.frames, "each is cut into five"
        assert held.longest >= 4
        assert (4 + 3 + 2 + 1) * mentions <= held.events <= held.longest * held.held


def test_a_report_needs_no_yardstick() -> None:
    run = a_run(an_outcome("tokens", {"sluice": measurement(15, 2)}))
    assert "| sluice | 15.0 | 14 | 12.0 | 50 | 30 | 10.2 |" in report.render(run)


def test_a_picture_is_drawn_from_the_file_alone(tmp_path: Path) -> None:
    outcomes = [
        an_outcome(name, {"nginx": measurement(10, 1.5), "sluice": measurement(15, 2)}) for name in SCENARIOS
    ]
    pictures = []
    for drawn in (outcomes, outcomes, outcomes[:1]):
        plots.draw(a_run(*drawn), tmp_path / "it.svg")
        pictures.append((tmp_path / "it.svg").read_bytes())
    assert pictures[0] == pictures[1] != pictures[2]
    assert pictures[0].startswith(b"<?xml")


def test_the_kept_report_is_that_of_the_kept_results() -> None:
    run = msgspec.json.decode((results.FOLDER / "latest.json").read_bytes(), type=Run)
    assert (results.FOLDER / "latest.md").read_text() == report.render(run)


# --- the command --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--candidates", "nginx,apache"], "unknown candidate 'apache'"),
        (["--scenarios", "tokens,naps"], "unknown scenario 'naps'"),
        (["--events", "3"], "--events is at least 6"),
        (["--streams", "0"], "--streams is at least 1"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        command.main(arguments)
    assert said in capsys.readouterr().err


# Other gateways are not installed for tests; their rows start nothing else than a command.
OTHERS = ("portkey", "litellm", "litellm-guard")


def a_scenario(*names: str, stream: bool = True) -> Scenario:
    return Scenario(
        "small",
        "a small load",
        list(names),
        streams=3,
        events=8,
        pace_ms=1,
        rounds=1,
        window_s=1.5,  # something must come in it on a busy machine too
        shapes=SHAPES,
        stream=stream,
    )


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("name", [name for name in CANDIDATES if name not in OTHERS])
def test_a_candidate_answers_rightly(name: str, stream: bool) -> None:
    if not CANDIDATES[name].is_here():
        pytest.skip(f"{name} is not installed: {CANDIDATES[name].missing}")
    outcome = rounds.run(a_scenario(name, stream=stream), lambda _: None)
    assert outcome.failed == {}
    (measured,) = outcome.rounds[0].values()
    assert measured.events > 0
    assert (measured.cpu_us_per_event is None) == (name == "direct")


def test_a_wrong_answer_leaves_a_candidate_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CANDIDATES, "direct", CANDIDATES["direct"]._replace(redacts=True))
    outcome = rounds.run(a_scenario("direct"), lambda _: None)
    assert "in clear" in outcome.failed["direct"]
    assert outcome.rounds == [{}]
    assert "`direct` failed" in report.render(a_run(outcome))


def test_a_run_leaves_the_cores_as_they_were() -> None:
    before = os.sched_getaffinity(0)
    rounds.run(a_scenario("direct"), lambda _: None)
    assert os.sched_getaffinity(0) == before


@pytest.mark.parametrize("promise", promises.PROMISES, ids=lambda it: f"{it.scenario}: {it.about}")
def test_every_promise_is_about_a_scenario_that_measures_it(promise: promises.Promise) -> None:
    scenario = SCENARIOS[promise.scenario]
    measured = {name: measurement(None if name == "direct" else 10.0, 1.0) for name in scenario.candidates}
    assert promise.figure(Outcome(scenario, [measured])) is not None


def test_the_results_folder_keeps_only_the_latest() -> None:
    kept = (Path(results.FOLDER) / ".gitignore").read_text().split()
    assert "*" in kept
    assert "!latest.json" in kept
