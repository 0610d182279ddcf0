"""The embedded provider: it speaks OpenAI's Chat Completions and misbehaves on demand.

In come requests as a provider gets them, out go answers as a provider writes them; what came in is kept, so
that a test or another process can prove what a provider saw. It knows nothing of the gateway in front of it.
`respond` is pure: a request in, every write and how it ends out. `Simulator` waits and sends.

A model's name says what happens: sim, sim:SCRIPT or sim:SCRIPT?option=value&option=value.

scripts
  sim      as tool if the user has just spoken and tools are offered, else as say
  say      a short answer that mentions every placeholder and e-mail address of the request
  echo     the last user message's text
  tool     calls=N of the offered tools, with the last user message's placeholders and addresses
  long     tokens=N tokens of clean prose; script: the text of text=
options
  pace_ms=20       milliseconds between writes; a write is an event, unless bytes= cuts otherwise
  delta=3|random   characters in a delta, else about a token
  bytes=7|random   bytes in a write, wherever that cuts
  escape=1|2       \\uXXXX for non-ASCII and brackets; 2: inside tool arguments too
  seed=1           the same ids and random cuts each time
  reasoning=1 refusal=1 logprobs=1 crlf=1 comments=1 obfuscation=1 no_done=1
failures, as fail=KIND or fail=KIND:PLACE; PLACE is how many events come first, without it half of them
  status:429       an error whose message repeats the prompt
  error_mid:PLACE  200, and an error event ends it; error_first: nothing before it
  malformed:PLACE  an event of broken JSON in between; truncate: the body ends as if that were all
  drop:PLACE       the connection closes; reset: it breaks; stall: no more comes; garbage: noise comes; with
                   PLACE head not even the head of the response is sent
  slow_head:2.5    seconds before the head of the response
  html json empty  200 and a page; JSON though a stream was asked for; nothing
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import re
import socket
import string
import struct
import time
from collections.abc import Callable, Mapping
from itertools import chain, cycle, islice, zip_longest
from typing import Annotated, Any, AnyStr, Literal
from urllib.parse import parse_qsl

import msgspec
import uvloop
from aiohttp import web
from msgspec import Meta, Struct, field

from gateway.errors import ProviderError

Json = dict[str, Any]
Count = Annotated[int, Meta(ge=1, le=128)]
Size = Annotated[int, Meta(ge=1)] | Literal["random"]


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    pace_ms: Annotated[float, Meta(ge=0, le=3_600_000)] | None = None
    delta: Size | None = None
    write: Size | None = field(default=None, name="bytes")
    escape: Annotated[int, Meta(ge=0, le=2)] = 0
    seed: int | None = None
    calls: Count = 1
    tokens: Annotated[int, Meta(ge=0, le=1_000_000)] = 100
    text: str = ""
    reasoning: bool = False
    refusal: bool = False
    logprobs: bool = False
    crlf: bool = False
    comments: bool = False
    obfuscation: bool = False
    no_done: bool = False
    fail: str = ""


class Schema(Struct, frozen=True):
    type: str | list[str] = "string"
    properties: dict[str, Schema] = {}


class Function(Struct):
    name: str
    parameters: Schema = Schema()


class Message(Struct):
    role: str
    content: str | list[Json] | None = None

    def text(self) -> str:
        parts = self.content if isinstance(self.content, list) else [{"text": self.content}]
        return "".join(text for part in parts if isinstance(text := part.get("text"), str))


class Request(Struct):
    model: str
    messages: Annotated[list[Message], Meta(min_length=1)]
    stream: bool | None = None
    stream_options: Json | None = None
    n: Count | None = None
    tools: list[Json] | None = None
    tool_choice: str | Json | None = None
    logprobs: bool | None = None


NAMES = ("sim", "sim:say", "sim:echo", "sim:tool", "sim:long", "sim:script")
BREAKS = ("drop", "reset", "stall", "garbage")
FAILURES = {  # and what may follow the colon
    **dict.fromkeys(("", "error_first", "html", "json", "empty"), ""),
    **dict.fromkeys(("error_mid", "malformed", "truncate"), r"|\d{1,6}"),
    **dict.fromkeys(BREAKS, r"|\d{1,6}|head"),
    "status": r"[45]\d\d",
    "slow_head": r"\d{1,4}(\.\d{1,3})?",
}


def refusal(message: str, status: int = 400, param: str | None = None) -> ProviderError:
    kind = "server_error" if status >= 500 else "requests" if status == 429 else "invalid_request_error"
    code = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}.get(status)
    return ProviderError(message, status=status, type=kind, param=param, code=code)


def parse(body: bytes) -> tuple[Request, str, Options]:
    request = msgspec.json.decode(body, type=Request)
    name, _, query = request.model.partition("?")
    if name not in NAMES:
        raise refusal(f"The model `{name}` does not exist.", 404, "model")
    pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    options = msgspec.convert(dict(pairs), Options, strict=False)
    kind, _, argument = options.fail.partition(":")
    if not re.fullmatch(FAILURES.get(kind, "(?!)"), argument, re.ASCII):
        raise refusal(f"There is no failure `{options.fail}`.", 400, "model")
    return request, name.removeprefix("sim:"), options


MENTION = re.compile(r"\[[A-Z][A-Z0-9_]*_[0-9A-Za-z]+\]|[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
TOKEN = re.compile(r" ?[^\W\d_]{1,8}|\d{1,3}| ?[^\w\s]|\s+|.", re.DOTALL)
JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
SAMPLES: Json = {"integer": 1, "number": 1.5, "boolean": True, "object": {}, "array": []}
LANES = ("reasoning_content", "content", "refusal")
EXAMPLES = """examples
  python -m gateway.simulator --port 9000 --pace-ms 20 --record requests.jsonl
  curl -N localhost:9000/v1/chat/completions -H 'Authorization: Bearer any' \\
    -d '{"model": "sim:echo?delta=3", "stream": true, "messages": [{"role": "user", "content": "Hello"}]}'
