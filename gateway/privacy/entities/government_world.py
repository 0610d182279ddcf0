"""Identifiers that states other than the United States give out, in the order tried."""

from __future__ import annotations

from gateway.privacy.entities.entity import Entity
from gateway.privacy.entities.government_asia import ASIA
from gateway.privacy.entities.government_germany import GERMANY
from gateway.privacy.entities.government_north_east_europe import NORTH_EAST_EUROPE
from gateway.privacy.entities.government_south import SOUTH
from gateway.privacy.entities.government_west_europe import WEST_EUROPE

GOVERNMENT_WORLD: tuple[Entity, ...] = (*GERMANY, *WEST_EUROPE, *NORTH_EAST_EUROPE, *ASIA, *SOUTH)
