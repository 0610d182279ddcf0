"""What is said: a request in, an answer out that no dialect has written yet. Pure."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
import string
from itertools import cycle, islice
from typing import Any, AnyStr, Literal

import msgspec
from msgspec import Struct

from gateway.simulator.asked import Asked, Json, Refused, Tool
from gateway.simulator.options import Size

MENTION = re.compile(r"\[[A-Z][A-Z0-9_]*_[0-9A-Za-z]+\]|[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
TOKEN = re.compile(r" ?[^\W\d_]{1,8}|\d{1,3}| ?[^\w\s]|\s+|.", re.DOTALL)
JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
PROSE = TOKEN.findall(
    " The river runs slowly through the valley, past old mills and quiet gardens. In spring the water rises"
    " and the fields turn green; in autumn the mist stays until noon. People here say that nothing changes."
)
SAMPLES: Json = {"integer": 1, "number": 1.5, "boolean": True, "object": {}, "array": [], "null": None}
DEEPEST = 8  # objects in objects, as a schema may refer to itself

Finish = Literal["stop", "length", "tool", "filter"]


class Call(Struct):
    name: str
    arguments: Json
    text: str  # the arguments as they are streamed, which may end too early


class Citation(Struct):
    start: int  # characters of the text
    end: int
    quoted: str
    title: str
    url: str


class Said(Struct):
    """An answer. None is nothing, which is not the same as an empty text."""

    reasoning: str | None = None
    hidden: bool = False  # only the provider can read the reasoning
    text: str | None = None
    refusal: str | None = None
    calls: list[Call] = []
    citations: list[Citation] = []
    finish: Finish = "stop"
    stopped_by: str | None = None

    @property
    def signature(self) -> str:
        return sign(self.reasoning or "")


class Usage(Struct):
    asked: int  # with what came from the cache
    cached: int
    said: int  # without the reasoning
    reasoned: int


def encode(value: Any, escape: bool = False) -> bytes:
    return escaped(json.dumps(value, separators=(",", ":"))) if escape else msgspec.json.encode(value)


def escaped(text: str) -> bytes:
    """ASCII JSON without a bracket in its strings."""
    return JSON_STRING.sub(lambda it: it[0].replace("[", r"\u005b").replace("]", r"\u005d"), text).encode()


def identity(prefix: str, length: int, chance: random.Random) -> str:
    return prefix + "".join(chance.choices(string.ascii_letters + string.digits, k=length))


def sign(text: str) -> str:
    """What proves that a text was not changed: the same for the same text, so nothing need be remembered."""
    digest = hashlib.sha512(b"simulated" + text.encode()).digest()
    return base64.b64encode(b"\x12\xba\x01" + digest + digest[:26]).decode()


def seal(text: str) -> str:
    """A text that only the provider can read."""
    return base64.b64encode(b"\x80\x00\x00" + text.encode() + b"." + sign(text).encode()).decode()


def unsealed(data: str) -> str | None:
    """The text within, None if the seal is broken."""
    try:
        inner = base64.b64decode(data, validate=True)[3:].decode()
    except ValueError:
        return None
    text, _, signature = inner.rpartition(".")
    return text if signature == sign(text) else None


def cut(whole: AnyStr, size: Size, chance: random.Random) -> list[AnyStr]:
    pieces, at = [], 0
    while at < len(whole):
        end = at + (chance.randint(1, 12) if size == "random" else size)
        pieces.append(whole[at:end])
        at = end
    return pieces


def pieces(text: str | None, size: Size | None, chance: random.Random) -> list[str]:
    return cut(text or "", size, chance) if size else TOKEN.findall(text or "")


def sample(schema: object, root: Json, depth: int = 0) -> Any:
    """A value of the schema. Its strings are empty, for others to fill."""
    if not isinstance(schema, dict) or depth > DEEPEST:
        return ""
    reference = schema.get("$ref")
    if isinstance(reference, str):
        found: Any = root
        for name in reference.removeprefix("#/").split("/"):
            found = found.get(name) if isinstance(found, dict) else None
        return sample(found, root, depth + 1)
    for several in ("anyOf", "oneOf", "allOf"):
        if isinstance(schema.get(several), list) and schema[several]:
            return sample(schema[several][0], root, depth + 1)
    if "const" in schema:
        return schema["const"]
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return schema["enum"][0]
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    kind = kind.lower() if isinstance(kind, str) else "object" if "properties" in schema else "string"
    if kind == "object" and isinstance(schema.get("properties"), dict):
        return {name: sample(it, root, depth + 1) for name, it in schema["properties"].items()}
    if kind == "array" and isinstance(schema.get("items"), dict) and depth < DEEPEST:
        return [sample(schema["items"], root, depth + 1)]
    return SAMPLES.get(kind, "")


def places(value: Any) -> list[tuple[Any, Any]]:
    """Where the empty strings are: the object or list, and the key in it."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = []
    for key, it in list(pairs):
        found += [(value, key)] if it == "" else places(it)
    return found


