"""A JSON body in, the same body with every string made safe (or made whole again) out.

A dialect says of each string what it is, by its path: text, JSON written in a string, or something never
touched (an id, a role, a signature, bytes). This module walks the body and leaves its shape alone. Object
keys are text too: a value can hide in one. A number that reads like an identifier becomes a string.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from typing import Any, Literal

import regex

from gateway.privacy.entities import ENTITIES, REDACTED_IN_ANSWERS, Entity
from gateway.privacy.json_run import JsonRun, SniffRun
from gateway.privacy.scanner import Edit, Scan, TextRun, apply, compile_rules, find, plan_for
from gateway.privacy.vault import Vault

Path = tuple[str | int, ...]
Nature = Literal["text", "json", "sniff", "keep"]
Classify = Callable[[Path, str], Nature]

REQUEST_RULES = compile_rules(ENTITIES)
ANSWER_RULES = compile_rules(tuple(e for e in ENTITIES if e.kind in REDACTED_IN_ANSWERS))

_HOST = regex.compile(r"https?://([^\s/?#:@\"'<>()]+)")
# No number below nine digits is an identifier that we know of.
_SMALLEST_NUMBER = 10**8


def redact_request(
    body: dict[str, Any], classify: Classify, vault: Vault, names: AbstractSet[str] = frozenset()
) -> dict[str, int]:
    """Hide what the request's rules find, in place; the number of findings by entity name.

    `names` are keys that need no look, because the dialect gave them.
    """
    found: dict[str, int] = {}

    def hide(entity: Entity, value: str) -> str:
        found[entity.name] = found.get(entity.name, 0) + 1
        return vault.hide(entity, value)

    for _, text in _strings(body, classify, ()):
        vault.reserve(text)
        if "://" in text:
            vault.hosts.update(host.lower() for host in _HOST.findall(text))
    scan = Scan(plan_for(REQUEST_RULES, None), hide)

    def change(text: str, nature: Nature, context: str) -> str:
        if nature == "text":
            lead = len(context)
            whole = context + text
            spans = find(whole, REQUEST_RULES, lead)
            edits = [
                Edit(s.start - lead, s.end - lead, hide(s.entity, whole[s.start : s.end])) for s in spans
            ]
        else:
            edits = _edits(scan, text, nature, context)
        return apply(text, edits) if edits else text

    _walk(body, classify, (), change, names)
    return found


def answer_scan(vault: Vault) -> Scan:
    """What the runs of an answer need: restore from the vault, redact what the model itself produced."""
    return Scan(plan_for(ANSWER_RULES, vault.grammar()), lambda entity, _: f"[{entity.label}]", vault)


def restore_body(body: Any, classify: Classify, scan: Scan) -> None:
    """Make a whole answer safe and whole, in place."""

    def change(text: str, nature: Nature, context: str) -> str:
        edits = _edits(scan, text, nature, context)
        return apply(text, edits) if edits else text

    _walk(body, classify, (), change)


def _edits(scan: Scan, text: str, nature: Nature, context: str) -> list[Edit]:
    """What a run of that nature changes in a whole text. JSON brings its own context, its keys."""
    run: TextRun | JsonRun | SniffRun
    if nature == "text":
        run = TextRun(scan, context)
    else:
        run = JsonRun(scan) if nature == "json" else SniffRun(scan)
    run.feed(text)
    run.flush()
    return run.edits


def _strings(node: Any, classify: Classify, path: Path) -> Iterator[tuple[Path, str]]:
    """Every string that is not kept, keys included, in document order."""
    if isinstance(node, str):
        if classify(path, str(node)) != "keep":
            yield path, node
    elif isinstance(node, dict):
        for key, value in node.items():
            yield path, key
            yield from _strings(value, classify, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _strings(value, classify, (*path, index))


Change = Callable[[str, Nature, str], str]


def _walk(
    node: Any, classify: Classify, path: Path, change: Change, names: AbstractSet[str] = frozenset()
) -> Any:
    """Change strings in place, depth first in document order; what stands in the node's place."""
    if isinstance(node, str):
        nature = classify(path, node)
        if nature == "keep":
            return node
        key = path[-1] if path else ""
        return change(node, nature, f"{key}: " if isinstance(key, str) else "")
    if isinstance(node, dict):
        for key in list(node):
            value = _walk(node[key], classify, (*path, key), change, names)
            renamed = key if key in names else change(key, "text", "")
            if renamed == key:
                node[key] = value
            else:
                # Order matters to prompt caches and to people: rebuild rather than append.
                items = [(renamed if k == key else k, value if k == key else v) for k, v in node.items()]
                node.clear()
                node.update(items)
    elif isinstance(node, list):
        for index, item in enumerate(node):
            node[index] = _walk(item, classify, (*path, index), change, names)
    elif isinstance(node, int) and not isinstance(node, bool) and abs(node) >= _SMALLEST_NUMBER:
        changed = _walk(str(node), classify, path, change, names)
        return node if changed == str(node) else changed
    return node
