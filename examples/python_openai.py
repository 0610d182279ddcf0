"""OpenAI's SDK for Python: only the URL is the gateway's."""

import os

from openai import OpenAI

client = OpenAI(
    base_url=os.environ.get("SLUICE_URL", "http://127.0.0.1:8080") + "/v1",
    api_key=os.environ.get("SLUICE_KEY", "sk-sluice-local"),
)
stream = client.chat.completions.create(
    model=os.environ.get("MODEL", "gpt-4o-mini"),
    messages=[
        {
            "role": "user",
            "content": "Write to John Smith, john@example.com, about his card 4111 1111 1111 1111",
        }
    ],
    stream=True,
)
for chunk in stream:
    # A chunk that carries only usage has no choices.
    for choice in chunk.choices:
        print(choice.delta.content or "", end="", flush=True)
print()
