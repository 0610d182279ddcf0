"""The relay's own duties: nothing before the opening, honest ends, and no unsafe byte when we have a bug."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

import pytest

from gateway.dialects.dialect import Head
from gateway.dialects.openai_chat import OPENAI_CHAT
from gateway.errors import ProviderTimeout
from gateway.privacy.redact import answer_scan
from gateway.privacy.vault import Vault
from gateway.server.relay import Relay
from gateway.stream import ResponseStream
from tests.chat_stream import DONE, STOP, chunk, error_in
from tests.privacy import texts


class Wire:
    """A client's request, its response, its transport and the provider's flow, all in one."""

    headers: ClassVar[dict[str, str]] = {}
    writing_paused = False

    def __init__(self) -> None:
        self.transport = self.protocol = self
        self.out = b""
        self.paused = False

    def is_closing(self) -> bool:
        return False

    def write(self, data: bytes) -> None:
        self.out += data

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False


def made() -> tuple[Relay, Any]:
    vault = Vault()
    vault.hide(texts.entity("PERSON"), "Ada")
    return Relay(
        ResponseStream(answer_scan(vault), OPENAI_CHAT, OPENAI_CHAT, Head("01TEST", "m", 1)),
        asyncio.get_running_loop(),
    ), Wire()


async def test_what_comes_before_the_headers_are_out_is_written_after_them() -> None:
    relay, wire = made()
    relay.on_body(b": hello\n\n" + chunk({"content": "Hi"}))
    await relay.opening()
    relay.attach(wire, wire, wire)
    relay.on_body(STOP + DONE)
    relay.on_end(None)
    await relay.finished(wire, 60)
    assert wire.out == b": hello\n\n" + chunk({"content": "Hi"}) + STOP + DONE


async def test_comments_without_end_do_not_fill_the_memory() -> None:
    relay, wire = made()
    for _ in range(1000):
        relay.on_body(b": " + b"x" * 1000 + b"\n\n")
    relay.on_body(chunk({"content": "Hi"}))
    relay.attach(wire, wire, wire)
    assert len(wire.out) < 70_000
    assert wire.out.endswith(chunk({"content": "Hi"}))


async def test_a_provider_that_fails_before_the_opening_raises() -> None:
    relay, _ = made()
    relay.on_end(ProviderTimeout("no answer"))
    with pytest.raises(ProviderTimeout):
        await relay.opening()


async def test_a_full_client_pauses_the_provider() -> None:
    relay, wire = made()
    relay.on_body(chunk({"content": "Hi"}))
    wire.writing_paused = True
    relay.attach(wire, wire, wire)
    assert wire.paused


async def test_a_bug_of_ours_lets_nothing_out_that_was_held(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    relay, wire = made()
    relay.on_body(chunk({"content": "Hi"}))
    relay.attach(wire, wire, wire)
    relay.on_body(chunk({"content": ": 4111 1111 1111 1111"}))

    def broken(*_: object) -> None:
        raise RuntimeError("4111 1111 1111 1111")

    monkeypatch.setattr(ResponseStream, "feed", broken)
    relay.on_body(chunk({"content": "more"}))
    await relay.finished(wire, 60)
    assert error_in(wire.out)["type"] == "internal_error"
    assert b"4111" not in wire.out
    assert "4111" not in caplog.text
