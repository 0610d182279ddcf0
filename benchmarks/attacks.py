"""Requests that are malformed, hostile or merely odd, each made from a number, again and again the same.

In: a random generator. Out: an `Attack`, the raw bytes of what a client sends, and whether any of it may
reach a provider. Each carries a word of its own (`canary`), by which a provider knows whom it heard from.
"""

from __future__ import annotations

import copy
import gzip
import json
import zlib
from collections.abc import Callable
from hashlib import blake2b
from random import Random
from typing import Any

from msgspec import Struct

CHAT = "/v1/chat/completions"
PATHS = (
    CHAT,
    "/v1/completions",
    "/v1/responses",
    "/v1/messages",
    "/v1/messages/count_tokens",
    "/v1beta/models/fine:generateContent",
    "/v1beta/models/fine:streamGenerateContent",
    "/v1/scan",
    "/v1/security/redact",
    "/v1/guard",
)
_ODD: tuple[Any, ...] = (
    None, True, 0, -1, 1e308, 2**63, 2**70, "", " ", "\x00", "\ud800", "a" * 5000, [], {}, [[]], [None],
    {"": None}, {"type": "text"}, {"type": "text", "text": 7},
    {"type": "image_url", "image_url": {"url": "file:///etc/passwd"}},
    "data:;base64,AAAA", "http://169.254.169.254/latest/meta-data/", "[EMAIL_1]", "‮\u200b\ufeff", "1" * 400,
)  # fmt: skip
_NAMES = (
    "X-Sluice-Policy X-Sluice-Mode X-Sluice-Format X-Sluice-Entities Authorization x-api-key api-key "
    "x-goog-api-key X-Provider-API-Key Cookie Cache-Control traceparent Accept Accept-Encoding Content-Type "
    "Expect anthropic-version Range Upgrade"
).split()
_VALUES = (
    "", "x" * 4000, "é", "\x7f", "default", "thorough", "real-time", "mask", "*", ",,,", "EMAIL",
    "sk-sluice-", "sk-sluice-none", "Bearer", "Bearer  ", "Basic !!", "0", "-1", "no-cache, max-age=x",
)  # fmt: skip
_CRLF = b"\r\n"


class Attack(Struct):
    """`parts` are written one after the other, a moment apart. `may_reach`: a provider may hear it.

    `ends` says that the gateway may go on waiting for more: then the client closes its side. `kind` is for
    the report.
    """

    kind: str
    canary: str
    parts: list[bytes]
    may_reach: bool = False
    ends: bool = False


def make(number: int, seed: int) -> Attack:
    """Attack number so and so."""
    random = Random(f"{seed}:{number}")
    kind = random.choices([name for name, _, _ in _KINDS], [weight for _, weight, _ in _KINDS])[0]
    maker = next(make for name, _, make in _KINDS if name == kind)
    # Changed by a digit or two it must not be another one's.
    canary = blake2b(str(number).encode(), digest_size=6).hexdigest()
    attack = maker(random, f"canary{canary}x")
    attack.kind = kind
    return attack


def request(
    body: bytes, path: str = CHAT, headers: tuple[str, ...] = (), method: str = "POST", *, framed: bool = True
) -> bytes:
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: localhost",
        "Connection: close",
        "Content-Type: application/json",
    ]
    lines += headers
    if framed:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body


def sound(canary: str, model: str = "fine", *, stream: bool = True) -> dict[str, Any]:
    """A request with nothing wrong."""
    return {"model": model, "stream": stream, "messages": [{"role": "user", "content": f"Hello {canary}"}]}


def _dialects(random: Random, canary: str) -> tuple[str, dict[str, Any]]:
    """A path and a sound body for it."""
    path, text, stream = random.choice(PATHS), f"Hello {canary}", random.random() < 0.5
    turns = [{"role": "user", "content": text}]
    tools = [
        {"type": "function", "function": {"name": "t", "parameters": {"type": "object", "properties": {}}}}
    ]
    if "/messages" in path:
        return path, {
            "model": "fine",
            "max_tokens": 9,
            "stream": stream,
            "system": "Be brief",
            "messages": turns,
        }
    if "responses" in path:
        return path, {
            "model": "fine",
            "stream": stream,
            "input": turns,
            "instructions": "Be brief",
            "store": False,
        }
    if "Content" in path:
        return path, {
            "contents": [{"role": "user", "parts": [{"text": text}]}],
            "generationConfig": {"topK": 3},
        }
    if "scan" in path or "redact" in path or "guard" in path:
        return path, {"content": text, "pii_types": ["EMAIL_ADDRESS"], "format": "token"}
    if path == "/v1/completions":
        return path, {"model": "fine", "prompt": text, "stream": stream, "max_tokens": 9}
    return path, {**sound(canary, stream=stream), "tools": tools, "metadata": {"a": "b"}, "stop": ["x"]}


