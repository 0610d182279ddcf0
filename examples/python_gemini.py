"""Google's SDK for Python (google-genai)."""

import os

from google import genai

# The SDK adds /v1beta/models/… to the URL by itself.
client = genai.Client(
    api_key=os.environ.get("SLUICE_KEY", "sk-sluice-local"),
    http_options={"base_url": os.environ.get("SLUICE_URL", "http://127.0.0.1:8080")},
)
stream = client.models.generate_content_stream(
    model=os.environ.get("MODEL", "gemini-2.5-flash"),
    contents="Write to John Smith, john@example.com, about his card 4111 1111 1111 1111",
)
for chunk in stream:
    print(chunk.text or "", end="", flush=True)
print()
