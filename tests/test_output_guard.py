"""What a policy blocks in an answer never begins to go out; what waits for a verdict waits.

Law 3 for `block`, and law 10: every pair of dialects, every lane, a match cut at every place. The provider
goes on after it; nothing of that goes out either.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.chat import Annotation, End, Event, Finish, Lane, LaneEnd, Opening, Text, Usage
from gateway.dialects.dialect import Dialect, Head
from gateway.dialects.registry import DIALECTS
from gateway.errors import PolicyViolation, ProviderTimeout
from gateway.guard.policy import Policy
from gateway.privacy.redact import answer_scan
from gateway.server.protection import protection
from gateway.stream import ResponseStream, hearing, lanes, listened, outbox
from gateway.stream.outbox import Outbox
from gateway.stream.response import Hold
from tests import test_leaks
from tests.test_leaks import CLIENTS, HEAD, LACKING, LANES, PROVIDERS, cuts, provider_bytes

WORD = "xyqzzy vwkjup"
BLOCKING = Policy("blocking", answer={"SECRET_PROJECT": "block"}, deny={"SECRET_PROJECT": [WORD]})
WATCHING = Policy(
    "watching",
    enforcement="monitor",
    answer={"SECRET_PROJECT": "block"},
    deny={"SECRET_PROJECT": [WORD]},
)
BLOCKED = protection(BLOCKING).answer
WATCHED = protection(WATCHING).answer
BEFORE, AFTER = "It is called ", ", and zwkrq follows"
PROSE = BEFORE + WORD + AFTER
SPELLINGS = (WORD, WORD.upper(), "Xyqzzy VWKJUP")


def stream_of(provider: str, client: str, hold: Hold | None = None, watched: bool = False) -> ResponseStream:
    scan = answer_scan(test_leaks.vault(), WATCHED if watched else BLOCKED)
    return ResponseStream(scan, DIALECTS[provider], DIALECTS[client], HEAD, hold=hold)


def prefixes(stream: ResponseStream, writes: Sequence[bytes]) -> Iterator[bytes]:
    for write in writes:
        yield stream.feed(write)
    yield stream.flush()


def events_in(client: Dialect, out: bytes) -> list[Event]:
    splitter, decoder = client.splitter(1 << 20), client.decoder()
    frames = [*splitter.feed(out), *splitter.flush()]
    return [event for frame in frames if frame.data is not None for event in decoder.decode(frame)]


def begun(out: bytes, said: str) -> list[str]:
    """Pieces of what is blocked, or of what stands behind it, in any spelling: none may be there."""
    text = out.decode().lower()
    traces = [said[at : at + 3].lower() for at in range(len(said) - 2)]
    return [trace for trace in traces if trace in text]


def error_of(out: bytes) -> Mapping[str, Any]:
    """The one error event, which is the last thing but an end mark."""
    frames = [each for each in out.decode().replace("\r\n", "\n").split("\n\n") if each]
    data = [json.loads(line[6:]) for each in frames for line in each.split("\n") if line[:7] == "data: {"]
    errors = [each for each in data if each.get("error")]
    assert len(errors) == 1, frames
    error = errors[0]["error"]
    assert isinstance(error, dict)
    assert data[-1] is errors[0] or data[-1]["type"] == "response.failed"
    if frames[-1] == "data: [DONE]":
        frames.pop()
    return error


def is_finished(client: str, out: bytes) -> bool:
    """Does a client take the answer for a whole one? OpenAI's end mark stands behind errors too."""
    ends = Finish if client == "openai_chat" else (Finish, End)
    return any(isinstance(each, ends) for each in events_in(DIALECTS[client], out))


def lane_events(lane: Lane, pieces: Sequence[str]) -> list[Event]:
    return test_leaks.events(lane, pieces)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("lane", LANES, ids=lambda lane: lane.kind)
