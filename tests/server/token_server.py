"""Who hands out tokens: a server of the test's own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web


class Clock:
    def __init__(self) -> None:
        self.now = 1e6

    def __call__(self) -> float:
        return self.now


Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Server:
    """Answers by `METHOD /path`, and notes what was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.url = ""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        asked = f"{request.method} {request.path}"
        self.asked.append(asked)
        answer = self.answers.get(asked)
        return await answer(request) if answer else web.Response(status=404)

    def say(self, asked: str, text: str, status: int = 200) -> None:
        async def answer(_: web.BaseRequest) -> web.Response:
            return web.Response(text=text, status=status, headers={"Metadata-Flavor": "Google"})

        self.answers[asked] = answer

    def tell(self, asked: str, **fields: Any) -> None:
        async def answer(_: web.BaseRequest) -> web.Response:
            return web.json_response(fields, headers={"Metadata-Flavor": "Google"})

        self.answers[asked] = answer
