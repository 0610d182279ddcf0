"""Anthropic's SDK for Python. The model may live anywhere: the gateway translates the stream."""

import os

from anthropic import Anthropic

# The SDK adds /v1/messages to the URL by itself.
client = Anthropic(
    base_url=os.environ.get("SLUICE_URL", "http://127.0.0.1:8080"),
    api_key=os.environ.get("SLUICE_KEY", "sk-sluice-local"),
)
with client.messages.stream(
    model=os.environ.get("MODEL", "claude-sonnet-4-5"),
    max_tokens=1024,
    messages=[
        {
            "role": "user",
            "content": "Write to John Smith, john@example.com, about his card 4111 1111 1111 1111",
        }
    ],
) as stream:
    for text in stream.text_stream:
        print(text, end="", flush=True)
print()
