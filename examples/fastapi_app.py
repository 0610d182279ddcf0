"""A streaming endpoint in FastAPI: a browser asks this application, and this application asks the gateway."""

import os
from collections.abc import AsyncIterator

from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from openai import AsyncOpenAI
from pydantic import BaseModel

app = FastAPI()
client = AsyncOpenAI(
    base_url=os.environ.get("SLUICE_URL", "http://127.0.0.1:8080") + "/v1",
    api_key=os.environ.get("SLUICE_KEY", "sk-sluice-local"),
)


class Question(BaseModel):
    message: str


@app.post("/chat")
async def chat(question: Question) -> StreamingResponse:
    # Asked for before the response begins, so that a refusal is still an error and not half an answer.
    stream = await client.chat.completions.create(
        model=os.environ.get("MODEL", "gpt-4o-mini"),
        messages=[{"role": "user", "content": question.message}],
        stream=True,
    )

    async def answer() -> AsyncIterator[str]:
        # Leaving the block when the browser has left ends the call to the provider too.
        async with stream:
            async for chunk in stream:
                for choice in chunk.choices:
                    yield choice.delta.content or ""

    return StreamingResponse(answer(), media_type="text/plain; charset=utf-8")
