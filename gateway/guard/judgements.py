"""Rules on a whole text, and what came of them: judgements, and the one decision that they add up to.

In: what a rule found, or what somebody else's guard or classifier answered. Out: `Judgement`s, which name
rules, never content. Knows no socket, no file and no policy; whoever judges is asked elsewhere.

An answer that says less than it must, or something else than it may, is `Unusable`: what is done then is the
guard's fail mode.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct

Decision = Literal["allow", "flag", "block"]
_STRICTNESS: tuple[Decision, ...] = ("allow", "flag", "block")
# What others say goes into headers, logs and metrics: no more than a word.
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")


class Unusable(Exception):
    """What a guard answered is no verdict. The message is ours, never the guard's."""


class Judgement(Struct, frozen=True, omit_defaults=True):
    """What one rule says: its id (`topic:gambling`, `guard:acme`), and what is to be done.

    `threat_type` is a word and `confidence` 0 to 1, where the rule has them. `failed` says why a guard could
    not judge; the decision is then its fail mode's.
    """

    rule: str
    decision: Decision
    threat_type: str = ""
    confidence: float | None = None
    failed: str = ""


def strictest(decisions: Iterable[Decision]) -> Decision:
    return max(decisions, key=_STRICTNESS.index, default="allow")


def decision(judgements: Iterable[Judgement]) -> Decision:
    """What they add up to: the strictest."""
    return strictest(each.decision for each in judgements)


def told(judgements: Iterable[Judgement], request_id: str) -> dict[str, Any]:
    """What a client is told of them, in the answer's `sluice` field."""
    found = [each for each in judgements if each.decision != "allow"]
    return {"decision": decision(found), "rules": [_said(each) for each in found], "request_id": request_id}


def _said(judgement: Judgement) -> dict[str, Any]:
    said: dict[str, Any] = {"rule": judgement.rule, "decision": judgement.decision}
    if judgement.threat_type:
        said["threat_type"] = judgement.threat_type
    if judgement.confidence is not None:
        said["confidence"] = judgement.confidence
    return said


def kind(judgement: Judgement) -> str:
    """The word for what was found."""
    return judgement.threat_type or (
        "guard_failure" if judgement.failed else judgement.rule.partition(":")[0]
    )


def message(judgements: Iterable[Judgement], what: str) -> str:
    """Why `what` (the request, the answer) is refused. It begins as SDKs show it: some show nothing else."""
    blocking = [each for each in judgements if each.decision == "block"]
    failed = [each.rule for each in blocking if each.failed]
    if failed and len(failed) == len(blocking):
        why = f"{', '.join(failed)} could not judge {what}, and the policy lets nothing pass unjudged"
    else:
        why = f"{what} violates {', '.join(each.rule for each in blocking if not each.failed)}"
    return f"policy_violation: {why}"


# --- what others answer -----------------------------------------------------------------------------------


def of_webhook(rule: str, answer: Any) -> Judgement:
    """A webhook's answer: `decision`, and if it likes `threat_type` and `confidence`. Raises Unusable."""
    if not isinstance(answer, dict):
        raise Unusable("the answer is no JSON object")
    said, kind, confidence = (answer.get(name) for name in ("decision", "threat_type", "confidence"))
    if said not in _STRICTNESS:
        raise Unusable("its decision is none of allow, flag and block")
    if kind is not None and not (isinstance(kind, str) and _WORD.fullmatch(kind)):
        raise Unusable("its threat_type is not one word")
    return Judgement(rule, said, kind or "", None if confidence is None else _share(confidence, "confidence"))


def of_labels(rule: str, scores: Any, actions: Mapping[str, Decision], threshold: float) -> Judgement:
    """A classifier's answer: `[{"label", "score"}, …]`, one such object, or a list within a list.

    A label counts from `threshold` on; `actions` say what is done then. Raises Unusable, also for a label
    that they do not name.
    """
    while isinstance(scores, list) and len(scores) == 1 and isinstance(scores[0], list):
        scores = scores[0]
    scores = [scores] if isinstance(scores, dict) else scores
    if not isinstance(scores, list) or not scores:
        raise Unusable("the answer is no list of labels")
    found: list[tuple[Decision, float, str]] = []
    for each in scores:
        label = each.get("label") if isinstance(each, dict) else None
        if not isinstance(label, str) or label not in actions:
            raise Unusable("it gave a label that the configuration does not name")
        found.append((actions[label], _share(each.get("score"), "score"), label))
    return _of_scores(rule, found, threshold)


def of_classes(
    rule: str,
    scores: Sequence[float],
    classes: Sequence[str],
    actions: Mapping[str, Decision],
    threshold: float,
) -> Judgement:
    """A model's probabilities, one for each of its classes. Raises Unusable."""
    if len(scores) != len(classes):
        raise Unusable("the model has another number of classes than the configuration names")
    found = [
        (actions.get(name, "allow"), _share(score, "score"), name)
        for name, score in zip(classes, scores, strict=True)
    ]
    return _of_scores(rule, found, threshold)


def _of_scores(rule: str, found: Iterable[tuple[Decision, float, str]], threshold: float) -> Judgement:
    hits = [(action, score, label) for action, score, label in found if score >= threshold]
    done = strictest(action for action, _, _ in hits)
    if done == "allow":
        return Judgement(rule, "allow")
    score, label = max((score, label) for action, score, label in hits if action == done)
    return Judgement(rule, done, label if _WORD.fullmatch(label) else "", score)


def _share(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise Unusable(f"its {name} is no number from 0 to 1")
    return float(value)


def worst(judgements: Sequence[Judgement]) -> Judgement:
    """Of one guard's judgements on the pieces of a text, the strictest and surest."""
    return max(judgements, key=lambda each: (_STRICTNESS.index(each.decision), each.confidence or 0.0))
