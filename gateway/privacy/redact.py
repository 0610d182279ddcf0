"""A JSON body in, the same body with every string made safe (or made whole again) out.

A dialect says of each string what it is, by its path: text, JSON written in a string, or something never
touched (an id, a role, a signature, bytes). This module walks the body and leaves its shape alone. Object
keys are text too: a value can hide in one. A number that reads like an identifier becomes a string.

Each string is looked at by itself: a value that is split over two content parts or two messages is not seen.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

from gateway.chat import Nature, Path, written
from gateway.errors import PolicyViolation
from gateway.privacy import formats
from gateway.privacy.actions import IN_ANSWERS, IN_REQUESTS, Actions, actions
from gateway.privacy.entities import Entity
from gateway.privacy.exfiltration import hosts_in
from gateway.privacy.hiding import apart, edits_of, hiding, noted, read, run_for
from gateway.privacy.model import ActionOf, Known, joined, masked
from gateway.privacy.model_run import ModelRun
from gateway.privacy.plan import Action
from gateway.privacy.remembered import Remembered, Scanned, scan_text_in_steps
from gateway.privacy.scanner import Scan, Span, apply
from gateway.privacy.sentences import page, pieces
from gateway.privacy.vault import Vault
from gateway.privacy.walk import Classify, texts_of, walk

__all__ = ["Classify", "answer_scan", "redact_request", "restore_body"]

_MOST_PLACES = 100


class Place(NamedTuple):
    """Where in a request something was hidden: `at` as a client writes it, offsets within that string.

    `entity` is empty where it cannot be told: inside JSON, where what was put in was escaped.
    """

    entity: str
    at: str
    start: int
    end: int


class Findings(Counter[tuple[str, Action]]):
    """How often an entity, by name, met an action; an allowed one is not counted.

    `places` are those of the first so many that were hidden.
    """

    __slots__ = ("places",)

    def __init__(self) -> None:
        super().__init__()
        self.places: list[Place] = []


# The last events of some streams repeat the texts of the whole answer, four times over.
_MOST_REPEATED = 64


@cache
def _met(name: str, action: Action) -> tuple[str, Action]:
    """One key of findings for all requests: each keeps its own as long as its answer takes (64 bytes)."""
    return name, action


@cache
def in_requests() -> Actions:
    """What is done by default with what a request holds."""
    return actions({}, IN_REQUESTS)


@cache
def in_answers() -> Actions:
    """What is done by default with what the model itself produced."""
    return actions({}, IN_ANSWERS)


def counted(found: Findings) -> dict[str, int]:
    """Findings by entity, whatever was done with them."""
    counts: dict[str, int] = {}
    for (name, _), count in found.items():
        counts[name] = counts.get(name, 0) + count
    return counts


class Ahead(NamedTuple):
    """What is known of a request's texts before it is redacted.

    `read` is what a model found in every page of every value, None without one. `scanned` is what rules found
    in the long texts, by left context and text, `remembered` what they found in texts of other requests.
    """

    read: Known | None = None
    scanned: Mapping[tuple[str, str], Scanned] = MappingProxyType({})
    remembered: Remembered | None = None


NOTHING_AHEAD = Ahead()


def redact_request(
    body: dict[str, Any],
    classify: Classify,
    vault: Vault,
    names: AbstractSet[str] = frozenset(),
    policy: Actions | None = None,
    ahead: Ahead = NOTHING_AHEAD,
) -> Findings:
    """Hide what the policy wants hidden, in place.

    `names` are keys that need no look, because the dialect gave them. Raises PolicyViolation with the entity
    and the place of the first finding that is to be blocked; the body is then half done and of no use.
    """
    policy = in_requests() if policy is None else policy
    _reserve(body, classify, vault, names)
    if vault.format != "synthetic":
        return _redact(body, classify, vault, names, policy, ahead)
    original = copy.deepcopy(body)
    changed: list[tuple[str, Nature, str]] = []
    found = _redact(body, classify, vault, names, policy, ahead, changed=changed)
    if spoilt := _not_reversible(changed, vault):
        body.clear()
        body.update(original)
        found = _redact(body, classify, vault, names, policy, ahead, spoilt)
    return found


def _reserve(body: Any, classify: Classify, vault: Vault, names: AbstractSet[str]) -> None:
    """Tell the vault what stands in the texts already."""
    hosts: set[str] = set()

    def note(text: str, path: Path, nature: Nature = "text", context: str = "") -> str:
        vault.reserve(text)
        if "://" in text:
            hosts.update(hosts_in(text))
        return text

    walk(body, classify, (), note, note, names)
    if hosts:
        vault.hosts |= hosts


def _not_reversible(changed: Iterable[tuple[str, Nature, str]], vault: Vault) -> set[str]:
    """The texts that do not come back from what was made of them.

    A stand-in has no brackets: a number may run together with the digits beside it, and then something else
    is found there.
    """
    spoilt: set[str] = set()
    known = answer_scan(vault)
    for text, nature, made in changed:
        scan = Scan(known.plan, known.replace, vault)
        if apply(made, edits_of(scan, made, nature, "")) != text and not scan.withheld:
            spoilt.add(text)
    return spoilt


def _redact(
    body: dict[str, Any],
    classify: Classify,
    vault: Vault,
    names: AbstractSet[str],
    policy: Actions,
    ahead: Ahead,
    spoilt: AbstractSet[str] = frozenset(),
    changed: list[tuple[str, Nature, str]] | None = None,
) -> Findings:
    """One walk over the body. Texts in `spoilt` get no stand-ins; `changed` collects what became of texts."""
    found = Findings()
    hidden_as: dict[str, str] = {}
    here: Path = ()
    stand_ins = True

    def hide(entity: Entity, value: str) -> str:
        if policy.allowed is not None and policy.allowed(value):
            return value
        action = policy.of(entity)
        if action == "block":
            place = written(here, names)
            raise PolicyViolation(
                f"policy_violation: the policy refuses {entity.name}, found in {place}", param=place
            )
        found[_met(entity.name, action)] += 1
        made = vault.hide(entity, value, stand_ins)
        hidden_as[made] = entity.name
        return made

    scan = Scan(policy.of_request, hide)

    def change(text: str, path: Path, nature: Nature, context: str) -> str:
        return alter(text, path, nature, context, read(text, nature, ahead.read))

    def alter(text: str, path: Path, nature: Nature, context: str, by_model: list[Span]) -> str:
        nonlocal here, stand_ins
        here = path
        stand_ins = text not in spoilt
        known = None
        if nature == "text":
            known = ahead.scanned.get((context, text))
            if known is None and ahead.remembered is not None:
                known = ahead.remembered.scanned(text, context)
        acting = [span for span in by_model if policy.of(span.entity) in ("redact", "block")]
        edits = hiding(scan, policy.acting, text, nature, context, known and known.acting, acting)
        flagged: list[Span] = []
        if policy.flagged:
            flagged = known.flagged if known else noted(policy.flagged, text, nature, context)
        if by_model:
            of_model = [span for span in by_model if policy.of(span.entity) == "flag"]
            flagged = joined(flagged, of_model, text)
        for span in apart(flagged, edits):
            if policy.allowed is None or not policy.allowed(text[span.start : span.end]):
                found[_met(span.entity.name, "flag")] += 1
        if not edits:
            return text
        made = apply(text, edits)
        if len(found.places) < _MOST_PLACES:
            place = written(path, names)
            found.places += [Place(hidden_as.get(e.text, ""), place, e.start, e.end) for e in edits]
            del found.places[_MOST_PLACES:]
        if changed is not None:
            changed.append((text, nature, made))
        return made

    def rename(key: str, path: Path) -> str:
        return alter(key, path, "text", "", [])

    walk(body, classify, (), change, rename, names)
    return found


def answer_scan(vault: Vault, policy: Actions | None = None) -> Scan:
    """What the runs of an answer need: restore from the vault, act on what the model itself produced.

    What is redacted is written in the vault's format where it is a one-way one, else as the label alone.
    """
    policy = in_answers() if policy is None else policy
    write = formats.label_only if vault.reversible else vault.hide
    allowed = policy.allowed

    def unless_allowed(entity: Entity, value: str) -> str:
        return value if allowed is not None and allowed(value) else write(entity, value)

    replace = write if allowed is None else unless_allowed
    return Scan(policy.of_answer.restoring(vault.openings()), replace, vault)


def restore_body(body: Any, classify: Classify, scan: Scan, names: AbstractSet[str] = frozenset()) -> None:
    """Make a whole answer safe and whole, in place. A text that comes again is not scanned or counted again.

    `names` are keys that need no look, because the dialect gave them: half of an answer's strings.
    Raises PolicyViolation for what the policy blocks.
    """
    if scan.plan.is_idle:
        return
    made = scan.made

    def change(text: str, path: Path, nature: Nature, context: str) -> str:
        known = made.get((nature, context, text))
        if known is None:
            known = apply(text, edits_of(scan, text, nature, context))
            if scan.blocked is None:
                if len(made) == _MOST_REPEATED:
                    del made[next(iter(made))]
                made[nature, context, text] = known
        return known

    walk(body, classify, (), change, lambda key, path: change(key, path, "text", ""), names)
    _refuse_blocked(scan)


def violation(scan: Scan) -> PolicyViolation | None:
    """What to say once an answer holds what the policy blocks."""
    if scan.blocked is None:
        return None
    name = scan.blocked.entity.name
    return PolicyViolation(f"policy_violation: the answer holds {name}, which the policy blocks")


def _refuse_blocked(scan: Scan) -> None:
    if (found := violation(scan)) is not None:
        raise found


def runs_of(body: Any, classify: Classify, scan: Scan, action: ActionOf) -> list[ModelRun]:
    """As `restore_body`, where a model reads too: first the runs of the texts, which are to be answered."""
    runs: list[ModelRun] = []

    def run(text: str, path: Path, nature: Nature, context: str) -> str:
        runs.append(ModelRun(run_for(scan, nature, context), nature, scan, action))
        runs[-1].feed(text)
        runs[-1].flush()
        return text

    walk(body, classify, (), run)
    return runs


def restore_read(body: Any, classify: Classify, scan: Scan, runs: Iterable[ModelRun]) -> None:
    """Then the changes, in place. Raises PolicyViolation for what the policy blocks."""
    _refuse_blocked(scan)
    following = iter(runs)

    def change(text: str, path: Path, nature: Nature, context: str) -> str:
        return apply(text, next(following).edits)

    def rename(key: str, path: Path) -> str:
        return apply(key, edits_of(scan, key, "text", ""))

    walk(body, classify, (), change, rename)
    _refuse_blocked(scan)


def pages_of(body: Any, classify: Classify, policy: Actions | None) -> Iterator[tuple[str, str]]:
    """What a model is to read of a request: each page of its values, as it stands and as it may be shown.

    With a policy, what the rules hide is not shown.
    """
    scan = policy and Scan(policy.of_request, formats.label_only)
    for text, nature, context in texts_of(body, classify):
        found = pieces(text, nature, page)
        taken: list[tuple[int, int]] = []
        if scan and policy and found:
            taken = [(e.start, e.end) for e in hiding(scan, policy.acting, text, nature, context)]
        for each in found:
            yield each.text, masked(each, taken)


def scan_in_steps(
    body: Any, classify: Classify, policy: Actions, longest: int, remembered: Remembered | None = None
) -> Generator[object, None, dict[tuple[str, str], Scanned]]:
    """What the rules find in the texts that are longer, a stretch at a time."""
    scanned: dict[tuple[str, str], Scanned] = {}
    for text, nature, context in texts_of(body, classify):
        if nature == "text" and len(text) > longest and (context, text) not in scanned:
            if remembered is not None:
                scanned[context, text] = yield from remembered.scanned_in_steps(text, context)
            else:
                scanned[context, text] = yield from scan_text_in_steps(text, context, policy)
    return scanned
