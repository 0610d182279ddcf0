"""A JSON body in, the same body with every string made safe (or made whole again) out.

A dialect says of each string what it is, by its path: text, JSON written in a string, or something never
touched (an id, a role, a signature, bytes). This module walks the body and leaves its shape alone. Object
keys are text too: a value can hide in one. A number that reads like an identifier becomes a string.

Each string is looked at by itself: a value that is split over two content parts or two messages is not seen.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from types import MappingProxyType
from typing import Any, NamedTuple

import regex

from gateway.chat import Nature, Path
from gateway.errors import ConfigError, PolicyViolation
from gateway.privacy import formats
from gateway.privacy.entities import ENTITIES, MODEL_ONLY, REDACTED_IN_ANSWERS, Entity
from gateway.privacy.hiding import apart, edits_of, found_in_steps, hiding, noted, read, run_for
from gateway.privacy.model import ActionOf, Known, joined, masked
from gateway.privacy.model_run import ModelRun
from gateway.privacy.plan import Action
from gateway.privacy.scanner import Scan, Span, apply, compile_rules, plan_for
from gateway.privacy.sentences import page, pieces
from gateway.privacy.vault import Vault
from gateway.privacy.walk import Classify, strings, texts_of, walk

__all__ = ["Classify", "answer_scan", "redact_request", "restore_body"]

# How often an entity, by name, met an action. An allowed one is not counted.
Findings = Counter[tuple[str, Action]]

REQUEST_RULES = compile_rules(ENTITIES)
ANSWER_RULES = compile_rules(tuple(e for e in ENTITIES if e.kind in REDACTED_IN_ANSWERS))

_HOST = regex.compile(r"https?://([^\s/?#:@\"'<>()]+)")


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
            if all(name != entity.name for entity in (*entities, *MODEL_ONLY)):
                raise ConfigError(f"no entity is called {name}")
        self._by_name = dict(by_name or {})
        self.allowed = allowed
        # What is only flagged is looked for apart, so that it never takes the place of what must be hidden.
        self.rules = compile_rules(tuple(e for e in entities if self.of(e) in ("redact", "block")))
        self.flagged = compile_rules(tuple(e for e in entities if self.of(e) == "flag"))

    def of(self, entity: Entity) -> Action:
        return self._by_name.get(entity.name) or ("allow" if entity.kind == "ordinary" else "redact")


DEFAULT_ACTIONS = Actions()


class Scanned(NamedTuple):
    """What the rules find in a text: what acts, and what is only flagged."""

    acting: list[Span]
    flagged: list[Span]


class Ahead(NamedTuple):
    """What is known of a request's texts before it is redacted.

    `read` is what a model found in every page of every value, None without one. `scanned` is what rules found
    in the long texts, by left context and text.
    """

    read: Known | None = None
    scanned: Mapping[tuple[str, str], Scanned] = MappingProxyType({})


NOTHING_AHEAD = Ahead()


def redact_request(
    body: dict[str, Any],
    classify: Classify,
    vault: Vault,
    names: AbstractSet[str] = frozenset(),
    actions: Actions = DEFAULT_ACTIONS,
    ahead: Ahead = NOTHING_AHEAD,
) -> Findings:
    """Hide what the policy wants hidden, in place.

    `names` are keys that need no look, because the dialect gave them. Raises PolicyViolation with the entity
    and the place of the first finding that is to be blocked; the body is then half done and of no use.
    """
    for _, text in strings(body, classify, ()):
        vault.reserve(text)
        if "://" in text:
            vault.hosts.update(host.lower() for host in _HOST.findall(text))
    if vault.format != "synthetic":
        return _redact(body, classify, vault, names, actions, ahead)
    original = copy.deepcopy(body)
    changed: list[tuple[str, Nature, str]] = []
    found = _redact(body, classify, vault, names, actions, ahead, changed=changed)
    if spoilt := _not_reversible(changed, vault):
        body.clear()
        body.update(original)
        found = _redact(body, classify, vault, names, actions, ahead, spoilt)
    return found


def _not_reversible(changed: Iterable[tuple[str, Nature, str]], vault: Vault) -> set[str]:
    """The texts that do not come back from what was made of them.

    A stand-in has no brackets: a number may run together with the digits beside it, and then something else
    is found there.
    """
    spoilt: set[str] = set()
    for text, nature, made in changed:
        scan = answer_scan(vault)
        if apply(made, edits_of(scan, made, nature, "")) != text and not scan.withheld:
            spoilt.add(text)
    return spoilt


def _redact(
    body: dict[str, Any],
    classify: Classify,
    vault: Vault,
    names: AbstractSet[str],
    actions: Actions,
    ahead: Ahead,
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

    def change(text: str, path: Path, nature: Nature, context: str) -> str:
        return alter(text, path, nature, context, read(text, nature, ahead.read))

    def alter(text: str, path: Path, nature: Nature, context: str, by_model: list[Span]) -> str:
        nonlocal here, stand_ins
        here = path
        stand_ins = text not in spoilt
        known = ahead.scanned.get((context, text)) if nature == "text" else None
        acting = [span for span in by_model if actions.of(span.entity) in ("redact", "block")]
        edits = hiding(scan, actions.rules, text, nature, context, known and known.acting, acting)
        flagged: list[Span] = []
        if actions.flagged:
            flagged = known.flagged if known else noted(actions.flagged, text, nature, context)
        if by_model:
            of_model = [span for span in by_model if actions.of(span.entity) == "flag"]
            flagged = joined(flagged, of_model, text)
        for span in apart(flagged, edits):
            if actions.allowed is None or not actions.allowed(text[span.start : span.end]):
                found[span.entity.name, "flag"] += 1
        if not edits:
            return text
        made = apply(text, edits)
        if changed is not None:
            changed.append((text, nature, made))
        return made

    def rename(key: str, path: Path) -> str:
        return key if key in names else alter(key, path, "text", "", [])

    walk(body, classify, (), change, rename)
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


def answer_scan(vault: Vault) -> Scan:
    """What the runs of an answer need: restore from the vault, redact what the model itself produced.

    That is written in the vault's format where it is a one-way one, else as the label alone.
    """
    replace = formats.label_only if vault.reversible else vault.hide
    return Scan(plan_for(ANSWER_RULES, vault.grammar()), replace, vault)


def restore_body(body: Any, classify: Classify, scan: Scan) -> None:
    """Make a whole answer safe and whole, in place."""

    def change(text: str, path: Path, nature: Nature, context: str) -> str:
        edits = edits_of(scan, text, nature, context)
        return apply(text, edits) if edits else text

    walk(body, classify, (), change, lambda key, path: change(key, path, "text", ""))


def runs_of(body: Any, classify: Classify, scan: Scan, action: ActionOf) -> list[ModelRun]:
    """As `restore_body`, where a model reads too: first the runs of the texts, which are to be answered."""
    runs: list[ModelRun] = []

    def run(text: str, path: Path, nature: Nature, context: str) -> str:
        runs.append(ModelRun(run_for(scan, nature, context), nature, scan, action))
        runs[-1].feed(text)
        runs[-1].flush()
        return text

    walk(body, classify, (), run, lambda key, path: key)
    return runs


def restore_read(body: Any, classify: Classify, scan: Scan, runs: Iterable[ModelRun]) -> None:
    """Then the changes, in place. Raises PolicyViolation for what the policy blocks."""
    if scan.blocked is not None:
        raise PolicyViolation(f"the answer holds {scan.blocked.entity.name}, which the policy blocks")
    following = iter(runs)

    def change(text: str, path: Path, nature: Nature, context: str) -> str:
        return apply(text, next(following).edits)

    def rename(key: str, path: Path) -> str:
        return apply(key, edits_of(scan, key, "text", ""))

    walk(body, classify, (), change, rename)


def pages_of(body: Any, classify: Classify, actions: Actions | None) -> Iterator[tuple[str, str]]:
    """What a model is to read of a request: each page of its values, as it stands and as it may be shown.

    With `actions`, what the rules hide is not shown.
    """
    scan = actions and Scan(plan_for(actions.rules, None), formats.label_only)
    for text, nature, context in texts_of(body, classify):
        found = pieces(text, nature, page)
        taken: list[tuple[int, int]] = []
        if scan and actions and found:
            taken = [(e.start, e.end) for e in hiding(scan, actions.rules, text, nature, context)]
        for each in found:
            yield each.text, masked(each, taken)


def scan_in_steps(
    body: Any, classify: Classify, actions: Actions, longest: int
) -> Generator[None, None, dict[tuple[str, str], Scanned]]:
    """What the rules find in the texts that are longer, a stretch at a time."""
    scanned: dict[tuple[str, str], Scanned] = {}
    for text, nature, context in texts_of(body, classify):
        if nature == "text" and len(text) > longest and (context, text) not in scanned:
            found = scanned[context, text] = Scanned([], [])
            yield from found_in_steps(actions.rules, text, context, found.acting)
            if actions.flagged:
                yield from found_in_steps(actions.flagged, text, context, found.flagged)
    return scanned
