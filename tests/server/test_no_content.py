"""Nothing that a prompt, an answer or a header holds is in what the gateway writes of itself.

Values are planted wherever a client or a provider can put any; then the log at its most talkative, the
metrics, the traces and the audit log are searched for them.
"""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from gateway.config import Audit, Key, Log, Provider, Secret, Traces
from gateway.guard.policy import Policy
from gateway.server import logs, metrics, outgoing
from tests.server.receiver import receiving
from tests.server.running import CHAT, PROVIDER_KEY, asking, connected, frame, running, saying, serving

MAIL, CARD, NAME, PROSE = "john.smith@example.com", "4111 1111 1111 1111", "Zebulon Quimby", "xylophonequartz"
GATEWAY_KEY, THEIR_KEY = "sk-sluice-planted-secret", "sk-planted-provider-key"
PLANTED = [
    MAIL,
    "4111 1111",
    CARD.replace(" ", ""),
    "Zebulon",
    "Quimby",
    PROSE,
    GATEWAY_KEY,
    THEIR_KEY,
    PROVIDER_KEY,
]
TEXT = f"I am {NAME}, {MAIL}, {CARD}: {PROSE}"
KEY = ("Authorization", f"Bearer {GATEWAY_KEY}")


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("sluice")
    before = root.handlers[:], root.level, ours.level
    yield
    root.handlers[:], root.level, ours.level = before
    logging.captureWarnings(False)


def everywhere(model: str, stream: bool) -> list[tuple[str, bytes]]:
    """A request in each dialect, with the values wherever one can stand."""
    tool = {
        "type": "function",
        "function": {"name": "t", "description": TEXT, "parameters": {"type": "object"}},
    }
    more = {
        "user": MAIL,
        "metadata": {PROSE: TEXT},
        "stop": [PROSE],
        "tools": [tool],
        "stream": stream,
        "model": model,
    }
    turn = {"role": "user", "content": TEXT}
    named = {"role": "user", "name": PROSE, "content": [{"type": "text", "text": TEXT}]}
    gemini = {"contents": [{"role": "user", "parts": [{"text": TEXT}]}]}
    verb = "streamGenerateContent" if stream else "generateContent"
    return [
        (f"{CHAT}?q={quote(PROSE)}", json.dumps({**more, "messages": [{"role": "system", "content": TEXT}, named]}).encode()),
        ("/v1/messages", json.dumps({"model": model, "max_tokens": 9, "stream": stream, "system": TEXT, "messages": [turn]}).encode()),
        ("/v1/responses", json.dumps({"model": model, "stream": stream, "input": TEXT, "instructions": TEXT}).encode()),
        (f"/v1beta/models/{quote(model, safe='')}:{verb}", json.dumps(gemini).encode()),
        (CHAT, json.dumps({**more, "messages": [turn], PROSE: {MAIL: TEXT}}).encode()),
        (CHAT, json.dumps({"model": model, "messages": [{"role": MAIL, "content": TEXT}]}).encode()),
        (CHAT, json.dumps({"model": PROSE, "messages": [turn]}).encode()),
        (CHAT, f'{{"messages": "{TEXT}'.encode()),
        (f"/{PROSE}/{quote(MAIL)}", b"{}"),
        (f"/v1/{PROSE}/chat/completions", json.dumps({"model": model, "messages": [turn]}).encode()),
        ("/v1/scan", json.dumps({"content": TEXT}).encode()),
        ("/v1/security/redact", json.dumps({"content": TEXT, "format": PROSE}).encode()),
    ]  # fmt: skip


async def test_planted_values_are_in_nothing_that_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = io.StringIO()
    logs.setup(Log("debug"), out)
    path = tmp_path / "audit.jsonl"

    async def hostile(request: object) -> object:
        from aiohttp import web

        error = {"error": {"message": TEXT, "type": PROSE, "code": MAIL, "param": PROSE}}
        headers = {"Retry-After": PROSE, "X-RateLimit-Reset": MAIL}
        return web.json_response(error, status=429, headers=headers)

    async def half(request: object) -> object:
        from aiohttp import web

        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)  # type: ignore[arg-type]
        await response.write(frame({"content": TEXT}) + b"data: {" + TEXT.encode() + b"\n\n")
        return response

    async with (
        receiving() as receiver,
        serving(hostile) as refusing,  # type: ignore[arg-type]
        serving(half) as garbage,  # type: ignore[arg-type]
        running(
            "direct",
            audit=Audit(str(path)),
            traces=Traces(receiver.url),
            keys=[Key("app", Secret(GATEWAY_KEY), policies=["default", "strict", "silent"])],
            policies=[Policy("strict", request={"*": "block"}), Policy("silent", enforcement="monitor")],
            others=[
                Provider("refusing", refusing, models=["refused"], api_key=Secret(THEIR_KEY)),
                Provider("garbage", garbage, models=["garbage"], api_key=Secret(THEIR_KEY)),
            ],
        ) as gateway,
    ):
        asked = 0
        for model in ("sim:echo", "sim?fail=status:500", "sim?fail=error_mid", saying(TEXT, "delta=3"), "sim?fail=malformed", "refused", "garbage"):  # fmt: skip
            for stream in (True, False):
                for where, body in everywhere(model, stream):
                    await gateway.post(body, where, [KEY, ("X-Api-Key", THEIR_KEY), ("User-Agent", PROSE)])
                    asked += 1
        for policy in ("strict", "silent", PROSE):
            await gateway.post(asking("sim:echo", TEXT), headers=[KEY, ("X-Sluice-Policy", policy)])
        await gateway.post(asking("sim:echo", TEXT), headers=[("Authorization", f"Bearer {THEIR_KEY}")])
        await gateway.post(
            asking("sim:echo", TEXT), headers=[KEY, ("traceparent", PROSE), ("tracestate", PROSE)]
        )
        for raw in (f"GET /{PROSE} HTTP/9.9\r\n\r\n", f"{PROSE} {MAIL}\r\n\r\n", f"POST {CHAT} HTTP/1.1\r\nContent-Length: {PROSE}\r\n\r\n"):  # fmt: skip
            async with connected(gateway.port) as connection:
                connection.send(raw.encode())
                await connection.head()
        with monkeypatch.context() as broken:

            def bug(*_: object) -> None:
                raise KeyError(TEXT)

            broken.setattr(outgoing, "prepare", bug)
            assert (await gateway.post(asking("sim:echo", TEXT), headers=[KEY])).status == 500

    written = {
        "log": out.getvalue(),
        "metrics": metrics.exposition().decode(),
        "traces": b"".join(receiver.raw).decode("latin-1"),
        "audit": path.read_text(),
    }
    # The search means something only where there was something to find.
    assert written["log"].count("\n") > asked
    assert "EMAIL_ADDRESS" in written["log"]
    assert "a bug of the gateway" in written["log"]
    assert 'entity="EMAIL_ADDRESS"' in written["metrics"]
    assert "gen_ai.request.model" in written["traces"]
    assert written["audit"].count("redact") > 10
    assert all(json.loads(line) for line in written["log"].splitlines())
    assert [(where, value) for where, text in written.items() for value in PLANTED if value in text] == []