def test_law_3_what_is_blocked_never_begins_to_go_out(provider: str, client: str, lane: Lane) -> None:
    if lane.kind in LACKING[provider]:
        return
    text = json.dumps({"to": PROSE}) if lane.kind == "arguments" else PROSE
    for pieces in cuts(text):
        stream = stream_of(provider, client)
        out = b"".join(prefixes(stream, provider_bytes(provider, lane_events(lane, pieces))))
        assert begun(out, WORD) == begun(out, "zwkrq") == [], pieces
        read = test_leaks.text_of(DIALECTS[client], out.decode())
        assert text[: text.index(WORD)].startswith(read), pieces
        assert isinstance(stream.error, PolicyViolation)
        if stream.opened:  # else it is still a status
            assert error_of(out)["code"] in ("POLICY_VIOLATION", 400)
            assert b"SECRET_PROJECT" in out
            assert not is_finished(client, out)
        assert stream.ended
        assert stream.feed(provider_bytes(provider, lane_events(lane, ["more"]))[1]) == b""
        assert stream.flush() == b""


def test_the_law_catches_a_stream_that_decides_delta_by_delta(monkeypatch: pytest.MonkeyPatch) -> None:
    class Hasty(lanes.LaneState):
        def settle(self, decided: int) -> None:
            super().settle(self.run.flush())

    monkeypatch.setattr(lanes, "LaneState", Hasty)
    writes = provider_bytes("openai_chat", lane_events(Lane(0, "content"), [BEFORE, "xyqzzy ", "vwkjup"]))
    assert begun(b"".join(prefixes(stream_of("openai_chat", "openai_chat"), writes)), WORD)


def test_the_tests_of_waiting_catch_an_outbox_that_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Outbox, "keep", lambda self: None)
    for hold in ("end", "answer"):
        out = b"".join(prefixes(stream_of("openai_chat", "openai_chat", hold), answer("openai_chat")))
        assert is_finished("openai_chat", out)


@pytest.mark.parametrize("kind", ["content", "reasoning", "arguments"])
@pytest.mark.parametrize("said", SPELLINGS)
def test_a_word_over_ten_deltas_is_one(kind: str, said: str) -> None:
    size = -(-len(said) // 10)
    ten = [said[at : at + size] for at in range(0, len(said), size)]
    while len(ten) < 10:
        ten.insert(0, "")
    opening, closing = ('{"to":"', '"}') if kind == "arguments" else ("", "")
    events = lane_events(Lane(0, kind), [opening + BEFORE, *ten, AFTER + closing])
    stream = stream_of("openai_chat", "openai_chat")
    out = b"".join(prefixes(stream, provider_bytes("openai_chat", events)))
    assert isinstance(stream.error, PolicyViolation)
    assert begun(out, WORD) == []


def test_a_word_whose_letters_are_written_as_escapes_in_an_argument() -> None:
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in WORD)
    for pieces in cuts(f'{{"to":"{escaped}"}}'):
        stream = stream_of("openai_chat", "anthropic")
        events = lane_events(Lane(0, "arguments"), pieces)
        out = b"".join(prefixes(stream, provider_bytes("openai_chat", events)))
        assert isinstance(stream.error, PolicyViolation)
        assert b"0078" not in out


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("provider", ["openai_chat", "openai_responses", "anthropic", "gemini"])
def test_citations_are_looked_at_too(provider: str, client: str) -> None:
    lane = Lane(0, "content")
    cited = Annotation(lane, "https://example.com/a", f"On {WORD}", f"the {WORD}", 0, 5)
    said: list[Event] = [Opening("a", "m", 1), Text(lane, "Hello"), cited, LaneEnd(lane), Finish(0, "stop")]
    stream = stream_of(provider, client)
    out = b"".join(prefixes(stream, provider_bytes(provider, said)))
    assert begun(out, WORD) == []
    assert isinstance(stream.error, PolicyViolation)