# --- bodies -----------------------------------------------------------------------------------------------


def _odd_fields(random: Random, canary: str) -> Attack:
    """Sound JSON of the wrong shape."""
    path, body = _dialects(random, canary)
    for _ in range(random.randint(1, 4)):
        _spoil(random, body)
    raw = json.dumps(body, allow_nan=True).encode("utf-8", "surrogatepass")
    return Attack("", canary, [request(raw, path)], may_reach=True)


def _spoil(random: Random, value: Any) -> None:
    while True:
        places = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not places:
            return
        place = random.choice(places)
        inner = value[place]
        if isinstance(inner, dict | list) and inner and random.random() < 0.7:
            value = inner
            continue
        what = random.random()
        if what < 0.6:
            value[place] = copy.deepcopy(random.choice(_ODD))
        elif what < 0.8:
            del value[place]
        elif isinstance(value, dict):
            value[random.choice(("", "messages", "model", "\x00", "a" * 300, "role", "type"))] = (
                copy.deepcopy(inner)
            )
        else:
            value += [copy.deepcopy(inner) for _ in range(random.randint(1, 50))]
        return


def _cut_json(random: Random, canary: str) -> Attack:
    """JSON with bytes changed, taken out, doubled, or cut short."""
    path, body = _dialects(random, canary)
    raw = bytearray(json.dumps(body).encode())
    for _ in range(random.randint(1, 6)):
        at = random.randrange(len(raw) or 1)
        what = random.random()
        if what < 0.4:
            raw[at : at + 1] = bytes([random.randrange(256)])
        elif what < 0.6:
            del raw[at : at + random.randint(1, 8)]
        elif what < 0.8:
            raw[at:at] = raw[at : at + random.randint(1, 40)]
        else:
            del raw[at + 1 :]
    return Attack("", canary, [request(bytes(raw), path)], may_reach=True)


def _deep(random: Random, canary: str) -> Attack:
    """JSON deeper than any recursion can follow, and numbers longer than anybody needs."""
    depth = random.choice((600, 5_000, 200_000))
    opening, closing = random.choice(((b"[", b"]"), (b'{"a":', b"}"), (b'[{"text":', b"}]")))
    deep = opening * depth + b"1" + closing * (depth if random.random() < 0.7 else 0)
    long = random.choice(
        (deep, b"9" * 100_000, b"1e" + b"9" * 5_000, b"-" * 9, b'"' + b"\\u0000" * 5_000 + b'"')
    )
    head = b'{"model":"fine","messages":[{"role":"user","content":"' + canary.encode() + b'"}],'
    key = random.choice((b'"metadata":', b'"tools":', b'"x":', b'"messages":'))
    return Attack("", canary, [request(head + key + long + b"}")], may_reach=True)


def _bomb(random: Random, canary: str) -> Attack:
    """A small body that unpacks to a hundred megabytes, or does not unpack."""
    coding, packed = random.choice(_BOMBS)
    body = packed if random.random() < 0.7 else packed[: random.randint(0, len(packed))] + canary.encode()
    return Attack("", canary, [request(body, CHAT, (f"Content-Encoding: {coding}",))], ends=False)


def _packed() -> list[tuple[str, bytes]]:
    text = b'{"model":"fine","messages":[{"role":"user","content":"' + b"a" * (100 << 20) + b'"}]}'
    once = gzip.compress(text, 6)
    twice = gzip.compress(once)
    return [
        ("gzip", once),
        ("deflate", zlib.compress(text, 6)),
        ("gzip", twice),
        ("gzip, gzip", twice),
        ("br", once),
        ("zstd", once),
        ("identity", b"\x1f\x8b"),
    ]


_BOMBS = _packed()


_NOWHERE = ("files", "embeddings", "..%2fchat%2fcompletions", "chat/completions/", "%2e%2e/chat/completions")


# --- heads ------------------------------------------------------------------------------------------------