"""
PROSE = TOKEN.findall(
    " The river runs slowly through the valley, past old mills and quiet gardens. In spring the water rises"
    " and the fields turn green; in autumn the mist stays until noon. People here say that nothing changes."
)


def encode(value: Any, escape: bool = False) -> bytes:
    if not escape:
        return msgspec.json.encode(value)
    text = json.dumps(value, separators=(",", ":"))
    return JSON_STRING.sub(lambda it: it[0].replace("[", r"\u005b").replace("]", r"\u005d"), text).encode()


def identity(prefix: str, length: int, chance: random.Random) -> str:
    return prefix + "".join(chance.choices(string.ascii_letters + string.digits, k=length))


def call(function: Function, values: list[str], escape: bool, chance: random.Random) -> Json:
    """A call whose strings are `values` in turn; the last one takes all that are left."""
    arguments = {name: SAMPLES.get(str(it.type), "") for name, it in function.parameters.properties.items()}
    texts = [name for name, value in arguments.items() if value == ""]
    for at, name in enumerate(texts):
        arguments[name] = ", ".join(values[at:] if name == texts[-1] else values[at : at + 1]) or "example"
    written = {"name": function.name, "arguments": encode(arguments, escape).decode()}
    return {"id": identity("call_", 24, chance), "type": "function", "function": written}


def perform(script: str, options: Options, request: Request, chance: random.Random) -> Json:
    """The message of one choice, whole."""
    message: Json = {"role": "assistant", "content": None, "refusal": None}
    asked = next((it.text() for it in reversed(request.messages) if it.role == "user"), "")
    found = list(dict.fromkeys(MENTION.findall("\n".join(it.text() for it in request.messages))))
    named = ", ".join(found)
    offered = [msgspec.convert(it["function"], Function) for it in request.tools or [] if "function" in it]
    if script == "sim":
        may_call = offered and request.tool_choice != "none" and request.messages[-1].role == "user"
        script = "tool" if may_call else "say"
    if options.reasoning:
        message["reasoning_content"] = f"The user names {named or 'nobody'}."
    if options.refusal:
        message["refusal"] = f"I'm sorry, I can't help with {named or 'that'}."
    elif script == "tool":
        if not offered:
            raise refusal("The script `tool` needs functions to call.", 400, "tools")
        values, turns = list(dict.fromkeys(MENTION.findall(asked))), islice(cycle(offered), options.calls)
        message["tool_calls"] = [call(it, values, options.escape == 2, chance) for it in turns]
    elif script == "say":
        note = f"you asked about {named}. What should happen to {found[0]}?" if found else "how can I help?"
        message["content"] = f"Of course — {note}"
    elif script == "long":
        message["content"] = "".join(islice(cycle(PROSE), options.tokens)).lstrip()
    else:
        message["content"] = asked if script == "echo" else options.text
    return message


def usage(prompt: str, messages: list[Json]) -> Json:
    calls = [it["function"]["arguments"] for message in messages for it in message.get("tool_calls", [])]
    lanes = [message.get(lane) or "" for message in messages for lane in LANES]
    asked, said = (len(TOKEN.findall("".join(it))) for it in ([prompt], lanes + calls))
    return {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}


class Reply(Struct):
    writes: list[bytes]
    content_type: str = "application/json"
    status: int = 200
    length_bytes: int | None = None  # what the head announces; without it the body is chunked
    pace_ms: float | None = None
    fail: str = ""


def cut(whole: AnyStr, size: Size, chance: random.Random) -> list[AnyStr]:
    pieces, at = [], 0
    while at < len(whole):
        end = at + (chance.randint(1, 12) if size == "random" else size)
        pieces.append(whole[at:end])
        at = end
    return pieces


def choice(index: int, kind: str, said: Json, odds: bool, finish: str | None) -> Json:
    """A choice of a body (kind `message`) or of a chunk (`delta`), with log probabilities if `odds`."""
    probable: Json | None = None
    lane = next((it for it in ("content", "refusal") if odds and said.get(it)), None)
    if lane:
        tokens = TOKEN.findall(said[lane]) if kind == "message" else [said[lane]]
        facts = [{"token": it, "logprob": -1, "bytes": [*it.encode()], "top_logprobs": []} for it in tokens]
        probable = {"content": None, "refusal": None, lane: facts}
    return {"index": index, kind: said, "logprobs": probable, "finish_reason": finish}


def deltas(message: Json, size: Size | None, chance: random.Random) -> list[Json]:
    """The role alone, the lanes in pieces, nothing beside the finish."""

    def pieces(text: str | None) -> list[str]:
        return cut(text or "", size, chance) if size else TOKEN.findall(text or "")

    found: list[Json] = [{"role": "assistant", "content": message["content"] and "", "refusal": None}]
    for lane in LANES:
        found += [{lane: piece} for piece in pieces(message.get(lane))]
    for at, it in enumerate(message.get("tool_calls", [])):
        found.append({"tool_calls": [{"index": at, **it, "function": {**it["function"], "arguments": ""}}]})
        rest = pieces(it["function"]["arguments"])
        found += [{"tool_calls": [{"index": at, "function": {"arguments": piece}}]} for piece in rest]
    return [*found, {}]


def spoil(events: list[bytes], fail: str, half: int, error: bytes) -> list[bytes]:
    """The events that are left, or that come in, when something goes wrong."""
    kind, _, argument = fail.partition(":")
    at = min(int(argument), len(events) - 1) if argument.isdigit() else half
    spoilt = {
        "empty": [],
        "error_first": [error],
        "error_mid": [*events[:at], error],
        "malformed": [*events[:at], events[half][:-9], *events[at:]],
        **dict.fromkeys(("truncate", *BREAKS), events[:at]),
    }
    return spoilt.get(kind, events)


def error_body(error: ProviderError) -> bytes:
    facts = {"message": error.message, "type": error.type, "param": error.param, "code": error.code}
    return encode({"error": facts})


def complete(body: bytes, created: int) -> Reply:
    request, script, options = parse(body)
    fail, chance = options.fail, random.Random(options.seed)
    prompt = "\n".join(it.text() for it in request.messages)
    error = refusal(f"The request failed: {prompt}", int(fail[7:]) if fail.startswith("status") else 500)
    if fail.startswith("status"):
        raise error
    messages = [perform(script, options, request, chance) for _ in range(request.n or 1)]
    finish = "tool_calls" if "tool_calls" in messages[0] else "stop"
    counted, odds = usage(prompt, messages), options.logprobs or bool(request.logprobs)
    head = {"id": identity("chatcmpl-", 29, chance), "object": "chat.completion.chunk", "created": created}
    head |= {"model": request.model, "service_tier": "default", "system_fingerprint": "fp_5050236cbd"}
    if not request.stream or fail in ("json", "html"):
        choices = [choice(at, "message", it, odds, finish) for at, it in enumerate(messages)]
        whole = {**head, "object": "chat.completion", "choices": choices, "usage": counted}
        text = b"<!doctype html><title>Hello</title>" if fail == "html" else encode(whole, options.escape > 0)
        # A body is two events, each a half. As its length is known, it ends early only with its connection.
        fail = "error_first" if fail.startswith("error") else fail.replace("truncate", "drop")
        events = spoil([text[: len(text) // 2], text[len(text) // 2 :]], fail, 1, error_body(error))
        length = len(text) if fail.startswith(BREAKS) else len(b"".join(events))
        kind = "text/html" if fail == "html" else "application/json"
    else:
        lanes = []
        for at, message in enumerate(messages):
            said = deltas(message, options.delta, chance)
            lanes.append([choice(at, "delta", it, odds, None if it else finish) for it in said])
        chunks = [{**head, "choices": [it]} for it in chain(*zip_longest(*lanes)) if it]
        half = min(map(len, lanes)) * len(lanes) // 2
        if (request.stream_options or {}).get("include_usage"):
            chunks = [{**it, "usage": None} for it in chunks] + [{**head, "choices": [], "usage": counted}]
        if options.obfuscation:
            chunks = [{**it, "obfuscation": identity("", chance.randint(1, 16), chance)} for it in chunks]
        events = [b"data: " + encode(it, options.escape > 0) for it in chunks]
        events += [] if options.no_done else [b"data: [DONE]"]
        end = b"\r\n\r\n" if options.crlf else b"\n\n"
        comment = b": keep-alive" + end if options.comments else b""
        events = [comment + it + end for it in spoil(events, fail, half, b"data: " + error_body(error))]
        kind, length = "text/event-stream", None
    writes = cut(b"".join(events), options.write, chance) if options.write else events
    return Reply(writes, f"{kind}; charset=utf-8", 200, length, options.pace_ms, fail)


def respond(method: str, path: str, headers: Mapping[str, str], body: bytes, created: int) -> Reply:
    try:
        if not headers.get("authorization"):
            raise refusal("You didn't provide an API key.", 401)
        if (method, path) == ("POST", "/v1/chat/completions"):
            return complete(body, created)
        if (method, path) != ("GET", "/v1/models"):
            raise ProviderError(f"Invalid URL ({method} {path})", status=404, type="invalid_request_error")
        rows = [{"id": it, "object": "model", "created": created, "owned_by": "simulator"} for it in NAMES]
        body, status = encode({"object": "list", "data": rows}), 200
    except ProviderError as error:
        body, status = error_body(error), error.status
    except ValueError as error:  # msgspec's are too
        body, status = error_body(refusal(f"The request is wrong: {error}.")), 400
    return Reply([body], status=status, length_bytes=len(body))


class Settings(Struct):
    pace_ms: float = 0
    record: str | None = None  # a file that gets a line of JSON for each request


class Recorded(Struct):
    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes


class Simulator:
    def __init__(self, settings: Settings) -> None:
        self.url = ""  # the base URL that an SDK takes
        self.requests: list[Recorded] = []
        self.active = self.aborted = 0
        self.settings = settings
        self.changed = asyncio.Event()
        app = web.Application(client_max_size=64 << 20)
        app.router.add_route("*", "/{path:.*}", self.handle)
        self.runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.01)

    async def until(self, condition: Callable[[Simulator], bool]) -> None:
        """Wait for the condition; it is looked at when a request has come and when an answer has ended."""
        while not condition(self):
            self.changed.clear()
            await self.changed.wait()

    async def close(self) -> None:
        await self.runner.cleanup()
        await self.until(lambda it: not it.active)

    def record(self, request: Recorded) -> None:
        self.requests.append(request)
        del self.requests[:-10_000]  # a benchmark sends more than anyone will look at
        self.changed.set()
        if self.settings.record:
            text = request.body.decode(errors="backslashreplace")
            with open(self.settings.record, "ab") as file:
                file.write(encode({**msgspec.structs.asdict(request), "body": text}) + b"\n")

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.active += 1
        try:
            body = await request.read()
            headers = [(key.decode("latin-1"), it.decode("latin-1")) for key, it in request.raw_headers]
            self.record(Recorded(request.method, request.path_qs, headers, body))
            reply = respond(request.method, request.path, request.headers, body, int(time.time()))
            return await self.send(request, reply)
        except (asyncio.CancelledError, ConnectionError) as left:
            self.aborted += 1
            if isinstance(left, ConnectionError):
                return web.Response()
            raise
        finally:
            self.active -= 1
            self.changed.set()

    async def send(self, request: web.Request, reply: Reply) -> web.StreamResponse:
        loop, transport = asyncio.get_running_loop(), request.transport
        headers = {"content-type": reply.content_type, "x-request-id": identity("req_", 32, random.Random())}
        headers |= {"retry-after": "1"} if reply.status == 429 else {}
        response = web.StreamResponse(status=reply.status, headers=headers)
        response.content_length = reply.length_bytes
        kind, _, argument = reply.fail.partition(":")
        await asyncio.sleep(float(argument) if kind == "slow_head" else 0)
        if argument != "head":
            await response.prepare(request)
            pace_s = (self.settings.pace_ms if reply.pace_ms is None else reply.pace_ms) / 1000
            due_s = loop.time()
            for data in reply.writes:
                # Also without a pace: what is written in one turn of the loop leaves in one piece.
                await asyncio.sleep(max(0, due_s - loop.time()))
                await response.write(data)
                due_s += pace_s
        if kind == "stall":
            await loop.create_future()
        elif kind in BREAKS and transport:
            if kind == "garbage":
                transport.write(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
            if kind == "reset":
                linger = struct.pack("ii", 1, 0)  # makes closing a reset
                transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            transport.close()
        return response


async def start(host: str = "127.0.0.1", port: int = 0, settings: Settings | None = None) -> Simulator:
    simulator = Simulator(settings or Settings())
    await simulator.runner.setup()
    await web.TCPSite(simulator.runner, host, port).start()
    simulator.url = f"http://{host}:{simulator.runner.addresses[0][1]}/v1"
    return simulator


async def serve(host: str, port: int, settings: Settings) -> None:
    print((await start(host, port, settings)).url, flush=True)
    await asyncio.Event().wait()


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser("python -m gateway.simulator", description=__doc__, epilog=EXAMPLES)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=9000, help="0 takes a free one (%(default)s)")
    parser.add_argument("--pace-ms", type=float, default=0, help="unless a model's name says otherwise")
    parser.add_argument("--record", metavar="FILE", help="append each request to FILE as a line of JSON")
    given = parser.parse_args(argv)
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(serve(given.host, given.port, Settings(given.pace_ms, given.record)))


if __name__ == "__main__":
    main()
