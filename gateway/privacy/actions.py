"""What is done with each entity: a policy's words in, rules by action out.

A policy names entities as people do: by name, by another vendor's name, by kind, or all with `*`. The more
exact name counts; of two that are equally exact, the stricter action.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property

from gateway.privacy.entities import ENTITIES, MODEL_ONLY, Entity, Kind, resolve
from gateway.privacy.plan import Action, Plan, plan_for
from gateway.privacy.rules import Rules, compile_rules

_STRICTNESS: tuple[Action, ...] = ("allow", "flag", "redact", "block")
_KINDS: frozenset[str] = frozenset(entity.kind for entity in ENTITIES)

IN_REQUESTS: Mapping[Kind, Action] = {
    "personal": "redact",
    "payment": "redact",
    "government": "redact",
    "medical": "redact",
    "secret": "redact",
    "ordinary": "allow",
}
# What the model itself produced: other people's data is not hidden from whoever asked for it, but seen.
IN_ANSWERS: Mapping[Kind, Action] = {
    "personal": "flag",
    "payment": "redact",
    "government": "redact",
    "medical": "flag",
    "secret": "redact",
    "ordinary": "allow",
}


def by_name(overrides: Mapping[str, Action]) -> dict[str, Action]:
    """The actions that a policy gives, by the names of the table. Raises UnknownEntity."""
    levels: list[dict[str, Action]] = [{}, {}, {}]
    for word, action in overrides.items():
        if word == "*":
            level, names = 0, frozenset(entity.name for entity in (*ENTITIES, *MODEL_ONLY))
        else:
            level, names = (1 if word.lower() in _KINDS else 2), resolve(word)
        for name in names:
            levels[level][name] = _stricter(action, levels[level].get(name))
    return {**levels[0], **levels[1], **levels[2]}


def adding(given: Mapping[str, Action], asked: Iterable[str], own: Container[str]) -> dict[str, Action]:
    """A policy's actions with these entities redacted too, by whatever name; what it blocks stays blocked.

    `own` are the names of the policy's own rows. Raises UnknownEntity.
    """
    now = by_name({word: action for word, action in given.items() if word not in own})
    now |= {word: action for word, action in given.items() if word in own}
    # Names of the table are the most exact words there are: nothing that the policy says goes before them.
    names = {name for word in asked for name in ((word,) if word in own else by_name({word: "redact"}))}
    return {**given, **{name: "redact" for name in sorted(names) if now.get(name) != "block"}}


def _stricter(one: Action, other: Action | None) -> Action:
    return one if other is None else max(one, other, key=_STRICTNESS.index)


@cache
def every_rule() -> Rules:
    """The whole table."""
    return compile_rules(ENTITIES)


@dataclass(frozen=True, eq=False)
class Actions:
    """Rules by what is done with a match. Made once a policy, not once a request.

    `acting` redact or block, `flagged` only count; `both` are all of them in the table's order. `by_name`
    says what is done with an entity that is not redacted, `of` with any; `allowed` tells values that are
    never a finding.
    """

    acting: Rules
    flagged: Rules
    both: Rules
    by_name: Mapping[str, Action]
    of: Callable[[Entity], Action]
    allowed: Callable[[str], bool] | None = None

    @cached_property
    def of_request(self) -> Plan:
        """For what is to be hidden."""
        return plan_for(self.acting)

    @cached_property
    def of_answer(self) -> Plan:
        """For what the model itself produced."""
        return plan_for(self.both, (), self.by_name)


def actions(
    overrides: Mapping[str, Action],
    defaults: Mapping[Kind, Action],
    *,
    monitor: bool = False,
    more: tuple[Entity, ...] = (),
    allowed: Callable[[str], bool] | None = None,
) -> Actions:
    """The rules of a policy for one direction.

    `more` are the policy's own rows, tried first. To monitor is to flag whatever would be acted on. Raises
    UnknownEntity.
    """
    own = {entity.name for entity in more}
    given = by_name({word: action for word, action in overrides.items() if word not in own})
    given |= {word: action for word, action in overrides.items() if word in own}

    def of(entity: Entity) -> Action:
        action = given.get(entity.name) or defaults[entity.kind]
        return "flag" if monitor and action != "allow" else action

    acting: list[Entity] = []
    flagged: list[Entity] = []
    both: list[Entity] = []
    done: dict[str, Action] = {}
    for entity in (*more, *ENTITIES):
        action = of(entity)
        if action == "allow":
            continue
        both.append(entity)
        (flagged if action == "flag" else acting).append(entity)
        if action != "redact":
            done[entity.name] = action
    return Actions(compile_rules(acting), compile_rules(flagged), compile_rules(both), done, of, allowed)
