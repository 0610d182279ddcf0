"""A JSON body in, the same body with every string made safe (or made whole again) out.

A dialect says of each string what it is, by its path: text, JSON written in a string, or something never
touched (an id, a role, a signature, bytes). This module walks the body and leaves its shape alone. Object
keys are text too: a value can hide in one. A number that reads like an identifier becomes a string.

Each string is looked at by itself: a value that is split over two content parts or two messages is not seen.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cache
from typing import Any, TypeVar

import regex

from gateway.chat import Nature, Path
from gateway.errors import ConfigError, PolicyViolation
from gateway.privacy import formats
from gateway.privacy.entities import ENTITIES, REDACTED_IN_ANSWERS, Entity
from gateway.privacy.json_run import JsonRun, SniffRun
from gateway.privacy.normalise import normalise
from gateway.privacy.plan import Action
from gateway.privacy.rules import Rules
from gateway.privacy.scanner import Edit, Scan, Span, TextRun, apply, compile_rules, find, plan_for
from gateway.privacy.vault import Vault

Classify = Callable[[Path, str], Nature]
# How often an entity, by name, met an action. An allowed one is not counted.
Findings = Counter[tuple[str, Action]]

_HOST = regex.compile(r"https?://([^\s/?#:@\"'<>()]+)")
_ESCAPE_OR_QUOTE = regex.compile(r'[\\"]').search
# No number below nine digits is an identifier that we know of.
_SMALLEST_NUMBER = 10**8


class Actions:
    """What a policy does to each entity in a request; made once a policy, not once a request.

    `by_name` overrides the default by the entity's name: `allow` for the ordinary kind, else `redact`.
    `entities` are the rows in the order tried; `allowed` tells values that are never a finding.
    Raises ConfigError for the name of no entity.
    """

    __slots__ = ("_by_name", "allowed", "flagged", "rules")

    def __init__(
        self,
        by_name: Mapping[str, Action] | None = None,
        *,
        entities: tuple[Entity, ...] = ENTITIES,
        allowed: Callable[[str], bool] | None = None,
    ) -> None:
        for name in by_name or ():
            if all(name != entity.name for entity in entities):
                raise ConfigError(f"no entity is called {name}")
        self._by_name = dict(by_name or {})
        self.allowed = allowed
        # What is only flagged is looked for apart, so that it never takes the place of what must be hidden.
        self.rules = compile_rules(tuple(e for e in entities if self.of(e) in ("redact", "block")))
        self.flagged = compile_rules(tuple(e for e in entities if self.of(e) == "flag"))

    def of(self, entity: Entity) -> Action:
        return self._by_name.get(entity.name) or ("allow" if entity.kind == "ordinary" else "redact")


@cache
def request_rules() -> Rules:
    """The whole table."""
    return compile_rules(ENTITIES)


@cache
def answer_rules() -> Rules:
    """What an answer may not show."""
    return compile_rules(tuple(e for e in ENTITIES if e.kind in REDACTED_IN_ANSWERS))


@cache
def default_actions() -> Actions:
    """What is done where no policy says otherwise."""
    return Actions()


def warm(actions: Actions | None = None) -> None:
    """Compile what requests under these actions and their answers need: about a second, once a process.

    Without it, each pattern is compiled by the first text that needs it, and all others wait.
    """
    actions = actions or default_actions()
    for rules in (actions.rules, actions.flagged, answer_rules()):
        rules.warm()
    plan_for(actions.rules, None)
    plan_for(actions.flagged, None)
    answer_scan(Vault())


def redact_request(
    body: dict[str, Any],
    classify: Classify,
    vault: Vault,
    names: AbstractSet[str] = frozenset(),
    actions: Actions | None = None,
) -> Findings:
    """Hide what the policy wants hidden, in place.

    `names` are keys that need no look, because the dialect gave them. Raises PolicyViolation with the entity
    and the place of the first finding that is to be blocked; the body is then half done and of no use.
    """
    actions = actions or default_actions()
    for _, text in _strings(body, classify, ()):
        vault.reserve(text)
        if "://" in text:
            vault.hosts.update(host.lower() for host in _HOST.findall(text))
    if vault.format != "synthetic":
        return _redact(body, classify, vault, names, actions)
    original = copy.deepcopy(body)
    changed: list[tuple[str, Nature, str]] = []
    found = _redact(body, classify, vault, names, actions, changed=changed)
    if spoilt := _not_reversible(changed, vault):
        body.clear()
        body.update(original)
        found = _redact(body, classify, vault, names, actions, spoilt)
    return found


def _not_reversible(changed: Iterable[tuple[str, Nature, str]], vault: Vault) -> set[str]:
    """The texts that do not come back from what was made of them.

    A stand-in has no brackets: a number may run together with the digits beside it, and then something else
    is found there.
    """
    spoilt: set[str] = set()
    for text, nature, made in changed:
        scan = answer_scan(vault)
        if apply(made, _edits(scan, made, nature, "")) != text and not scan.withheld:
            spoilt.add(text)
    return spoilt


def _redact(
    body: dict[str, Any],
    classify: Classify,
    vault: Vault,
    names: AbstractSet[str],
    actions: Actions,
    spoilt: AbstractSet[str] = frozenset(),
    changed: list[tuple[str, Nature, str]] | None = None,
) -> Findings:
    """One walk over the body. Texts in `spoilt` get no stand-ins; `changed` collects what became of texts."""
    found: Findings = Counter()
    here: Path = ()
    stand_ins = True

    def hide(entity: Entity, value: str) -> str:
        if actions.allowed is not None and actions.allowed(value):
            return value
        action = actions.of(entity)
        if action == "block":
            place = _written(here, names)
            raise PolicyViolation(f"the policy refuses {entity.name}, found in {place}", param=place)
        found[entity.name, action] += 1
        return vault.hide(entity, value, stand_ins)

    scan = Scan(plan_for(actions.rules, None), hide)
    noted = Scan(plan_for(actions.flagged, None), lambda entity, _: entity.name) if actions.flagged else None

    def change(text: str, path: Path, nature: Nature, context: str) -> str:
        nonlocal here, stand_ins
        here = path
        stand_ins = text not in spoilt
        edits = _hiding(scan, actions.rules, text, nature, context)
        if noted is not None:
            flagged = _hiding(noted, actions.flagged, text, nature, context)
            for edit in _apart(flagged, edits):
                if actions.allowed is None or not actions.allowed(text[edit.start : edit.end]):
                    found[edit.text.strip('"'), "flag"] += 1
        if not edits:
            return text
        made = apply(text, edits)
        if changed is not None:
            changed.append((text, nature, made))
        return made

    _walk(body, classify, (), change, names)
    return found


def _written(path: Path, names: AbstractSet[str]) -> str:
    """The path as a client writes it. A key that is not the dialect's own may be content: it is a star."""
    place = ""
    for step in path:
        if isinstance(step, int):
            place += f"[{step}]"
        else:
            place += f".{step if step in names else '*'}"
    return place.lstrip(".") or "the body"