def instance(schema: Json, values: list[str]) -> Json:
    """An object of the schema whose strings are `values` in turn; the last one takes all that are left."""
    found = sample(schema, schema)
    # Samples are shared, this is not.
    whole: Json = json.loads(json.dumps(found if isinstance(found, dict) else {}))
    slots = places(whole)
    for at, (owner, key) in enumerate(slots):
        last = at == len(slots) - 1
        owner[key] = ", ".join(values[at:] if last else values[at : at + 1]) or "example"
    return whole


def calls(asked: Asked, count: int, values: list[str]) -> list[Call]:
    if not asked.tools:
        raise Refused(f"The script `{asked.script}` needs functions to call.", param="tools")

    def call(tool: Tool) -> Call:
        arguments = {} if asked.script == "zero" else instance(tool.schema, values)
        return Call(tool.name, arguments, encode(arguments, asked.options.escape == 2).decode())

    return [call(it) for it in islice(cycle(asked.tools), count)]


def perform(asked: Asked) -> Said:
    """The answer of one choice."""
    options, script, said = asked.options, asked.script, Said()
    found = list(dict.fromkeys(MENTION.findall("\n".join(asked.texts))))
    own = list(dict.fromkeys(MENTION.findall(asked.user)))
    named = ", ".join(found)
    note = f"you asked about {named}. What should happen to {found[0]}?" if found else "how can I help?"
    may_call = bool(asked.tools) and asked.may_call and asked.fresh
    if options.reasoning or options.hidden or script == "thinking":
        said.reasoning, said.hidden = f"The user names {named or 'nobody'}.", options.hidden
    if options.refusal:
        said.refusal = f"I'm sorry, I can't help with {named or 'that'}."
    elif script in ("tool", "parallel", "zero") or (script in ("sim", "thinking", "length") and may_call):
        said.calls = calls(asked, options.calls or (2 if script == "parallel" else 1), own)
        said.text, said.finish = "Let me look at both." if script == "parallel" else None, "tool"
        if script == "length":
            last = said.calls[-1]
            last.arguments, last.text, said.finish = {}, last.text[: len(last.text) * 2 // 3], "length"
    elif script == "long":
        said.text = "".join(islice(cycle(PROSE), options.tokens)).lstrip()
    elif script == "length":
        limit = options.tokens if asked.limit is None else asked.limit
        said.text, said.finish = "".join(islice(cycle(PROSE), min(limit, 1_000_000))).lstrip(), "length"
    elif script == "stop":
        said.text, said.stopped_by = "".join(PROSE[:12]).lstrip(), next(iter(asked.stop), None)
    elif script == "safety":
        half = f"Of course — {note}"
        said.text, said.finish = half[: len(half) // 2] if options.tokens else None, "filter"
    elif script == "json":
        said.text = encode(instance(asked.schema, found) or {"answer": named or "example"}).decode()
    elif script == "image":
        seen = [f"{it.kind} of {it.size_bytes} bytes" if it.size_bytes else it.kind for it in asked.media]
        said.text = f"I was sent {', '.join(seen)}." if seen else "I was sent no image."
    elif script == "citations":
        said.text = f"The register lists {named or 'nobody'}."
        end = len(said.text) - 1
        about = said.text[19:end]
        said.citations = [
            Citation(19, end, f"Entry: {about}", "The register", "https://example.com/register")
        ]
    elif script in ("echo", "script"):
        said.text = asked.user if script == "echo" else options.text
    else:
        said.text = f"Of course — {note}"
    return said


def usage(asked: Asked, saids: list[Said]) -> Usage:
    def count(texts: list[str | None]) -> int:
        return len(TOKEN.findall("".join(it or "" for it in texts)))

    prompt = count(["\n".join(asked.texts)])
    said = [text for it in saids for text in (it.text, it.refusal, *(call.text for call in it.calls))]
    reasoned = count([it.reasoning for it in saids])
    return Usage(prompt, min(asked.options.cached, prompt), count(said), reasoned)
