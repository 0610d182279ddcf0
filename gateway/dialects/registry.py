"""Every dialect by its name, as configuration and catalog say it."""

from __future__ import annotations

from gateway.dialects.dialect import Dialect
from gateway.dialects.gemini import GEMINI
from gateway.dialects.openai_chat import OPENAI_CHAT

DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in (OPENAI_CHAT, GEMINI)}