def _flipped_head(random: Random, canary: str) -> Attack:
    """A sound request with bytes of its head changed."""
    raw = bytearray(request(json.dumps(sound(canary)).encode()))
    end = raw.index(b"\r\n\r\n")
    for _ in range(random.randint(1, 5)):
        at = random.randrange(end)
        what = random.random()
        if what < 0.5:
            raw[at] = random.choice((random.randrange(256), 0, 9, 10, 13, 32, 58))
        elif what < 0.75:
            del raw[at]
        else:
            raw[at:at] = random.choice((b"\r\n", b"\n", b"\x00", b" ", b"\r\n ", b":", b"%00", b"/../"))
    return Attack("", canary, [bytes(raw)], may_reach=True, ends=True)


def _odd_head(random: Random, canary: str) -> Attack:
    """Too much of something, or what no client of ours sends."""
    body = json.dumps(sound(canary)).encode()
    raw = request(body)
    first, _, rest = raw.partition(_CRLF)
    raw = random.choice(
        (
            first + _CRLF + b"X: " + b"a" * random.choice((9_000, 100_000)) + _CRLF + rest,
            first + _CRLF + b"".join(b"X-%d: y\r\n" % each for each in range(5_000)) + rest,
            b"POST /" + b"a" * 20_000 + b" HTTP/1.1\r\n" + rest,
            first.replace(b"HTTP/1.1", b"HTTP/9.9") + _CRLF + rest,
            first.replace(b"POST", b"BREW") + _CRLF + rest,
            first.replace(b"POST", b"") + _CRLF + rest,
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"GET http://169.254.169.254/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n",
            b"\r\n" * random.randint(1, 900),
            bytes(random.randrange(256) for _ in range(random.randint(1, 400))),
        )
    )
    return Attack("", canary, [raw], ends=True)


def _stranger(random: Random, canary: str) -> Attack:
    """From a web page somewhere else, or to a path that there is not."""
    body = json.dumps(sound(canary)).encode()
    origin = random.choice(("https://evil.example", "null", "http://localhost.evil.example", "file://"))
    raw = random.choice(
        (
            request(body, headers=(f"Origin: {origin}",)),
            request(body).replace(b"Host: localhost", b"Host: evil.example"),
            request(body, f"/v1/{random.choice(_NOWHERE)}"),
            request(body, "/v1/nobody/chat/completions"),
            request(body, method=random.choice(("GET", "PUT", "DELETE", "PATCH", "TRACE"))),
            request(body.replace(b'"fine"', b'"http://169.254.169.254/x"'), "/v1/only/chat/completions"),
        )
    )  # fmt: skip
    return Attack("", canary, [raw])


def _odd_headers(random: Random, canary: str) -> Attack:
    """Our own headers and credentials with anything in them."""
    headers = tuple(f"{random.choice(_NAMES)}: {random.choice(_VALUES)}" for _ in range(random.randint(1, 8)))
    path, body = _dialects(random, canary)
    return Attack("", canary, [request(json.dumps(body).encode(), path, headers)], may_reach=True, ends=True)


# --- a request within a request ---------------------------------------------------------------------------


def _smuggled(random: Random, canary: str) -> Attack:
    """Two lengths, or one that can be read in two ways, and a second request behind what one of them ends."""
    inner = request(json.dumps(sound(canary)).encode())
    chunk = b"%x\r\n%b\r\n0\r\n\r\n" % (2, b"{}")
    te, cl = "Transfer-Encoding: ", "Content-Length: "
    headers, body = random.choice(
        (
            ((cl + "6", te + "chunked"), b"0\r\n\r\n" + inner),
            ((te + "chunked", cl + "4"), b"5c\r\n" + inner + b"\r\n0\r\n\r\n"),
            ((te + "chunked", te + "identity"), b"0\r\n\r\n" + inner),
            ((te + "xchunked",), b"0\r\n\r\n" + inner),
            ((te + "chunked, identity",), b"0\r\n\r\n" + inner),
            (("Transfer-Encoding : chunked", cl + "0"), chunk + inner),
            (("Transfer-Encoding:\tchunked", cl + "5"), b"0\r\n\r\n" + inner),
            (("X: y\n" + te + "chunked", cl + "5"), b"0\r\n\r\n" + inner),
            (("X: y\r\n Transfer-Encoding: chunked", cl + "0"), inner),
            ((cl + "0", cl + str(len(inner))), inner),
            ((cl + "0, " + str(len(inner)),), inner),
            ((cl + "+0",), inner),
            ((cl + "0x0",), inner),
            ((cl + "-1",), inner),
            ((cl + "1_0",), inner),
            ((cl + "99999999999999999999",), inner),
            ((te + "chunked",), b"0x2\r\n{}\r\n0\r\n\r\n" + inner),
            ((te + "chunked",), b"-2\r\n{}\r\n0\r\n\r\n" + inner),
            ((te + "chunked",), b"2\n{}\n0\n\n" + inner),
            ((te + "chunked",), b"ffffffffffffffff2\r\n{}\r\n0\r\n\r\n" + inner),
            ((te + "chunked",), b"2;a=\n" + inner + b"\r\n{}\r\n0\r\n\r\n"),
            ((te + "chunked",), b"2\r\n{}xx\r\n0\r\n\r\n" + inner),
        )
    )
    raw = b"POST %b HTTP/1.1\r\nHost: localhost\r\n" % CHAT.encode()
    raw += "\r\n".join([*headers, "", ""]).encode() + body
    return Attack("", canary, [raw], ends=True)


