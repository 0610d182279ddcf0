"""A provider that answers every request with the same bytes, at cuts of its own choice."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping

from aiohttp import web


class Replay:
    """`body` and `content_type` are what it says next; `bodies` and `headers` are of the requests that came."""

    def __init__(self) -> None:
        self.body = b""
        self.content_type = "text/event-stream"
        self.bodies: list[bytes] = []
        self.headers: list[Mapping[str, str]] = []
        self._random = random.Random(7)

    async def respond(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.read())
        self.headers.append(request.headers)
        response = web.StreamResponse(headers={"content-type": self.content_type})
        await response.prepare(request)
        for piece in self._pieces():
            await response.write(piece)
        return response

    def _pieces(self) -> Iterator[bytes]:
        """At most a handful, so that large recordings cost no more than small ones."""
        cuts = sorted(self._random.sample(range(len(self.body)), min(6, len(self.body))))
        for start, end in zip([0, *cuts], [*cuts, len(self.body)], strict=True):
            if start < end:
                yield self.body[start:end]
