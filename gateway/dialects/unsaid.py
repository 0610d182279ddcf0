"""What a request says that a dialect has no word for: refused by name, never dropped."""

from __future__ import annotations

from typing import NoReturn

from gateway.conversation import Conversation
from gateway.errors import InvalidRequest

# A caller who sends these asks for nothing.
_NOTHING = {"n": 1, "presence_penalty": 0, "frequency_penalty": 0, "logprobs": False, "top_logprobs": 0}


def refuse(field: str, dialect: str, why: str = "") -> NoReturn:
    """Raises InvalidRequest with the field in `param`."""
    raise InvalidRequest(f"{field} cannot be said in {dialect}{f': {why}' if why else ''}", param=field)


def refuse_said(conversation: Conversation, dialect: str, *fields: str) -> None:
    """Refuse the request if it says one of the fields, or any that only its own dialect knows."""
    for field in fields:
        value = getattr(conversation, field)
        if value not in (None, "", [], {}) and value != _NOTHING.get(field):
            refuse(field, dialect)
    for field, value in conversation.extra.items():
        if value is not None:
            refuse(field, dialect)
