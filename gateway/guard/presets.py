"""Policies by what they are for and how strict they are, as a configuration file would write them.

`filled` puts a preset under what a policy's own table says. A preset is data: a level, and over it what is
particular to the use. `default` at `moderate` says nothing, so it is what a gateway without policies does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

Preset = Literal[
    "default", "support_bot", "code_assistant", "rag_system", "data_analysis", "creative_writing"
]
Level = Literal["strict", "moderate", "permissive"]
Table = Mapping[str, Any]
PRESETS: tuple[Preset, ...] = get_args(Preset)
LEVELS: tuple[Level, ...] = get_args(Level)

# Whoever was not asked about does not appear in answers; dates alone are nobody's.
_OTHER_PEOPLE: Table = {"personal": "redact", "medical": "redact", "DATE_TIME": "flag"}

# Thresholds are places on the detector's own scale: docs/threats.md says what its own ones let through.
_LEVELS: dict[Level, Table] = {
    "strict": {
        "answer": _OTHER_PEOPLE,
        "threats": {
            "user": {"flag": 0.5, "block": 0.95},
            "tool": {"flag": 0.7, "block": 0.93},
            "document": {"flag": 0.7, "block": 0.93},
            "rules": {"hidden.tags": "block", "hidden.selectors": "block"},
        },
    },
    "moderate": {},
    "permissive": {
        "threats": {
            "user": {"flag": 0.9, "block": 0.995},
            "tool": {"flag": 0.9, "block": 0.995},
            "document": {"flag": 0.9, "block": 0.995},
        },
    },
}
# What every level of a use has, and what single levels add.
_USES: dict[Preset, dict[Level | Literal["all"], Table]] = {
    "default": {},
    # Strangers write to it, and it acts for a firm: its answers say nothing of other people.
    "support_bot": {
        "all": {"answer": _OTHER_PEOPLE, "threats": {"user": {"block": 0.97}}},
        "strict": {
            "request": {"payment": "block"},
            "threats": {"user": {"block": 0.93}},
            "tools": {"most": 16},
        },
        "permissive": {"threats": {"user": {"block": 0.985}}},
    },
    # Source code is full of addresses, commands and comments that speak to agents; its secrets are real.
    "code_assistant": {
        "all": {
            "request": {"IP_ADDRESS": "allow", "MAC_ADDRESS": "allow"},
            "threats": {"rules": {"exfiltration.shell": "flag", "model*": "flag"}},
        },
        "strict": {"request": {"secret": "block"}, "threats": {"rules": {"exfiltration.shell": "block"}}},
        "permissive": {"request": {"EMAIL_ADDRESS": "flag", "PHONE_NUMBER": "flag", "COORDINATES": "flag"}},
    },
    # What it reads was written by others: documents and tool results are where the attacks come from.
    "rag_system": {
        "all": {"threats": {"tool": {"block": 0.94}, "document": {"block": 0.94}}},
        "strict": {
            "threats": {
                "tool": {"block": 0.91},
                "document": {"block": 0.91},
                "rules": {"hidden.*": "block", "exfiltration.image": "block"},
            }
        },
        "permissive": {"threats": {"tool": {"block": 0.96}, "document": {"block": 0.96}}},
    },
    # Tables of people: nothing that identifies one goes out, or comes back.
    "data_analysis": {
        "all": {
            "request": {"VIN": "redact", "AGE": "redact", "ZIP_CODE": "redact"},
            "answer": {"medical": "redact"},
        },
        "strict": {"request": {"government": "block", "payment": "block"}, "tools": {"most": 32}},
        "permissive": {"request": {"AGE": "allow", "ZIP_CODE": "allow"}},
    },
    # Role-play is the work, and people in stories are made up.
    "creative_writing": {
        "all": {
            "request": {"PERSON": "allow", "LOCATION": "allow", "DATE_TIME": "allow"},
            "answer": {"personal": "allow"},
            "threats": {"user": {"flag": 0.9, "block": 0.995}, "rules": {"jailbreak.*": "flag"}},
        },
        "strict": {
            "answer": {"personal": "flag"},
            "threats": {"user": {"flag": 0.7, "block": 0.985}},
        },
        "permissive": {"request": {"personal": "allow"}, "threats": {"user": {"action": "flag"}}},
    },
}


def preset(name: Preset, level: Level) -> dict[str, Any]:
    """What a policy of that use and level says."""
    use = _USES[name]
    return _over(_over(_LEVELS[level], use.get("all", {})), use.get(level, {}))


def filled(policy: Mapping[str, Any]) -> dict[str, Any]:
    """A policy's table with its preset under it; one that names none, or none that there is, as it is.

    A level alone is that of `default`.
    """
    name = policy.get("preset", "default" if "level" in policy else None)
    level = policy.get("level", "moderate")
    if name not in PRESETS or level not in LEVELS:
        return dict(policy)
    return _over(preset(name, level), policy)


def _over(below: Table, above: Table) -> dict[str, Any]:
    """Both tables in one; of an option that stands in both, that of the second."""
    made = dict(below)
    for key, value in above.items():
        own = made.get(key)
        made[key] = _over(own, value) if isinstance(own, Mapping) and isinstance(value, Mapping) else value
    return made
