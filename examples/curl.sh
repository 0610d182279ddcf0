#!/bin/sh
# The stream as it comes over the wire: -N shows each event at once.
curl -sSN --fail-with-body "${SLUICE_URL:-http://127.0.0.1:8080}/v1/chat/completions" \
  -H "Authorization: Bearer ${SLUICE_KEY:-sk-sluice-local}" \
  -H "Content-Type: application/json" \
  -d @- <<END
{
  "model": "${MODEL:-gpt-4o-mini}",
  "stream": true,
  "messages": [
    {
      "role": "user",
      "content": "Write to John Smith, john@example.com, about his card 4111 1111 1111 1111"
    }
  ]
}
END
