"""Where framing, meaning and privacy meet, and the only such place: a provider's bytes in, a client's out."""

from __future__ import annotations

from gateway.stream.response import ResponseStream
from gateway.stream.whole import listened, whole

__all__ = ["ResponseStream", "listened", "whole"]
