"""A chunk with fields that the strict type does not know: what each string of it is.

In: the chunk's JSON. Out: the texts, each with its lane and place, and what stands beside them: calls, sealed
reasoning, annotations, whole items. Events come in the order in which a message is read: reasoning, content,
calls. Nothing here knows how a chunk is framed.

A text that a frame says twice has its second saying in a lane below position 0: frames that pass show both,
a translation says it once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from gateway.chat import WHOLE, Annotation, Event, Extra, Lane, Path, Sealed, Text
from gateway.dialects.openai_chat.fields import classifier
from gateway.dialects.tree import dicts, texts
from gateway.errors import ProviderGarbage
from gateway.wire.jsontext import encode

NAME = "openai_chat"
CLAUDE = "anthropic-claude-v1"  # OpenRouter's name of the form of signed reasoning
_classify = classifier(False)
# Fields of a delta that are events, or say nothing that a translation needs.
_KNOWN = frozenset(
    "role name content reasoning reasoning_content refusal tool_calls function_call audio annotations "
    "reasoning_details extra_content thought_signature provider_items channel".split()
)
# Where in a message an event belongs.
_REASONING, _CONTENT, _ANNOTATION, _CALL, _ITEM = range(5)
_Place = tuple[int, int, int, int]
_Begin = Callable[[int, int, str | None, str | None, bool, str], Iterator[Event]]


def at_delta(place: int) -> Path:
    return ("choices", place, "delta")


class Walk:
    """What must be remembered between the chunks of one answer."""

    def __init__(self) -> None:
        self._calls: dict[int, list[str]] = {}  # choice -> ids of its calls, in order
        self._blocks: dict[tuple[int, str], list[Any]] = {}  # (choice, kind) -> the provider's indexes
        self._signed: set[tuple[int, int]] = set()
        self._cited: set[str] = set()

    def texts_and_calls(self, tree: dict[str, Any], begin: _Begin) -> list[Event]:
        """`begin` tells of a call if it is a new one. Raises ProviderGarbage."""
        lanes: dict[Path, Lane] = {}
        found: list[tuple[_Place, Event]] = []
        choices = tree.get("choices")
        for place, choice in enumerate(choices if isinstance(choices, list) else ()):
            if not isinstance(choice, dict):
                raise ProviderGarbage("the provider sent a choice that is not a JSON object")
            index = choice.get("index")
            index = index if isinstance(index, int) else 0
            delta = choice.get("delta")
            if isinstance(delta, dict):
                lanes.update(self._lanes(index, at_delta(place), delta))
                found += self._beside(index, delta, begin)
        for path, text in texts(tree, ()):
            if not text:
                continue
            if lane := lanes.get(path):
                found.append((_place(lane), Text(lane, text, path)))
            elif _classify(path, text) != "keep":
                found.append(((-1, 0, 0, 0), Text(WHOLE, text, path)))
        found += self._citations(tree)
        found.sort(key=lambda each: each[0])
        return [event for _, event in found]

    def _lanes(self, index: int, at: Path, delta: dict[str, Any]) -> Iterator[tuple[Path, Lane]]:
        for field in ("content", "refusal"):
            yield (*at, field), Lane(index, field)
        yield from self._reasoning(index, at, delta)
        if isinstance(parts := delta.get("content"), list):  # Mistral: text and thinking as typed parts
            for i, part in enumerate(parts):
                if isinstance(part, dict):
                    yield (*at, "content", i, "text"), Lane(index, "content")
                    if isinstance(thoughts := part.get("thinking"), list):
                        for j in range(len(thoughts)):
                            yield (*at, "content", i, "thinking", j, "text"), Lane(index, "reasoning")
        yield (*at, "audio", "transcript"), Lane(index, "transcript")
        yield (*at, "function_call", "arguments"), Lane(index, "arguments")
        for position, _, number in self._numbered(index, delta):
            tool = (*at, "tool_calls", position)
            yield (*tool, "function", "arguments"), Lane(index, "arguments", number)
            yield (*tool, "custom", "input"), Lane(index, "input", number)

    def _reasoning(self, index: int, at: Path, delta: dict[str, Any]) -> Iterator[tuple[Path, Lane]]:
        """`reasoning_details` says again what `reasoning` says, and is the one that is signed."""
        said = [field for field in ("reasoning_content", "reasoning") if delta.get(field)]
        signed = False
        for i, detail in enumerate(dicts(delta.get("reasoning_details"))):
            path = (*at, "reasoning_details", i)
            position = self._block(index, detail)
            if detail.get("text"):
                is_signed = self._is_signed(index, position, detail)
                signed = signed or is_signed
                again = bool(said) and not is_signed
                yield (*path, "text"), Lane(index, "thinking", -1 - position if again else position)
            yield (*path, "summary"), Lane(index, "reasoning", -3 - position if said else position)
        for i, field in enumerate(said):
            yield (*at, field), Lane(index, "reasoning", -1 - i if signed or i else 0)

    def _is_signed(self, choice: int, position: int, detail: dict[str, Any]) -> bool:
        """Will a signature follow? The form says so, in every piece or only in the first."""
        if str(detail.get("format")).startswith("anthropic") or detail.get("signature"):
            self._signed.add((choice, position))
        return (choice, position) in self._signed

    def _block(self, choice: int, detail: dict[str, Any]) -> int:
        """The position of a block of reasoning among those of its kind."""
        indexes = self._blocks.setdefault((choice, _kind(detail)), [])
        index = detail.get("index", detail.get("id"))
        if index not in indexes:
            indexes.append(index)
        return indexes.index(index)

    def _beside(self, index: int, delta: dict[str, Any], begin: _Begin) -> Iterator[tuple[_Place, Event]]:
        for detail in dicts(delta.get("reasoning_details")):
            yield from self._sealed(index, detail)
        signature = _signature(delta)
        for position, call, number in self._numbered(index, delta):
            custom = _is_custom(call)
            named = call.get("custom" if custom else "function")
            named = named if isinstance(named, dict) else {}
            own = _signature(call) or (signature if position == 0 else "")
            for event in begin(index, number, call.get("id"), named.get("name"), custom, own):
                signature = "" if own == signature else signature
                yield (index, _CALL, number, 0), event
            if isinstance(arguments := named.get("arguments"), dict):
                text = Text(Lane(index, "arguments", number), encode(arguments).decode())
                yield (index, _CALL, number, 1), text
        if isinstance(function := delta.get("function_call"), dict):
            for event in begin(index, 0, None, function.get("name"), False, ""):
                yield (index, _CALL, 0, 0), event
        if signature:
            yield (index, _CONTENT, 0, 1), Sealed(Lane(index, "content"), "signature", signature)
        for annotation in dicts(delta.get("annotations")):
            yield (index, _ANNOTATION, 0, 0), annotation_of(index, annotation)
        for item in dicts(delta.get("provider_items")):
            if isinstance(item.get("item"), dict):
                yield (index, _ITEM, 0, 0), Extra(index, str(item.get("dialect")), item["item"])
        audio = delta.get("audio")
        if isinstance(audio, dict) and audio.get("data"):
            sound = {name: value for name, value in audio.items() if name != "transcript"}
            yield (index, _ITEM, 0, 0), Extra(index, NAME, {"audio": sound})
        for field, value in delta.items():
            if value and field not in _KNOWN:
                yield (index, _ITEM, 0, 0), Extra(index, NAME, {field: value})

    def _sealed(self, choice: int, detail: dict[str, Any]) -> Iterator[tuple[_Place, Event]]:
        kind = _kind(detail)
        lane = Lane(choice, kind, self._block(choice, detail))
        place = (choice, _REASONING, lane.position, 1)
        id = detail.get("id")
        id = id if isinstance(id, str) else ""
        if isinstance(signature := detail.get("signature"), str) and signature:
            yield place, Sealed(lane, "signature", signature, id)
        if isinstance(data := detail.get("data"), str) and data:
            yield place, Sealed(lane, "redacted" if kind == "thinking" else "encrypted", data, id)

    def _citations(self, tree: dict[str, Any]) -> Iterator[tuple[_Place, Event]]:
        """Perplexity's, which every chunk repeats."""
        titles = {
            result["url"]: str(result.get("title") or "")
            for result in dicts(tree.get("search_results"))
            if isinstance(result.get("url"), str)
        }
        urls = tree.get("citations")
        for url in (*titles, *(urls if isinstance(urls, list) else ())):
            if isinstance(url, str) and url not in self._cited:
                self._cited.add(url)
                yield (0, _ANNOTATION, 0, 0), Annotation(Lane(0, "content"), url, titles.get(url, ""))

    def _numbered(self, choice: int, delta: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any], int]]:
        """(position, tool call, its index). Mistral sends none: a new id is a new call."""
        calls = delta.get("tool_calls")
        for position, call in enumerate(calls if isinstance(calls, list) else ()):
            if not isinstance(call, dict):
                raise ProviderGarbage("the provider sent a tool call that is not a JSON object")
            number = call.get("index")
            if not isinstance(number, int):
                ids = self._calls.setdefault(choice, [])
                if (id := call.get("id")) and id not in ids:
                    ids.append(id)
                number = ids.index(id) if id else max(len(ids) - 1, 0)
            yield position, call, number