@pytest.mark.parametrize("client", ["openai_chat", "gemini"])
@pytest.mark.parametrize("provider", ["openai_chat", "gemini", "openai_completions"])
def test_a_match_in_one_choice_ends_all(provider: str, client: str) -> None:
    first, second = Lane(0, "content"), Lane(1, "content")
    half = len(WORD) // 2
    texts = [Text(first, "One"), Text(second, WORD[:half]), Text(first, " more"), Text(second, WORD[half:])]
    said: list[Event] = [Opening("a", "m", 1), *texts, Text(first, " zwkrq"), Finish(1, "stop")]
    stream = stream_of(provider, client)
    out = b"".join(prefixes(stream, provider_bytes(provider, said)))
    assert begun(out, WORD) == begun(out, "zwkrq") == []
    assert isinstance(stream.error, PolicyViolation)


@given(text=st.text(st.sampled_from("xyqzzy vwkjup-\n"), max_size=80), seed=st.integers(0, 999))
@settings(max_examples=60)
def test_blocked_or_not_is_the_same_however_it_is_cut(text: str, seed: int) -> None:
    said = text + WORD if seed % 3 else text
    chance = random.Random(seed)
    places = sorted(chance.sample(range(len(said) + 1), min(9, len(said))))
    pieces = [said[a:b] for a, b in zip([0, *places], [*places, len(said)], strict=True)]
    outcomes = []
    for some in ([said], pieces):
        stream = stream_of("openai_chat", "openai_chat")
        events = lane_events(Lane(0, "content"), some)
        out = b"".join(prefixes(stream, provider_bytes("openai_chat", events)))
        read = [event.text for event in events_in(DIALECTS["openai_chat"], out) if isinstance(event, Text)]
        outcomes.append((type(stream.error), "".join(read)))
    # Where frames pass, what stands in one frame with the match goes with it.
    assert outcomes[0][0] is outcomes[1][0]
    assert outcomes[1][1].startswith(outcomes[0][1])


@pytest.mark.parametrize("hold", [None, "nothing"])
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("lane", LANES, ids=lambda lane: lane.kind)
def test_law_10_to_monitor_changes_no_byte(provider: str, client: str, lane: Lane, hold: Hold | None) -> None:
    if lane.kind in LACKING[provider]:
        return
    text = json.dumps({"to": PROSE}) if lane.kind == "arguments" else PROSE
    for pieces in ([text], list(text)):
        writes = provider_bytes(provider, lane_events(lane, pieces))
        plain = Policy("plain", answer={"*": "allow"})
        scan = answer_scan(test_leaks.vault(), protection(plain).answer)
        unguarded = ResponseStream(scan, DIALECTS[provider], DIALECTS[client], HEAD)
        watched = stream_of(provider, client, hold, watched=True)
        assert list(prefixes(watched, writes)) == list(prefixes(unguarded, writes))  # held up neither
        assert watched.scan.flagged.keys() == {"SECRET_PROJECT"}  # Responses says each text several times
        assert watched.error is None


# --- rules on the whole answer ----------------------------------------------------------------------------

TOLD = {"decision": "flag", "rules": [{"rule": "topic:zoo", "decision": "flag"}], "request_id": "req_1"}
CLEAN = "It is about zebras. " * 6


def answer(provider: str, lane: Lane = LANES[0]) -> list[bytes]:
    text = json.dumps({"to": CLEAN}) if lane.kind == "arguments" else CLEAN
    pieces = [text[at : at + 7] for at in range(0, len(text), 7)]
    return provider_bytes(provider, lane_events(lane, pieces))


