"""How much work a splitter does: bytes and patterns that count what is asked of them."""

from __future__ import annotations

import re
from typing import Any


class Steps:
    """Counts the bytes that are looked at, up to what is allowed."""

    def __init__(self, allowed: int) -> None:
        self.allowed = allowed

    def take(self, count: int) -> None:
        self.allowed -= count
        assert self.allowed >= 0, "more work than is linear"

    def reads(self, stream: bytes, size: int) -> list[bytes]:
        return [CountedBytes.of(stream[i : i + size], self) for i in range(0, len(stream), size)]


class CountedBytes(bytes):
    steps: Steps

    @classmethod
    def of(cls, data: bytes, steps: Steps) -> CountedBytes:
        counted = cls(data)
        counted.steps = steps
        return counted

    def __contains__(self, key: Any) -> bool:
        self.steps.take(len(self))
        return super().__contains__(key)

    def find(self, sub: Any, start: Any = 0, end: Any = None) -> int:
        found = super().find(sub, start, end)
        self.steps.take((len(self) if found < 0 else found) - start)
        return found


class CountedPattern:
    def __init__(self, pattern: re.Pattern[bytes], steps: Steps) -> None:
        self.pattern = pattern
        self.steps = steps

    def search(self, buffer: bytes | bytearray, start: int = 0) -> re.Match[bytes] | None:
        found = self.pattern.search(buffer, start)
        self.steps.take((found.end() if found else len(buffer)) - start)
        return found