def _in_pieces(random: Random, canary: str) -> Attack:
    """A sound request that comes in pieces, and is given up before its end or not."""
    raw = request(json.dumps(sound(canary)).encode())
    cuts = sorted(random.sample(range(1, len(raw)), random.randint(1, 6)))
    parts = [raw[start:end] for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    gives_up = random.random() < 0.6
    return Attack("", canary, parts[:-1] if gives_up else parts, may_reach=not gives_up, ends=gives_up)


def _hostile_provider(random: Random, canary: str) -> Attack:
    """A sound request; what answers it is not."""
    body = sound(canary, f"junk{random.randrange(1 << 30)}", stream=random.random() < 0.8)
    path = CHAT
    if random.random() < 0.3:
        path = "/v1/messages"
        body["max_tokens"] = 9
    return Attack("", canary, [request(json.dumps(body).encode(), path)], may_reach=True)


# Where a gateway may hang up on a client that has said nothing it could answer.
UNANSWERED = ("flipped heads", "odd heads", "odd headers", "smuggling", "in pieces")
Maker = Callable[[Random, str], Attack]
_KINDS: tuple[tuple[str, float, Maker], ...] = (
    ("odd fields", 22, _odd_fields),
    ("cut JSON", 16, _cut_json),
    ("deep JSON", 1, _deep),
    ("bombs", 0.3, _bomb),
    ("flipped heads", 14, _flipped_head),
    ("odd heads", 8, _odd_head),
    ("strangers", 7, _stranger),
    ("odd headers", 9, _odd_headers),
    ("smuggling", 9, _smuggled),
    ("in pieces", 4, _in_pieces),
    ("hostile providers", 10, _hostile_provider),
)


# --- what a hostile provider says -------------------------------------------------------------------------


def junk(number: int, *, stream: bool) -> bytes:
    """A provider's whole response, of which something is wrong."""
    random = Random(number)
    delta = {"id": "c", "choices": [{"index": 0, "delta": {"content": "Hello [EMAIL_1] a@b.example"}}]}
    finish = {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    whole = {
        "id": "c",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}}],
        "usage": {},
    }
    for _ in range(random.randint(0, 2)):
        _spoil(random, random.choice((delta, finish, whole)))
    events = [
        b"data: " + json.dumps(each).encode("utf-8", "surrogatepass") for each in (delta, delta, finish)
    ]
    body = b"\n\n".join([*events, b"data: [DONE]", b""]) if stream else json.dumps(whole).encode()
    spoilt = bytearray(body)
    for _ in range(random.randint(0, 5)):
        at = random.randrange(len(spoilt) or 1)
        spoilt[at : at + random.randint(0, 6)] = bytes(
            random.randrange(256) for _ in range(random.randint(0, 6))
        )
    kind = random.choice(("text/event-stream", "text/event-stream", "application/json", "text/html", ""))
    status = random.choice((200, 200, 200, 200, 204, 302, 400, 429, 500, 529))
    head = b"HTTP/1.1 %d OK\r\nContent-Type: %b\r\n" % (status, kind.encode())
    what = random.random()
    if what < 0.4:
        return head + b"Content-Length: %d\r\n\r\n" % len(spoilt) + spoilt
    if what < 0.7:
        pieces = (bytes(spoilt[at : at + 9]) for at in range(0, len(spoilt), 9))
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
        end = b"0\r\n\r\n" if what < 0.6 else b"zz\r\n"
        return head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + end
    if what < 0.8:
        return head + b"Connection: close\r\n\r\n" + spoilt
    if what < 0.9:
        return head + b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\n" + spoilt[:5]
    return bytes(spoilt)
