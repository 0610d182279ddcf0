"""What is looked for: one table, a row an entity, a file a family.

Rows are tried in the table's order where several match at one position.
"""

from __future__ import annotations

from gateway.privacy.entities.address import ADDRESS
from gateway.privacy.entities.aliases import UnknownEntity, look_up, meanings
from gateway.privacy.entities.banking import BANKING
from gateway.privacy.entities.contact import CONTACT
from gateway.privacy.entities.dates import DATES
from gateway.privacy.entities.entity import LEFT_CONTEXT, Entity, Kind
from gateway.privacy.entities.government import GOVERNMENT
from gateway.privacy.entities.government_world import GOVERNMENT_WORLD
from gateway.privacy.entities.medical import MEDICAL
from gateway.privacy.entities.model_only import MODEL_ONLY
from gateway.privacy.entities.network import NETWORK
from gateway.privacy.entities.payment import PAYMENT
from gateway.privacy.entities.person import PERSON
from gateway.privacy.entities.secrets import SECRETS
from gateway.privacy.entities.vehicles import VEHICLES

__all__ = [
    "ENTITIES",
    "LEFT_CONTEXT",
    "MODEL_ONLY",
    "Entity",
    "Kind",
    "UnknownEntity",
    "resolve",
]

ENTITIES: tuple[Entity, ...] = (
    *SECRETS,
    *PAYMENT,
    *BANKING,
    *GOVERNMENT,
    *GOVERNMENT_WORLD,
    *VEHICLES,
    *MEDICAL,
    *CONTACT,
    *NETWORK,
    *DATES,
    *ADDRESS,
    *PERSON,
)

_KNOWN = meanings((*ENTITIES, *MODEL_ONLY))


def resolve(name: str) -> frozenset[str]:
    """The names of the entities that an entity's name, an alias, a placeholder's label or a kind stands for.

    Case and separators do not matter: `phone`, `PHONE_NUMBER` and `PhoneNumber` are one name. Raises
    UnknownEntity, with the nearest name.
    """
    return look_up(name, _KNOWN)
