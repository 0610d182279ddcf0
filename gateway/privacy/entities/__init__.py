"""What is looked for: one table, a row an entity, a file a family.

Rows are tried in the table's order where several match at one position.
"""

from __future__ import annotations

from gateway.privacy.entities.contact import CONTACT
from gateway.privacy.entities.dates import DATES
from gateway.privacy.entities.entity import LEFT_CONTEXT, Entity, Kind
from gateway.privacy.entities.government import GOVERNMENT
from gateway.privacy.entities.network import NETWORK
from gateway.privacy.entities.payment import PAYMENT
from gateway.privacy.entities.person import PERSON
from gateway.privacy.entities.secrets import SECRETS

__all__ = ["ENTITIES", "LEFT_CONTEXT", "REDACTED_IN_ANSWERS", "Entity", "Kind"]

ENTITIES: tuple[Entity, ...] = (*SECRETS, *PAYMENT, *GOVERNMENT, *CONTACT, *NETWORK, *DATES, *PERSON)

# What an answer may not show when the model itself produced it; other personal data is only flagged.
REDACTED_IN_ANSWERS: frozenset[Kind] = frozenset({"secret", "payment", "government"})
