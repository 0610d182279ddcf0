"""How to read a frame that differs from the last one in its text alone, as nearly all frames of an answer do.

What a stream does with such a frame but for looking at its text, which costs the same each way.
"""

from __future__ import annotations

from collections.abc import Callable
from unittest.mock import patch

from msgspec.structs import replace

from benchmarks.decisions import ANSWER, show
from gateway.dialects.dialect import Dialect, Head
from gateway.dialects.openai_chat import OPENAI_CHAT
from gateway.privacy.redact import answer_scan
from gateway.privacy.scanner import TextRun
from gateway.privacy.vault import Vault
from gateway.stream import ResponseStream

FRAMES = ANSWER[1:-2]
_SCAN = answer_scan(Vault())


class _Unread(TextRun):
    """Takes every text as decided."""

    def feed(self, piece: str) -> int:
        self._pos += len(piece)
        return self._pos


def _stream(dialect: Dialect, reads: list[bytes]) -> Callable[[], None]:
    def run() -> None:
        stream = ResponseStream(_SCAN, dialect, dialect, Head("", "m", 0))
        for data in reads:
            stream.feed(data)

    return run


def main() -> None:
    in_full = replace(OPENAI_CHAT, text_in=None)
    three = [b"".join(FRAMES[at : at + 3]) for at in range(0, len(FRAMES), 3)]
    variants = {
        "split and decoded": _stream(in_full, FRAMES),
        "split and decoded, three in a read": _stream(in_full, three),
        "compared with the last one (chosen)": _stream(OPENAI_CHAT, FRAMES),
        "compared with the last one, three in a read": _stream(OPENAI_CHAT, three),
    }
    with patch("gateway.stream.lanes.TextRun", _Unread):
        show("A frame like the one before", variants, len(FRAMES))


if __name__ == "__main__":
    main()