def annotation_of(choice: int, raw: dict[str, Any]) -> Event:
    """OpenRouter gives a quote in `content`, and 0 to 0 where it does not know the place."""
    lane = Lane(choice, "content")
    citation = raw.get("url_citation")
    if not isinstance(citation, dict):
        return Extra(choice, NAME, {"annotations": [raw]})

    def text(*names: str) -> str:
        return next((value for name in names if isinstance(value := citation.get(name), str) and value), "")

    start, end = citation.get("start_index"), citation.get("end_index")
    if not (isinstance(start, int) and isinstance(end, int) and end > start >= 0):
        start = end = -1
    return Annotation(lane, text("url"), text("title"), text("quote", "content"), start, end, raw)


def _place(lane: Lane) -> _Place:
    match lane.kind:
        case "reasoning" | "thinking":
            return lane.choice, _REASONING, lane.position, 0
        case "arguments" | "input":
            return lane.choice, _CALL, lane.position, 1
        case _:
            return lane.choice, _CONTENT, lane.position, 0


def _kind(detail: dict[str, Any]) -> str:
    """Claude's reasoning is signed or redacted; what others seal belongs to reasoning that is not."""
    if detail.get("type") == "reasoning.text" or str(detail.get("format")).startswith("anthropic"):
        return "thinking"
    return "reasoning"


def _is_custom(call: dict[str, Any]) -> bool:
    """Snowflake sends both forms, one of them empty."""
    custom = call.get("custom")
    return isinstance(custom, dict) and (call.get("type") == "custom" or not call.get("function"))


def _signature(holder: dict[str, Any]) -> str:
    """The thought signature of a call or a message of Gemini's."""
    content = holder.get("extra_content")
    google = content.get("google") if isinstance(content, dict) else None
    signature = google.get("thought_signature") if isinstance(google, dict) else None
    return signature if isinstance(signature, str) else ""
