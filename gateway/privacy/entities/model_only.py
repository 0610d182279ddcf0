"""What only a model finds: rows without a pattern, which are in no table of rules.

An organization is ordinary: personal only beside other data. NRP (nationality, religion, politics) is named
as Presidio names it; it is a special category of the GDPR (article 9), and no less personal for being a word.
"""

from __future__ import annotations

from gateway.privacy.entities.entity import Entity

MODEL_ONLY: tuple[Entity, ...] = (
    Entity(name="ORGANIZATION", label="ORGANIZATION", kind="ordinary", core="", longest=0, openings=()),
    Entity(name="NRP", label="NRP", kind="personal", core="", longest=0, openings=(), aliases=("NORP",)),
)
