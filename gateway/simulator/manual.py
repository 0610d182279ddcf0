"""What `python -m gateway.simulator --help` says: every script, option, failure and path, with examples."""

MANUAL = """\
The embedded provider: it speaks every dialect as the real providers write it, and misbehaves on demand.

A model's name says what happens: sim, sim:SCRIPT or sim:SCRIPT?option=value&option=value. In a path
(Azure's deployments, Gemini, Vertex, Bedrock) it is percent-encoded: sim%3Aecho%3Fdelta%3D3.

paths
  OpenAI     /v1/chat/completions, /v1/completions, /v1/responses, GET /v1/models
  Azure      /openai/deployments/MODEL/chat/completions?api-version=DATE, …/completions;
             /openai/v1/chat/completions, /openai/v1/completions, /openai/v1/responses, /openai/responses
  Anthropic  /v1/messages
  Gemini     /v1beta/models/MODEL:generateContent, :streamGenerateContent (?alt=sse, else a JSON array)
  Vertex     /v1/projects/P/locations/L/publishers/google/models/MODEL:generateContent, …;
             …/publishers/anthropic/models/MODEL:rawPredict, :streamRawPredict
  Bedrock    /model/MODEL/converse, /converse-stream; /invoke, /invoke-with-response-stream (Anthropic's)
  What a provider refuses is refused in its words. Any key will do; without one it is an error.
scripts
  sim        as tool if the user has just spoken and tools are offered, else as say
  say        a short answer that mentions every placeholder and e-mail address of the request
  echo       the last user message's text
  tool       calls=N of the offered tools, with the last user message's placeholders and addresses
  parallel   a sentence, then two calls; zero: a call without arguments
  long       tokens=N tokens of clean prose; script: the text of text=
  thinking   reasoning first, and signed; then as sim. What is sent back must be as it was
  citations  an answer with a source; json: an object of the schema that was asked for
  stop       ends with the first stop sequence; length: after the limit, else tokens=N, also inside a call
  safety     half an answer, then the content filter; with tokens=0 nothing is said
  image      the media types and sizes of what was sent
options
  pace_ms=20       milliseconds between writes; a write is an event, unless bytes= cuts otherwise
  delta=3|random   characters in a delta, else about a token
  bytes=7|random   bytes in a write, wherever that cuts
  escape=1|2       \\uXXXX for non-ASCII and brackets; 2: inside tool arguments too
  seed=1           the same ids and random cuts each time
  cached=9         so many tokens of the prompt came from the cache
  reasoning=1      reasoning before any script; hidden=1: only the provider can read it
  refusal=1 logprobs=1 crlf=1 comments=1 obfuscation=1 no_done=1
failures, as fail=KIND or fail=KIND:PLACE; PLACE is how many events come first, without it half of them
  status:429       an error whose message repeats the prompt
  error_mid:PLACE  200, and an error event ends it; error_first: nothing before it
  malformed:PLACE  an event of broken JSON in between; truncate: the body ends as if that were all
  drop:PLACE       the connection closes; reset: it breaks; stall: no more comes; garbage: noise comes; with
                   PLACE head not even the head of the response is sent
  slow_head:2.5    seconds before the head of the response
  html json empty  200 and a page; JSON though a stream was asked for; nothing
"""

EXAMPLES = """examples
  python -m gateway.simulator --port 9000 --pace-ms 20 --record requests.jsonl
  curl -N localhost:9000/v1/chat/completions -H 'Authorization: Bearer any' \\
    -d '{"model": "sim:echo?delta=3", "stream": true, "messages": [{"role": "user", "content": "Hello"}]}'
  curl -N localhost:9000/v1/messages -H 'x-api-key: any' -H 'anthropic-version: 2023-06-01' \\
    -d '{"model": "sim:thinking", "max_tokens": 99, "stream": true,
         "messages": [{"role": "user", "content": "Hello"}]}'
  curl -N 'localhost:9000/v1beta/models/sim%3Asafety:streamGenerateContent?alt=sse&key=any' \\
    -d '{"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}'
  curl -N localhost:9000/model/sim%3Aecho%3Ffail%3Derror_mid/converse-stream -H 'Authorization: Bearer any' \\
    -d '{"messages": [{"role": "user", "content": [{"text": "Hello"}]}]}'
"""
