"""Laws of the HTTP/1.1 framing: no cut matters, garbage is a documented error, nothing is quoted."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Sequence
from itertools import pairwise
from types import SimpleNamespace
from typing import NamedTuple

import pytest
from httptools import HttpRequestParser
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import (
    InvalidRequest,
    ProviderError,
    ProviderGarbage,
    ProviderUnreachable,
    SluiceError,
    UpstreamTruncated,
)
from gateway.wire.http1 import ResponseHead, ResponseParser, encode_request

SECRET = "sk-live-do-not-tell"

# --- what a server may send -------------------------------------------------------------------------------


def raw_deflate(body: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(body) + compressor.flush()


def squeeze(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)


def two_members(body: bytes) -> bytes:
    return squeeze(body[: len(body) // 2]) + squeeze(body[len(body) // 2 :])


CODINGS: dict[str, tuple[str | None, Callable[[bytes], bytes]]] = {
    "none": (None, bytes),
    "identity": ("Identity", bytes),
    "gzip": ("gzip", squeeze),
    "gzip in two members": ("x-gzip", two_members),
    "deflate": ("deflate", zlib.compress),
    "deflate without its wrapper": ("deflate", raw_deflate),
}
INTERIM = [
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\nContent-Type: no\r\n\r\n",
]


class Response(NamedTuple):
    raw: bytes
    body: bytes
    keep_alive: bool


def chunked(body: bytes, sizes: Sequence[int], trailer: bytes = b"") -> bytes:
    ends = sorted({size % (len(body) + 1) for size in sizes} | {0, len(body)})
    chunks = [b"%x;note=1\r\n%b\r\n" % (end - start, body[start:end]) for start, end in pairwise(ends)]
    return b"".join(chunks) + b"0\r\n" + trailer + b"\r\n"


@st.composite
def responses(draw: st.DrawFn) -> Response:
    body = draw(st.binary(max_size=200))
    name, encode = CODINGS[draw(st.sampled_from(sorted(CODINGS)))]
    headers = ["X-Empty:", "Content-Type: text/event-stream"]
    if name is not None:
        headers.append(f"Content-Encoding: {name}")
    encoded = encode(body)
    framing = draw(st.sampled_from(["length", "chunked", "end"]))
    if framing == "length":
        headers.append(f"content-length: {len(encoded)}")
    elif framing == "chunked":
        headers.append("TRANSFER-ENCODING: chunked")
        trailer = draw(st.sampled_from([b"", b"X-Trailer: t\r\n"]))
        encoded = chunked(encoded, draw(st.lists(st.integers(0, 500), max_size=5)), trailer)
    close = draw(st.booleans())
    if close:
        headers.append("Connection: close")
    head = "\r\n".join(["HTTP/1.1 200 OK", *headers, "\r\n"]).encode()
    raw = b"".join(draw(st.lists(st.sampled_from(INTERIM), max_size=2))) + head + encoded
    return Response(raw, body, keep_alive=framing != "end" and not close)


cuts = st.lists(st.integers(0, 1000), max_size=8) | st.just(range(2000))


def cut(raw: bytes, at: Sequence[int]) -> list[bytes]:
    ends = sorted({0, len(raw), *(place for place in at if place < len(raw))})
    return [raw[start:end] for start, end in pairwise(ends)]


class Outcome(NamedTuple):
    head: ResponseHead | None
    body: bytes
    complete: bool
    keep_alive: bool
    error: type[SluiceError] | None


def outcome(reads: list[bytes], parser: ResponseParser) -> Outcome:
    body: list[bytes] = []
    error = None
    try:
        for data in reads:
            body += parser.feed(data)
        keep_alive = parser.keep_alive
        body += parser.eof()
    except SluiceError as fault:
        error, keep_alive = type(fault), False
        body += parser.rest()
    return Outcome(parser.head, b"".join(body), parser.complete, keep_alive, error)


# --- responses --------------------------------------------------------------------------------------------


@given(responses(), cuts)
def test_any_cut_gives_the_response(response: Response, at: Sequence[int]) -> None:
    seen = outcome(cut(response.raw, at), ResponseParser())
    assert seen[1:] == (response.body, True, response.keep_alive, None)
    assert seen.head is not None
    assert (seen.head.status, seen.head.get("x-empty")) == (200, "")
    assert seen.head.get("content-type") == "text/event-stream"
    assert seen.head.get("x-trailer") is None


@given(responses(), cuts, st.data())
def test_any_cut_of_a_damaged_response_gives_the_same(
    response: Response, at: Sequence[int], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(response.raw) - 1))
    damage = data.draw(st.binary(max_size=3))
    raw = response.raw[:place] + damage + response.raw[place + 1 :]
    whole, pieces = outcome([raw], ResponseParser()), outcome(cut(raw, at), ResponseParser())
    assert whole.error is None or issubclass(whole.error, ProviderError)
    if b"Content-Encoding" in response.raw and pieces.body.startswith(whole.body):
        # Of the read in which it finds a fault zlib gives nothing.
        pieces = pieces._replace(body=whole.body)
    assert pieces == whole


@given(st.binary(max_size=300), cuts)
def test_garbage_is_a_documented_error(raw: bytes, at: Sequence[int]) -> None:
    seen = outcome(cut(raw, at), ResponseParser())
    assert seen.error in (ProviderGarbage, ProviderUnreachable)


@given(responses(), st.data())
def test_a_response_cut_short_is_not_complete(response: Response, data: st.DataObject) -> None:
    short = response.raw[: data.draw(st.integers(0, len(response.raw) - 1))]
    seen = outcome([short], ResponseParser())
    assert response.body.startswith(seen.body)
    if seen.head is None:
        assert seen.error is ProviderUnreachable
    elif b"content-length" in short or b"chunked" in short:
        assert seen.error is UpstreamTruncated
        assert not seen.complete


class ForgetsBodyBehindTheHead(ResponseParser):
    """Drops what body comes in the read that ends the head."""

    def feed(self, data: bytes) -> list[bytes]:
        had_head = self.head is not None
        pieces = super().feed(data)
        return pieces if had_head else []


def test_the_law_catches_a_parser_that_minds_the_cut() -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
    whole = outcome([raw], ForgetsBodyBehindTheHead())
    assert outcome(cut(raw, range(len(raw))), ForgetsBodyBehindTheHead()) != whole


class KeepsNoRest(ResponseParser):
    """Loses the body that came before a fault in the same read."""

    def rest(self) -> list[bytes]:
        pieces = super().rest()
        return [] if self._fault else pieces


def test_the_law_catches_a_parser_that_drops_body_before_a_fault() -> None:
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nzz\r\n"
    assert outcome([raw], ResponseParser()) == outcome(cut(raw, range(len(raw))), ResponseParser())
    assert outcome([raw], KeepsNoRest()) != outcome(cut(raw, range(len(raw))), KeepsNoRest())


def test_identity_body_is_passed_as_llhttp_gives_it() -> None:
    parser = ResponseParser()
    parser.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert parser.feed(b"3\r\nabc\r\n4\r\ndefg\r\n") == [b"abc", b"defg"]
    assert parser.feed(b"2\r\n") == []
    assert parser.feed(b"hi\r\n0\r\n\r\n") == [b"hi"]
    assert parser.complete


def test_compressed_body_is_given_as_it_comes() -> None:
    compressor = zlib.compressobj(wbits=31)
    parser = ResponseParser()
    parser.feed(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n")
    for event in (b"data: 1\n\n", b"data: 2\n\n"):
        assert parser.feed(compressor.compress(event) + compressor.flush(zlib.Z_SYNC_FLUSH)) == [event]


@pytest.mark.parametrize("head", [b"204 No Content\r\n", b"304 Not Modified\r\nContent-Length: 9\r\n"])
def test_some_statuses_have_no_body(head: bytes) -> None:
    parser = ResponseParser()
    assert parser.feed(b"HTTP/1.1 " + head + b"\r\n") == []
    assert (parser.complete, parser.keep_alive) == (True, True)


@pytest.mark.parametrize("method", ["HEAD", "CONNECT"])
def test_some_methods_have_no_body(method: str) -> None:
    parser = ResponseParser(method=method)
    assert parser.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n") == []
    assert (parser.complete, parser.keep_alive) == (True, False)


def test_a_refused_connect_has_a_body() -> None:
    parser = ResponseParser(method="CONNECT")
    assert parser.feed(b"HTTP/1.1 407 Who\r\nContent-Length: 2\r\n\r\nno") == [b"no"]


@pytest.mark.parametrize("surplus", [b"x", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"])
@pytest.mark.parametrize("apart", [True, False])
def test_what_follows_a_response_spoils_only_the_connection(surplus: bytes, apart: bool) -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
    seen = outcome([raw, surplus] if apart else [raw + surplus], ResponseParser())
    assert seen[1:] == (b"hi", True, False, None)


def test_http_1_0_keeps_alive_only_if_it_says_so() -> None:
    for header, kept in (("", False), ("Connection: keep-alive\r\n", True)):
        parser = ResponseParser()
        parser.feed(f"HTTP/1.0 200 OK\r\n{header}Content-Length: 0\r\n\r\n".encode())
        assert parser.keep_alive is kept


def test_header_bytes_cross_whatever_their_encoding() -> None:
    parser = ResponseParser()
    parser.feed(b"HTTP/1.1 200 OK\r\nX-Name: caf\xc3\xa9 \xff \t\r\nX-Name: 2\r\nContent-Length: 0\r\n\r\n")
    assert parser.head is not None
    assert [name for name, _ in parser.head.headers] == ["x-name", "x-name", "content-length"]
    value = parser.head.get("x-name")
    assert value == "café \udcff"
    assert b"caf\xc3\xa9 \xff\r\n" in encode_request("POST", "/", [("X-Name", value)], b"")


REFUSED = {
    "another protocol": b"SSH-2.0-OpenSSH_9.2 %s\r\n",
    "a status line": b"HTTP/1.1 2x0 %s\r\n\r\n",
    "no status": b"HTTP/1.1 000 %s\r\n\r\n",
    "a header name": b"HTTP/1.1 200 OK\r\n(%s): 1\r\n\r\n",
    "a header value": b"HTTP/1.1 200 OK\r\nX: %s\0\r\n\r\n",
    "bare line feeds": b"HTTP/1.1 200 OK\nX: %s\n\n",
    "a folded header": b"HTTP/1.1 200 OK\r\nX: 1\r\n %s\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n%s",
    "a length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n%s",
    "a length": b"HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n",
    "a chunk size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%s",
    "a transfer coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n%s",
    "a content coding": b"HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\n\r\n",
    "codings upon codings": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\n\r\n%s",
    "an upgrade": b"HTTP/1.1 101 OK\r\nConnection: upgrade\r\nUpgrade: %s\r\n\r\n",
    "not gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n%s",
    "more than deflate": b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\n\r\n"
    + zlib.compress(b"x")
    + b"%s",
}


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED.keys())
def test_refuses_and_quotes_nothing(raw: bytes) -> None:
    parser = ResponseParser()
    with pytest.raises(ProviderGarbage) as caught:
        parser.feed(raw.replace(b"%s", SECRET.encode()))
    assert SECRET not in repr(caught.value)
    assert caught.value.__suppress_context__
    with pytest.raises(ProviderGarbage):
        parser.feed(b"x")
    with pytest.raises(ProviderGarbage):
        parser.eof()


def test_an_announced_upgrade_is_no_upgrade() -> None:
    parser = ResponseParser()
    raw = b"HTTP/1.1 200 OK\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nhi"
    assert parser.feed(raw) == [b"hi"]


# --- limits -----------------------------------------------------------------------------------------------


@given(st.integers(-3, 3), cuts)
def test_the_head_limit_falls_at_one_byte_for_any_cut(spare: int, at: Sequence[int]) -> None:
    limit = 200
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: "
    raw = head.ljust(limit - spare - 4, b"x") + b"\r\n\r\nhi"
    error = outcome(cut(raw, at), ResponseParser(max_head_bytes=limit)).error
    assert error is (ProviderGarbage if spare < 0 else None)


@pytest.mark.parametrize(
    "start", [b"HTTP/1.1 103 Hi\r\nX: ", b"HTTP/1.1 200 ", b"\r\n", b"HTTP/1.1 200 OK\r\nX: "]
)
def test_an_endless_head_ends(start: bytes) -> None:
    filler = b"\r\n" * 512 if start == b"\r\n" else b"x" * 1024
    assert outcome([start, *[filler] * 70], ResponseParser()).error is ProviderGarbage


@pytest.mark.parametrize("start", [b"5;", b"0\r\nX-Trailer: "])
def test_endless_framing_ends(start: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert outcome([head, start, *[b"x" * 1024] * 70], ResponseParser()).error is ProviderGarbage


BOMBS = {"gzip": squeeze(bytes(64 << 20)), "deflate": zlib.compress(bytes(64 << 20))}


@pytest.mark.parametrize("coding", BOMBS)
def test_a_bomb_is_defused(coding: str) -> None:
    raw = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\n\r\n".encode() + BOMBS[coding]
    seen = outcome(cut(raw, range(0, len(raw), 1000)), ResponseParser())
    assert seen.error is ProviderGarbage
    assert len(seen.body) <= 1 << 20


def test_a_short_answer_may_compress_as_well_as_it_likes() -> None:
    body = b"ha" * (400 << 10)
    parser = ResponseParser()
    raw = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + squeeze(body)
    assert b"".join(parser.feed(raw)) == body


# --- requests ---------------------------------------------------------------------------------------------

names = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=12).map(lambda name: f"x-{name}")
values = st.text(st.characters(min_codepoint=32, exclude_categories=("Cs", "Cc")), max_size=20).map(str.strip)


@given(st.lists(st.tuples(names, values), max_size=5), st.binary(max_size=300))
def test_a_request_is_read_as_it_was_meant(headers: list[tuple[str, str]], body: bytes) -> None:
    seen: list[tuple[bytes, bytes]] = []
    read: list[bytes] = []
    target: list[bytes] = []
    ends: list[bool] = []
    events = SimpleNamespace(
        on_url=target.append,
        on_header=lambda name, value: seen.append((name, value)),
        on_body=read.append,
        on_message_complete=lambda: ends.append(True),
    )
    parser = HttpRequestParser(events)
    parser.feed_data(encode_request("POST", "/v1/x?y=%20z", headers, body))
    assert (parser.get_method(), target, ends) == (b"POST", [b"/v1/x?y=%20z"], [True])
    assert [(name.decode(), value.strip(b" ").decode()) for name, value in seen[:-1]] == [
        (name, value.strip(" ")) for name, value in headers
    ]
    assert seen[-1] == (b"Content-Length", str(len(body)).encode())
    assert b"".join(read) == body


@pytest.mark.parametrize(
    ("method", "target", "name", "value"),
    [
        ("PO ST", "/", "x", "1"),
        ("", "/", "x", "1"),
        ("POST", f"/{SECRET} HTTP/1.1\r\nx: 1", "x", "1"),
        ("POST", f"/{SECRET} ", "x", "1"),
        ("POST", "/é", "x", "1"),
        ("POST", "", "x", "1"),
        ("POST", "/", f"x\r\n{SECRET}", "1"),
        ("POST", "/", f"{SECRET}:", "1"),
        ("POST", "/", "", "1"),
        ("POST", "/", "x", f"{SECRET}\r\ny: 1"),
        ("POST", "/", "x", f"{SECRET}\n"),
        ("POST", "/", "x", f"{SECRET}\0"),
        ("POST", "/", "x", f"{SECRET}\ud800"),
        ("POST", "/", "content-length", "7"),
        ("POST", "/", "Transfer-Encoding", "chunked"),
    ],
)
def test_a_request_that_says_more_than_it_seems_is_refused(
    method: str, target: str, name: str, value: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        encode_request(method, target, [(name, value)], b"")
    assert SECRET not in repr(caught.value)


def test_only_requests_that_have_a_body_state_its_length() -> None:
    assert encode_request("GET", "/", [("Host", "h")], b"") == b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
    assert encode_request("POST", "/", [], b"") == b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
