"""locust: a mixed load of chat requests, as applications make them.

`MODEL` and `KEY` are read from the environment.
"""

from __future__ import annotations

import itertools
import json
import os
import time
from typing import Any

from locust import HttpUser, between, task

MODEL = os.environ.get("MODEL", "sim:echo")
HEADERS = {"Authorization": f"Bearer {os.environ.get('KEY', 'sk-benchmark')}"}
PATH = "/v1/chat/completions"
BACKGROUND = "The customer has written before. All earlier matters are closed, and the tone was kind. " * 40
numbers = itertools.count()


class Application(HttpUser):
    wait_time = between(0.1, 1.0)

    def body(self, question: str, **more: Any) -> dict[str, Any]:
        return {"model": MODEL, "messages": [{"role": "user", "content": question}], **more}

    @task(4)
    def streamed(self) -> None:
        """Counts as right if what was asked with has come back, and the end mark has come."""
        email = f"grace.{next(numbers)}@example.com"
        body = self.body(f"Say that we answer to {email} by Monday.", stream=True)
        began_at = time.perf_counter()
        with self.client.post(
            PATH, json=body, headers=HEADERS, stream=True, name="streamed", catch_response=True
        ) as response:
            text, ended = "", False
            for line in response.iter_lines():
                if line == b"data: [DONE]":
                    ended = True
                elif line.startswith(b"data: "):
                    if not text:
                        self.report_first_token(began_at)
                    choices = json.loads(line[6:])["choices"] or [{"delta": {}}]
                    text += choices[0]["delta"].get("content") or ""
            if not ended:
                response.failure("the stream broke off")
            elif MODEL == "sim:echo" and email not in text:
                response.failure("the address did not come back")

    def report_first_token(self, began_at: float) -> None:
        self.environment.events.request.fire(
            request_type="SSE",
            name="first token",
            response_time=(time.perf_counter() - began_at) * 1000,
            response_length=0,
            exception=None,
            context={},
        )

    @task(2)
    def whole(self) -> None:
        body = self.body(f"Is order {next(numbers)} on its way?")
        self.client.post(PATH, json=body, headers=HEADERS, name="whole")

    @task(1)
    def long(self) -> None:
        body = self.body(f"{BACKGROUND} Sum it up, number {next(numbers)}.")
        self.client.post(PATH, json=body, headers=HEADERS, name="long")