@pytest.mark.parametrize("hold", ["end", "answer"])
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_is_not_minded_is_byte_for_byte_what_it_is_without(
    provider: str, client: str, hold: Hold
) -> None:
    writes = answer(provider)
    plain = b"".join(prefixes(stream_of(provider, client), writes))
    stream = stream_of(provider, client, hold)
    out = b"".join(prefixes(stream, writes))
    assert stream.is_said
    assert not stream.ended
    assert plain.startswith(out)
    assert (out == b"") == (not stream.opened) == (hold == "answer")
    assert "".join(stream.texts[Lane(0, "content")]) == CLEAN
    assert out + stream.judged() == plain
    assert stream.ended


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_until_the_verdict_the_end_waits_and_the_text_does_not(provider: str, client: str) -> None:
    stream = stream_of(provider, client, "end")
    out = b"".join(prefixes(stream, answer(provider)))
    seen = events_in(DIALECTS[client], out)
    assert "".join(event.text for event in seen if isinstance(event, Text) and event.path).startswith(
        CLEAN[:-40]
    )
    assert not any(isinstance(event, Finish | End) for event in seen)


@pytest.mark.parametrize("hold", ["end", "answer"])
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_flag_is_one_more_event_before_the_end(provider: str, client: str, hold: Hold) -> None:
    writes = answer(provider)
    plain = b"".join(prefixes(stream_of(provider, client), writes))
    stream = stream_of(provider, client, hold)
    out = b"".join(prefixes(stream, writes)) + stream.judged(TOLD)
    event = next(
        frame
        for frame in out.replace(b"\r\n", b"\n").split(b"\n\n")
        if b'"sluice"' in frame or b"event: sluice" in frame
    )
    assert json.loads(event[event.index(b"data: ") + 6 :])["sluice"] == TOLD
    rest = out.replace(b"\r\n", b"\n").replace(event + b"\n\n", b"")
    assert rest == plain.replace(b"\r\n", b"\n")
    end = {"openai_chat": b"[DONE]", "anthropic": b"message_stop", "openai_responses": b"response.completed"}
    if client in end:
        assert out.index(b"sluice") < out.index(end[client])


@pytest.mark.parametrize("hold", ["end", "answer"])
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_block_is_the_error_in_the_place_of_the_end(provider: str, client: str, hold: Hold) -> None:
    stream = stream_of(provider, client, hold)
    out = b"".join(prefixes(stream, answer(provider)))
    after = stream.fail(PolicyViolation("the answer violates the policy: topic:zoo"))
    assert stream.ended
    assert isinstance(stream.error, PolicyViolation)
    if hold == "answer":
        assert out == after == b""  # it can still be a status
    else:
        assert error_of(out + after)["message"] == "the answer violates the policy: topic:zoo"
        assert not is_finished(client, out + after)


def test_an_answer_that_waits_behind_a_keepalive_ends_with_an_event() -> None:
    stream = stream_of("openai_chat", "openai_chat", "answer")
    stream.opened = True  # the 200 has gone
    assert b"".join(prefixes(stream, answer("openai_chat"))) == b""
    out = stream.fail(PolicyViolation("no"))
    assert b"zebra" not in out
    assert error_of(out)["type"] == "policy_violation"


def test_a_provider_that_lingers_behind_its_end_does_not_spoil_the_verdict() -> None:
    stream = stream_of("openai_chat", "openai_chat", "end")
    out = b"".join(map(stream.feed, answer("openai_chat")))
    assert stream.fail(ProviderTimeout("idle")) == b""
    assert stream.is_said
    assert (out + stream.judged()).endswith(b"data: [DONE]\n\n")
    assert stream.error is None


def test_a_provider_that_breaks_off_leaves_nothing_of_an_answer_that_waits() -> None:
    stream = stream_of("openai_chat", "openai_chat", "answer")
    stream.opened = True
    out = b"".join(map(stream.feed, answer("openai_chat")[:-3])) + stream.fail(ProviderTimeout("idle"))
    assert b"zebra" not in out
    assert error_of(out)["type"] == "provider_timeout"
    assert not stream.is_said