def _hiding(scan: Scan, rules: Rules, text: str, nature: Nature, context: str) -> list[Edit]:
    """What is to be changed in a text of a request."""
    if nature == "text":
        lead = len(context)
        spans = [Span(s.start - lead, s.end - lead, s.entity) for s in find(context + text, rules, lead)]
        spans = _united(spans, _in_disguise(rules, text, context))
        edits = [Edit(s.start, s.end, scan.replace(s.entity, text[s.start : s.end])) for s in spans]
    else:
        edits = _edits(scan, text, nature, context)
        # What holds an escape or a quote was looked at decoded, or is not one string.
        disguised = [s for s in _in_disguise(rules, text, "") if not _ESCAPE_OR_QUOTE(text, s.start, s.end)]
        for span in _apart(disguised, list(edits)):
            edits.append(Edit(span.start, span.end, scan.replace(span.entity, text[span.start : span.end])))
        edits.sort()
    # What is allowed was replaced by itself.
    return [e for e in edits if e.text.strip('"') != text[e.start : e.end].strip('"')]


def _in_disguise(rules: Rules, text: str, context: str) -> list[Span]:
    """What is found only once hidden characters are plain."""
    normal = normalise(text)
    if normal is None:
        return []
    lead = len(context)
    spans = []
    for found in find(context + normal.text, rules, lead):
        start, end = normal.original(found.start - lead, found.end - lead)
        if text[start:end] != normal.text[found.start - lead : found.end - lead]:
            spans.append(Span(start, end, found.entity))
    return spans


_Piece = TypeVar("_Piece", Edit, Span)


def _apart(pieces: Iterable[_Piece], others: Sequence[Edit]) -> Iterator[_Piece]:
    """The pieces that overlap none of the others; both ascend."""
    at = 0
    for piece in pieces:
        while at < len(others) and others[at].end <= piece.start:
            at += 1
        if at == len(others) or others[at].start >= piece.end:
            yield piece


def _united(spans: list[Span], more: list[Span]) -> list[Span]:
    """Both, ascending; of two that overlap one span, as the longer of them."""
    if not more:
        return spans
    united: list[Span] = []
    for span in sorted([*spans, *more], key=lambda s: (s.start, -s.end)):
        if united and span.start < united[-1].end:
            last = united[-1]
            longer = span if span.end - span.start > last.end - last.start else last
            united[-1] = Span(last.start, max(last.end, span.end), longer.entity)
        else:
            united.append(span)
    return united


def answer_scan(vault: Vault) -> Scan:
    """What the runs of an answer need: restore from the vault, redact what the model itself produced.

    That is written in the vault's format where it is a one-way one, else as the label alone.
    """
    replace = formats.label_only if vault.reversible else vault.hide
    return Scan(plan_for(answer_rules(), vault.grammar()), replace, vault)


def restore_body(body: Any, classify: Classify, scan: Scan) -> None:
    """Make a whole answer safe and whole, in place."""

    def change(text: str, path: Path, nature: Nature, context: str) -> str:
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


Change = Callable[[str, Path, Nature, str], str]


def _walk(
    node: Any, classify: Classify, path: Path, change: Change, names: AbstractSet[str] = frozenset()
) -> Any:
    """Change strings in place, depth first in document order; what stands in the node's place."""
    if isinstance(node, str):
        nature = classify(path, node)
        if nature == "keep":
            return node
        key = path[-1] if path else ""
        return change(node, path, nature, f"{key}: " if isinstance(key, str) else "")
    if isinstance(node, dict):
        renamed = False
        items: dict[str, Any] = {}
        for key, value in node.items():
            value = _walk(value, classify, (*path, key), change, names)
            written = key if key in names else change(key, path, "text", "")
            while written in items:  # one-way formats may write two keys alike
                written += "'"
            renamed |= written != key
            items[written] = value
        if renamed:  # order matters to prompt caches and to people, so it is all built anew
            node.clear()
        node.update(items)
    elif isinstance(node, list):
        for index, item in enumerate(node):
            node[index] = _walk(item, classify, (*path, index), change, names)
    elif isinstance(node, int) and not isinstance(node, bool) and abs(node) >= _SMALLEST_NUMBER:
        changed = _walk(str(node), classify, path, change, names)
        return node if changed == str(node) else changed
    return node
