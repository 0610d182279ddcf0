"""LangChain: the chat model is told the gateway's URL; chains and agents on top of it stay as they are."""

import os

from langchain_openai import ChatOpenAI
from pydantic import SecretStr

# Tracing to LangSmith, if you turn it on, does not pass the gateway: it gets the prompt in clear.
model = ChatOpenAI(
    base_url=os.environ.get("SLUICE_URL", "http://127.0.0.1:8080") + "/v1",
    api_key=SecretStr(os.environ.get("SLUICE_KEY", "sk-sluice-local")),
    model=os.environ.get("MODEL", "gpt-4o-mini"),
)
for piece in model.stream("Write to John Smith, john@example.com, about his card 4111 1111 1111 1111"):
    print(piece.text, end="", flush=True)
print()
