"""Legacy Completions: the `data` of SSE frames to events, and rewritten frames.

Nearly every frame is decoded by a strict type; one with any other field is walked as plain JSON, where every
string that is not an id or an enum is text to look at.

Source: openai-python types (`completion.py`), recorded traffic of OpenAI and vLLM.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Raw, Struct

from gateway.chat import WHOLE, End, Event, Failure, Lane, Logprobs, Opening, Path, Text
from gateway.dialects.openai_chat.decode import finish, only_choice, rewrite, usage_in
from gateway.dialects.openai_chat.usage import usage_of
from gateway.dialects.openai_completions.fields import classifier
from gateway.dialects.tree import texts
from gateway.errors import ProviderGarbage
from gateway.wire.jsontext import load
from gateway.wire.sse import Frame

__all__ = ["Decoder", "rewrite"]

_classify = classifier(False)


class _Choice(Struct, forbid_unknown_fields=True):
    text: str
    index: int = 0
    finish_reason: str | None = None
    logprobs: Raw = Raw()
    content_filter_results: Raw = Raw()
    stop_reason: int | None = None


class _Chunk(Struct, forbid_unknown_fields=True):
    choices: list[_Choice]
    id: Raw = Raw()
    object: Raw = Raw()
    created: Raw = Raw()
    model: Raw = Raw()
    usage: Raw = Raw()
    system_fingerprint: Raw = Raw()
    obfuscation: Raw = Raw()


_strict = msgspec.json.Decoder(_Chunk)


class Decoder:
    """The frames of one answer to events: each choice is one lane of content."""

    def __init__(self) -> None:
        self._opened = False

    def decode(self, frame: Frame) -> list[Event]:
        """Raises ProviderGarbage when the frame is no chunk of this dialect."""
        data = frame.data or b""
        try:
            chunk = _strict.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            if data.startswith(b"[DONE]"):
                return [End()]
            return self.decode_tree(load(data))
        events: list[Event] = []
        if not self._opened:
            events += self._open(load(data))
        for place, choice in enumerate(chunk.choices):
            if choice.text:
                events.append(Text(Lane(choice.index, "content"), choice.text, ("choices", place, "text")))
            if len(choice.logprobs) > 4:
                events += _logprobs(choice.index, load(bytes(choice.logprobs)))
            if choice.finish_reason:
                events.append(finish(choice.index, choice.finish_reason))
        if len(chunk.usage) > 4 and (usage := usage_of(load(bytes(chunk.usage)))):
            usage.alone = not chunk.choices
            events.append(usage)
        return events

    def decode_tree(self, tree: Any) -> list[Event]:
        """Any JSON: the choices' texts as lanes, every other string as a text that is whole in itself."""
        if not isinstance(tree, dict):
            raise ProviderGarbage("the provider sent a frame that is not a JSON object")
        if error := tree.get("error"):
            return [Failure(error if isinstance(error, dict) else {"message": str(error)})]
        events: list[Event] = [] if self._opened else list(self._open(tree))
        choices = tree.get("choices")
        choices = choices if isinstance(choices, list) else []
        lanes: dict[Path, Lane] = {}
        after: list[Event] = []
        for place, choice in enumerate(choices):
            if not isinstance(choice, dict):
                raise ProviderGarbage("the provider sent a choice that is not a JSON object")
            index = choice.get("index")
            index = index if isinstance(index, int) else 0
            lanes["choices", place, "text"] = Lane(index, "content")
            after += _logprobs(index, choice.get("logprobs"))
            if isinstance(reason := choice.get("finish_reason"), str) and reason:
                after.append(finish(index, reason, choice.get("stop_reason")))
        for path, text in texts(tree, ()):
            if text and (path in lanes or _classify(path, text) != "keep"):
                events.append(Text(lanes.get(path, WHOLE), text, path))
        events += after
        if usage := usage_in(tree):
            usage.alone = not choices
            events.append(usage)
        return events

    def _open(self, tree: dict[str, Any]) -> Iterator[Event]:
        id, model, created = (tree.get(name) for name in ("id", "model", "created"))
        if id or model:
            self._opened = True
            yield Opening(
                id if isinstance(id, str) else "",
                model if isinstance(model, str) else "",
                created if isinstance(created, int) else 0,
            )


def text_in(data: bytes) -> str | None:
    """What a chunk says, if that is one text and nothing else."""
    choice = only_choice(data, _strict)
    return None if choice is None else choice.text


def _logprobs(choice: int, raw: Any) -> Iterator[Event]:
    """The legacy object of lists (`logprobs.py`) as a list of objects."""
    match raw:
        case {"tokens": [*tokens], "token_logprobs": [*values]} if tokens and len(tokens) == len(values):
            tops = raw.get("top_logprobs")
            tops = tops if isinstance(tops, list) and len(tops) == len(tokens) else [None] * len(tokens)
            entries = zip(tokens, values, tops, strict=True)
            yield Logprobs(Lane(choice, "content"), [_entry(*entry) for entry in entries])
        case _:
            return


def _entry(token: Any, value: Any, top: Any) -> dict[str, Any]:
    top = top.items() if isinstance(top, dict) else ()
    tops = [{"token": other, "logprob": logprob, "bytes": None} for other, logprob in top]
    return {"token": str(token), "logprob": value, "bytes": None, "top_logprobs": tops}
