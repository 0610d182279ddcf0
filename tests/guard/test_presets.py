"""Presets: every one is a policy, a stricter level is never looser, and the page about them tells the truth."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from msgspec import convert

from gateway import config
from gateway.config import Config
from gateway.guard.limits import Limits
from gateway.guard.policy import Policy
from gateway.guard.presets import LEVELS, PRESETS, Level, Preset, filled
from gateway.privacy.actions import IN_ANSWERS, IN_REQUESTS, actions
from gateway.privacy.entities import ENTITIES
from tests.conftest import ROOT

STRICTNESS = ("allow", "flag", "redact", "block")
SOURCES = ("user", "tool", "document")


def policy(preset: Preset, level: Level) -> Policy:
    return convert(filled({"name": "p", "preset": preset, "level": level}), Policy)


def test_the_default_is_what_holds_without_a_policy() -> None:
    assert filled({"name": "p", "preset": "default"}) == {"name": "p", "preset": "default"}


def test_what_the_policy_says_goes_over_it() -> None:
    said = {"name": "p", "preset": "rag_system", "level": "strict", "threats": {"tool": {"block": 0.5}}}
    made = convert(filled(said), Policy)
    assert made.threats.tool.block == 0.5
    assert made.threats.tool.flag == policy("rag_system", "strict").threats.tool.flag
    assert made.threats.document == policy("rag_system", "strict").threats.document


def test_a_level_alone_is_that_of_the_default() -> None:
    assert (
        filled({"name": "p", "level": "strict"})["threats"]
        == filled({"name": "p", "level": "strict", "preset": "default"})["threats"]
    )


@pytest.mark.parametrize("preset", PRESETS)
def test_a_stricter_level_is_never_looser(preset: Preset) -> None:
    made = [policy(preset, level) for level in LEVELS]
    for strict, loose in pairwise(made):
        one, other = (Limits(each.threats, each.tools) for each in (strict, loose))
        for source in SOURCES:
            assert one.thresholds[source].block <= other.thresholds[source].block  # type: ignore[index]
            assert one.thresholds[source].flag <= other.thresholds[source].flag  # type: ignore[index]
        assert (strict.tools.most or 999) <= (loose.tools.most or 999)
        for direction, defaults in (("request", IN_REQUESTS), ("answer", IN_ANSWERS)):
            done = [actions(getattr(each, direction), defaults) for each in (strict, loose)]
            for entity in ENTITIES:
                assert STRICTNESS.index(done[0].of(entity)) >= STRICTNESS.index(done[1].of(entity)), entity


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("level", LEVELS)
def test_every_preset_loads_from_a_file(preset: Preset, level: Level) -> None:
    written = {
        "providers": [{"name": "openai"}],
        "policies": [{"name": "p", "preset": preset, "level": level}],
    }
    made: Config = config.decode(written, {}, ROOT)
    assert made.policies[0] == policy(preset, level)


def thresholds(preset: Preset, level: Level) -> str:
    limits = Limits(policy(preset, level).threats, policy(preset, level).tools)
    user, tool, document = (limits.thresholds[source] for source in SOURCES)  # type: ignore[index]
    assert tool == document
    return f"| {preset} | {level} | {user.flag:g} / {user.block:g} | {tool.flag:g} / {tool.block:g} |"


def test_the_page_about_policies_has_the_figures() -> None:
    page = (ROOT / "docs" / "policies.md").read_text()
    rows = re.findall(r"^\| \w+ \| (?:strict|moderate|permissive) \| [^|]+ \| [^|]+ \|", page, re.MULTILINE)
    assert rows == [thresholds(preset, level) for preset in PRESETS for level in LEVELS]
