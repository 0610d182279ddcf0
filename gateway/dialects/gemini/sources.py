"""What an answer rests on, and how probable its tokens were: Gemini's metadata to events and back.

Gemini counts in bytes of UTF-8, everyone else in code points.

Source: google-genai types (`GroundingMetadata`, `CitationMetadata`, `LogprobsResult`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from gateway.chat import Annotation, Lane, Logprobs

_OFFSETS = ("startIndex", "endIndex")


def rests_on(
    lane: Lane, candidate: dict[str, Any], texts: Sequence[str], firsts: Mapping[int, int]
) -> Iterator[Annotation]:
    """`texts` are the pieces of the lane so far, `firsts` tells which of them begins a part of this frame."""
    grounding, cited = _dict(candidate, "groundingMetadata"), _dict(candidate, "citationMetadata")
    supports = _dicts(grounding, "groundingSupports")
    chunks = _dicts(grounding, "groundingChunks")
    citations = _dicts(cited, "citations") or _dicts(cited, "citationSources")
    if not (chunks or citations):
        return
    data = "".join(texts).encode("utf-8", "surrogatepass")
    spans = [_span(_dict(support, "segment"), data, texts, firsts) for support in supports]
    spans += [_span(citation, data, texts, {}) for citation in citations]
    points = _code_points(data, {offset for span in spans for offset in span})
    used: set[int] = set()
    for support, (start, end) in zip(supports, spans, strict=False):
        numbers = support.get("groundingChunkIndices")
        for number in numbers if isinstance(numbers, list) else ():
            if isinstance(number, int) and 0 <= number < len(chunks):
                used.add(number)
                source = {"groundingChunk": chunks[number], "groundingSupport": support}
                yield _sourced(lane, chunks[number], points[start], points[end], source)
    for number, chunk in enumerate(chunks):
        if number not in used:
            yield _sourced(lane, chunk, -1, -1, {"groundingChunk": chunk})
    for citation, (start, end) in zip(citations, spans[len(supports) :], strict=True):
        url, title = _string(citation, "uri"), _string(citation, "title")
        yield Annotation(lane, url, title, "", points[start], points[end], {"citation": citation})


def _sourced(lane: Lane, chunk: dict[str, Any], start: int, end: int, raw: dict[str, Any]) -> Annotation:
    kinds = ("web", "retrievedContext", "maps", "image")
    source: dict[str, Any] = next(filter(None, (_dict(chunk, kind) for kind in kinds)), {})
    url = _string(source, "uri") or _string(source, "sourceUri")
    return Annotation(lane, url, _string(source, "title"), _string(source, "text"), start, end, raw)


def _span(
    segment: dict[str, Any], data: bytes, texts: Sequence[str], firsts: Mapping[int, int]
) -> tuple[int, int]:
    """Where a segment stands in the lane, in bytes; (-1, -1) if its own text says that it is not there."""
    start, end = (segment.get(name, 0) for name in _OFFSETS)
    if not isinstance(start, int) or not isinstance(end, int) or not 0 <= start < end:
        return -1, -1
    said = _string(segment, "text").encode("utf-8", "surrogatepass")
    bases = [0]
    part = segment.get("partIndex", 0)
    if isinstance(part, int) and firsts.get(part):
        bases.append(len("".join(texts[: firsts[part]]).encode("utf-8", "surrogatepass")))
    for base in bases:
        if base + end <= len(data) and (not said or data[base + start : base + end] == said):
            return base + start, base + end
    return -1, -1


def _code_points(data: bytes, offsets: Iterable[int]) -> dict[int, int]:
    """Offsets in bytes -> in code points, in one pass."""
    points = {-1: -1}
    at = count = 0
    for offset in sorted(offset for offset in offsets if offset >= 0):
        piece = data[at:offset]
        count += len(piece.decode(errors="ignore"))
        points[offset] = count
        at = offset
    return points


def grounding_of(said: Sequence[Annotation], text: str) -> dict[str, Any]:
    """`groundingMetadata` for the annotations of a candidate."""
    chunks: list[dict[str, Any]] = []
    numbers: dict[tuple[str, str, str], int] = {}
    supports: dict[tuple[int, int], list[int]] = {}
    for event in said:
        source = (event.url, event.title, event.quote)
        if source not in numbers:
            numbers[source] = len(chunks)
            fields = {"uri": event.url, "title": event.title}
            kind = "retrievedContext" if event.quote else "web"
            fields |= {"text": event.quote} if event.quote else {}
            chunks.append({kind: {name: value for name, value in fields.items() if value}})
        if 0 <= event.start < event.end <= len(text):
            supports.setdefault((event.start, event.end), []).append(numbers[source])
    metadata: dict[str, Any] = {"groundingChunks": chunks}
    if supports:
        ends = sorted({offset for span in supports for offset in span})
        bytes_at: dict[int, int] = {}
        at = count = 0
        for offset in ends:
            count += len(text[at:offset].encode("utf-8", "surrogatepass"))
            bytes_at[offset] = count
            at = offset
        metadata["groundingSupports"] = [
            {
                "segment": {
                    "startIndex": bytes_at[start],
                    "endIndex": bytes_at[end],
                    "text": text[start:end],
                },
                "groundingChunkIndices": list(dict.fromkeys(chunk_numbers)),
            }
            for (start, end), chunk_numbers in supports.items()
        ]
    return metadata


def drop_offsets(candidate: dict[str, Any]) -> None:
    """The text has changed: what counts in it counts wrong, and so do the tokens that spelled it."""
    candidate.pop("logprobsResult", None)
    for support in _dicts(_dict(candidate, "groundingMetadata"), "groundingSupports"):
        for name in _OFFSETS:
            _dict(support, "segment").pop(name, None)
    cited = _dict(candidate, "citationMetadata")
    for citation in [*_dicts(cited, "citations"), *_dicts(cited, "citationSources")]:
        for name in _OFFSETS:
            citation.pop(name, None)


# --- probabilities ----------------------------------------------------------------------------------------


def logprobs(lane: Lane, result: Any) -> Logprobs | None:
    if not isinstance(result, dict):
        return None
    tops = _dicts(result, "topCandidates")
    content: list[dict[str, Any]] = []
    for number, chosen in enumerate(_dicts(result, "chosenCandidates")):
        token = _token(chosen)
        top = _dicts(tops[number], "candidates") if number < len(tops) else []
        content.append({**token, "top_logprobs": [_token(each) for each in top]})
    return Logprobs(lane, content) if content else None


def _token(candidate: dict[str, Any]) -> dict[str, Any]:
    token, logprob = _string(candidate, "token"), candidate.get("logProbability")
    spelled = list(token.encode("utf-8", "surrogatepass"))
    return {"token": token, "logprob": logprob if isinstance(logprob, int | float) else 0.0, "bytes": spelled}


def logprobs_result(content: list[dict[str, Any]]) -> dict[str, Any]:
    def chosen(token: dict[str, Any]) -> dict[str, Any]:
        return {"token": token.get("token", ""), "logProbability": token.get("logprob", 0.0)}

    result: dict[str, Any] = {"chosenCandidates": [chosen(token) for token in content]}
    if any(token.get("top_logprobs") for token in content):
        result["topCandidates"] = [
            {"candidates": [chosen(each) for each in token.get("top_logprobs") or ()]} for token in content
        ]
    return result


def _dict(holder: dict[str, Any], name: str) -> dict[str, Any]:
    value = holder.get(name)
    return value if isinstance(value, dict) else {}


def _dicts(holder: dict[str, Any], name: str) -> list[dict[str, Any]]:
    values = holder.get(name)
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


def _string(holder: dict[str, Any], name: str) -> str:
    value = holder.get(name)
    return value if isinstance(value, str) else ""
