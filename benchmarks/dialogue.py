"""What is asked and what is answered, known to both ends of a benchmark.

In go a client's number and the size of an answer, out come the request, the frames of the answer, and
whether an answer that came back is right to the byte. How either travels is not known here.

A request names a person, an e-mail address and a payment card; the answer repeats each once, in tokens as
models cut them. The provider repeats whatever stands in those places, values or placeholders.
"""

from __future__ import annotations

import re
from itertools import cycle, islice
from typing import Any, NamedTuple

import msgspec

FEWEST_EVENTS = 4  # a role, a token, the finish and the end mark
_AROUND_TOKENS = 3
_PIECES = 5
_ROOMY_TOKENS = 30  # from here on mentions are cut into pieces

_CHUNK: dict[str, Any] = {
    "id": "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG",
    "object": "chat.completion.chunk",
    "created": 1741570283,
    "model": "gpt-4o-mini-2024-07-18",
    "service_tier": "default",
    "system_fingerprint": "fp_06737a9306",
}
DONE = b"data: [DONE]\n\n"

_PROSE = re.findall(
    r" ?[A-Za-z]{1,9}|\d{1,3}|\s|.",
    "The account was opened in 1998 and has been in good standing ever since. There were two letters last "
    "spring about a late delivery; both were answered within a week, and the matter is closed. A short, "
    "friendly reply is enough: thank them for their patience, say what happens next, and offer a call on "
    "Monday. It's best to keep the tone warm and to leave the rest of the history out of it.",
)
_SYSTEM = (
    "You are the assistant of a customer service team. Answer in the customer's language, briefly and "
    "politely. Use the customer's own details when they help. Never invent an order, a date or a price; "
    "if something is missing, say what you need."
)
_ASKED = re.compile(rb"about (.+?), who writes from (\S+) and pays with card (.+?)\. They")
_CARDS = ("4111 1111 1111 1111", "5555 5555 5555 4444", "4012 8888 8888 1881", "3782 822463 10005")
_NAMES = ("John Smith", "Grace Hopper", "Alan Turing", "Mary Jackson", "Edith Clarke")


class Values(NamedTuple):
    """What must never reach the provider, or what stands in its place."""

    name: str
    email: str
    card: str


def values(client: int) -> Values:
    """Each client has its own, so that an answer that goes to the wrong one is seen."""
    name = _NAMES[client % len(_NAMES)]
    email = f"{name.lower().replace(' ', '.')}.{client}@example.com"
    return Values(name, email, _CARDS[client % len(_CARDS)])


def encode_request(asked: Values) -> bytes:
    question = (
        f"Draft a reply to a customer. It is about {asked.name}, who writes from {asked.email} and pays with "
        f"card {asked.card}. They ask why the last delivery came late and whether the next one can come a "
        "day earlier. Mention the address we answer to and the card we charge."
    )
    messages = [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": question}]
    body = {"model": "gpt-4o-mini", "messages": messages, "stream": True, "temperature": 0.2}
    return msgspec.json.encode(body)


def find_values(request: bytes) -> Values | None:
    """What stands where the values stood; None for another request than ours."""
    found = _ASKED.search(request)
    return Values(*(group.decode() for group in found.groups())) if found else None


def in_clear(found: Values) -> bool:
    return "@" in found.email


def tokens(repeated: Values, events: int) -> list[str]:
    """The answer's text in pieces: prose, and each value once, evenly spread."""
    if events < FEWEST_EVENTS:
        raise ValueError(f"an answer has at least {FEWEST_EVENTS} events")
    count = events - _AROUND_TOKENS
    parts = _PIECES if count >= _ROOMY_TOKENS else 1
    mentions = [_cut(f" {value}", parts) for value in repeated[:count]]
    prose_tokens = count - sum(map(len, mentions))
    prose = list(islice(cycle(_PROSE), prose_tokens))
    for at, mention in reversed(list(enumerate(mentions, 1))):
        place = prose_tokens * at // (len(mentions) + 1)
        prose[place:place] = mention
    return prose


def _cut(text: str, parts: int) -> list[str]:
    return [text[len(text) * at // parts : len(text) * (at + 1) // parts] for at in range(parts)]


def frame(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return b"data: " + msgspec.json.encode({**_CHUNK, "choices": [choice]}) + b"\n\n"


OPENING = frame({"role": "assistant", "content": "", "refusal": None})
FINISH = frame({}, "stop")
_FRAME_OF = {token: frame({"content": token}) for token in _PROSE}


def frames(repeated: Values, events: int) -> list[bytes]:
    """The answer as the provider writes it."""
    said = [_FRAME_OF.get(token) or frame({"content": token}) for token in tokens(repeated, events)]
    return [OPENING, *said, FINISH, DONE]


def fault(body: bytes, asked: Values, events: int) -> str | None:
    """What is wrong with an answer as the client got it.

    A proxy that restores may write the frames of a mention anew and leave out those that lost their text.
    All others must be the provider's bytes, and the text must be right to the character.
    """
    sent = frames(asked, events)
    if body == b"".join(sent):
        return None
    got = [part + b"\n\n" for part in body.split(b"\n\n")]
    if got.pop() != b"\n\n" or got[:1] != sent[:1] or got[-2:] != sent[-2:]:
        return "the opening, the finish or the end mark is not as the provider wrote it"
    text = ""
    for each in got[1:-2]:
        content = _content(each)
        if content is None or frame({"content": content}) != each:
            return "a frame holds other bytes than the provider wrote"
        text += content
    if text != "".join(tokens(asked, events)):
        return "a placeholder was left in the text" if _holds_placeholder(text) else "the text is not right"
    return None


def _content(raw: bytes) -> str | None:
    try:
        content = msgspec.json.decode(raw[6:])["choices"][0]["delta"]["content"]
    except (msgspec.MsgspecError, LookupError, TypeError):
        return None
    return content if isinstance(content, str) else None


def _holds_placeholder(text: str) -> bool:
    return re.search(r"\[[A-Z_]+_\d+\]", text) is not None


def split_responses(received: bytes) -> tuple[list[bytes], str | None]:
    """The bodies of the chunked HTTP responses in a connection's bytes, and what is wrong with the last."""
    bodies: list[bytes] = []
    at = 0
    while at < len(received):
        head_ends = received.find(b"\r\n\r\n", at)
        head = received[at:head_ends].lower()
        if head_ends < 0 or not head.startswith(b"http/1.1 200") or b"transfer-encoding: chunked" not in head:
            return bodies, f"the answer is not a chunked 200 but {received[at : at + 12]!r}"
        at = head_ends + 4
        pieces: list[bytes] = []
        while not pieces or pieces[-1]:
            line_ends = received.find(b"\r\n", at)
            if line_ends < 0:
                return bodies, "the answer was cut"
            size = int(received[at:line_ends], 16)
            at = line_ends + 2 + size + 2
            pieces.append(received[line_ends + 2 : at - 2])
        bodies.append(b"".join(pieces))
    return bodies, None
