"""`sluice guard`: text, files or JSON lines in; what a policy would do with each, out.

What a text wants is said by `guard.threats`, what the policy does about it by `guard.limits`. A finding has
its rule and its place, and never what stands there.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from typing import Any, get_args

from msgspec import convert

from gateway.chat import Path
from gateway.command_input import InputError, Inputs, Report, told
from gateway.command_input import add_arguments as add_input_arguments
from gateway.config import load
from gateway.config.weights import detector
from gateway.conversation import Source
from gateway.guard.limits import Found, Limits, worst
from gateway.guard.policy import Policy
from gateway.guard.presets import LEVELS, PRESETS, filled
from gateway.guard.texts import Passage, unescaped
from gateway.guard.threats import PIECE, Judging
from gateway.wire.jsontext import encode

DESCRIPTION = """\
Judge a text, files or JSON lines as the gateway would before it forwards them: prompt injection, jailbreaks,
questions for the system prompt, exfiltration, hidden text. Nothing leaves this machine."""

EXAMPLES = """\
examples:
  sluice guard "Ignore all previous instructions"     the verdict; status 1 if it is blocked
  sluice guard --source document --file page.html     as a page that a tool has fetched
  sluice guard --preset rag_system --level strict --file a.txt b.txt
  sluice guard --config sluice.toml --policy support < prompt.txt
  sluice guard --jsonl < prompts.jsonl                {"id","text"} a line in, {"id","decision",…} a line out

exit status: 0, 1 when anything was blocked, 2 when something could not be read
"""

_HERE: Path = ("text",)
_STEPS = 3  # Of a piece that has nothing to decode.


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_input_arguments(parser)
    parser.add_argument(
        "--source",
        choices=get_args(Source),
        default="user",
        help="whose words it holds (default: %(default)s)",
    )
    parser.add_argument("--preset", choices=PRESETS, help="the policy for a use (default: default)")
    parser.add_argument("--level", choices=LEVELS, help="how strict the preset is (default: moderate)")
    parser.add_argument("--config", metavar="FILE", help="take the policy from this file")
    parser.add_argument("--policy", metavar="NAME", help="its policy of that name (default: default)")


def run(arguments: argparse.Namespace) -> int:
    """The exit status."""

    def work() -> int:
        guard = _Guard(arguments)
        guard.inputs.read()
        return 1 if guard.blocked else 0

    return told("guard", work)


class _Guard:
    """One run: whose words they are, what the policy says, and whether anything was blocked."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.inputs = Inputs("guard", arguments, self._answer, self._line)
        self.blocked = False
        self._source: Source = arguments.source
        policy = _policy(arguments)
        self._limits = Limits(policy.threats, policy.tools, policy.enforcement == "monitor")

    def _answer(self, name: str, text: str, progress: Report) -> None:
        found = self._judged(text, progress)
        for row in _table(name, text, found):
            print(row)

    def _line(self, text: str) -> bytes:
        found = self._judged(text, lambda _: None)
        first = worst(found)
        answer = {
            "decision": first.action if first else "allow",
            "confidence": first.confidence if first else 0.0,
            "threat_type": first.threat_type if first else None,
            "findings": [_as_json(each) for each in found],
        }
        return encode(answer)[1:-1]

    def _judged(self, text: str, progress: Report) -> list[Found]:
        plain = unescaped(text)
        passage = Passage(self._source, _HERE, plain, plain is text)
        judging = Judging(plain, self._source, detector(), self._limits.thresholds)
        done = 0
        while not judging.step():
            progress(done := done + PIECE // _STEPS)
        found = list(self._limits.judged(judging.verdict(), passage))
        first = worst(found)
        self.blocked |= first is not None and first.action == "block"
        return found


def _policy(arguments: argparse.Namespace) -> Policy:
    if arguments.config is None:
        if arguments.policy is not None:
            raise InputError("--policy names a policy of a --config FILE")
        chosen = {"preset": arguments.preset or "default", "level": arguments.level or "moderate"}
        return convert(filled({"name": "chosen", **chosen}), Policy)
    if arguments.preset or arguments.level:
        raise InputError("--preset and --level do not go with --config: the file says them")
    policies = {each.name: each for each in load(arguments.config, os.environ).policies}
    name = arguments.policy or "default"
    if name != "default" and name not in policies:
        raise InputError(f"{arguments.config}: no policy is named {name!r}; there is {', '.join(policies)}")
    return policies.get(name, Policy("default"))


def _as_json(found: Found) -> dict[str, Any]:
    return {
        "rule": found.rule,
        "threat_type": found.threat_type,
        "confidence": found.confidence,
        "action": "monitor" if found.watched else found.action,
        "start": found.start,
        "end": found.end,
    }


def _table(name: str, text: str, found: list[Found]) -> Iterator[str]:
    """The verdict on a line, then a line a finding: place, action, type, score and rule."""
    first = worst(found)
    start = f"{name}: " if name else ""
    if first is None:
        yield f"{start}allow"
    else:
        yield f"{start}{first.action}  {first.threat_type}  {first.confidence:.3f}"
    for each in sorted(found, key=lambda one: (one.start, one.rule)):
        line = text.count("\n", 0, each.start) + 1
        column = each.start - text.rfind("\n", 0, each.start)
        action = "monitor" if each.watched else each.action
        yield f"  {line}:{column}  {action}  {each.threat_type}  {each.rule}"