@pytest.mark.parametrize("client", ["openai_chat", "gemini"])
def test_a_choice_that_begins_late_is_not_kept(client: str) -> None:
    """One choice after the other, as some servers send them: the first finish is not the last."""
    first, second = Lane(0, "content"), Lane(1, "content")
    said: list[Event] = [
        Opening("a", "m", 1),
        Text(first, "One is here. "),
        Finish(0, "stop"),
        *(Text(second, f"zebra {number} ") for number in range(9)),
        Finish(1, "stop"),
        Usage(1, 2),
    ]
    writes = provider_bytes("openai_chat", said)
    stream = stream_of("openai_chat", client, "end")
    out = b"".join(map(stream.feed, writes))
    assert out.count(b"zebra") == 9
    plain = b"".join(prefixes(stream_of("openai_chat", client), writes))
    assert out + stream.flush() + stream.judged() == plain


def test_text_behind_the_end_mark_does_not_slip_past_the_verdict() -> None:
    stream = stream_of("openai_chat", "openai_chat", "end")
    late = provider_bytes("openai_chat", lane_events(Lane(1, "content"), ["zebras unseen"]))
    out = b"".join(map(stream.feed, [*answer("openai_chat"), *late])) + stream.flush() + stream.judged()
    assert b"unseen" not in out


def test_an_answer_that_is_too_long_to_judge_is_not_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing, "LONGEST_JUDGED", 60)
    for hold in ("end", "answer"):
        stream = stream_of("openai_chat", "openai_chat", hold)
        b"".join(prefixes(stream, answer("openai_chat")))
        assert isinstance(stream.error, PolicyViolation)
    watched = stream_of("openai_chat", "openai_chat", "nothing", watched=True)
    b"".join(prefixes(watched, answer("openai_chat")))
    assert watched.error is None


def test_an_answer_that_is_too_much_to_keep_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "MOST_KEPT_BYTES", 999)
    for client in ("openai_chat", "anthropic"):
        stream = stream_of("openai_chat", client, "answer")
        assert b"".join(prefixes(stream, answer("openai_chat"))) == b""
        assert isinstance(stream.error, PolicyViolation)


@pytest.mark.parametrize("hold", ["end", "answer"])
@pytest.mark.parametrize("client", ["openai_chat", "anthropic"])
def test_where_a_model_reads_too_the_verdict_comes_when_it_has_read_all(client: str, hold: Hold) -> None:
    writes = answer("openai_chat")
    plain = b"".join(prefixes(stream_of("openai_chat", client), writes))
    scan = answer_scan(test_leaks.vault(), BLOCKED)
    provider, other = DIALECTS["openai_chat"], DIALECTS[client]
    stream = ResponseStream(scan, provider, other, HEAD, model=lambda entity: "redact", hold=hold)
    out = b"".join(prefixes(stream, writes))
    assert not stream.is_said
    while wanted := stream.wanted():
        out += b"".join(stream.answered(ticket, []) for ticket, _ in wanted)
    assert stream.is_said
    assert not is_finished(client, out)
    assert out + stream.judged() == plain


def test_a_whole_answer_said_in_another_dialect_is_refused_whole() -> None:
    lane = Lane(0, "content")
    scan = answer_scan(test_leaks.vault(), BLOCKED)
    stream, heard = listened(scan, DIALECTS["anthropic"], json_output=False)
    stream.feed_whole([Opening("a", "m", 1), Text(lane, PROSE), Finish(0, "stop")])
    assert isinstance(stream.error, PolicyViolation)
    assert not any(isinstance(event, Text) for event in heard)


def test_a_json_array_of_chunks_stays_one() -> None:
    head = Head("req_1", "m", 1, array=True)
    scan = answer_scan(test_leaks.vault(), BLOCKED)
    stream = ResponseStream(scan, DIALECTS["gemini"], DIALECTS["gemini"], head, hold="end")
    out = b"".join(prefixes(stream, answer("gemini"))) + stream.judged(TOLD)
    assert [each["sluice"] for each in json.loads(out) if "sluice" in each] == [TOLD]
