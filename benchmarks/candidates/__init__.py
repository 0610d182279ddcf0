"""Who is measured. A new candidate is a function that starts it and a row in `CANDIDATES`."""

from __future__ import annotations

from functools import partial

from benchmarks.candidates.candidate import BenchmarkFailed, Candidate, Proxy, program
from benchmarks.candidates.others import litellm, litellm_command, portkey, portkey_folder
from benchmarks.candidates.ours import PASSING, REDACTING, sluice
from benchmarks.candidates.web import direct, haproxy, nginx

__all__ = ["CANDIDATES", "BenchmarkFailed", "Candidate", "Proxy", "program"]

_LITELLM = "pip install 'litellm[proxy]' elsewhere, and LITELLM=/path/to/litellm"

CANDIDATES: dict[str, Candidate] = {
    "direct": Candidate("no proxy: what the load itself takes", direct),
    "nginx": Candidate(
        "proxy_pass, proxy_buffering off, one worker; looks at nothing",
        nginx,
        partial(program, "nginx"),
        "apt install nginx-light",
    ),
    "haproxy": Candidate(
        "one thread; looks at nothing", haproxy, partial(program, "haproxy"), "apt install haproxy"
    ),
    "sluice-pass": Candidate("a policy that allows everything: looks for nothing", sluice(more=PASSING)),
    "sluice-redact": Candidate(
        "redacts requests and restores answers, and looks for nothing else",
        sluice(more=REDACTING),
        redacts=True,
    ),
    "sluice": Candidate(
        "the defaults: judges requests, redacts them, scans answers and restores them", sluice(), redacts=True
    ),
    "sluice-plain": Candidate(
        "the same, reading the provider with aiohttp's client", sluice("plain"), redacts=True
    ),
    "sluice-two": Candidate("the defaults, with two workers", sluice(workers=2), redacts=True),
    "sluice-translated": Candidate(
        "the defaults, and an Anthropic stream told to a client of OpenAI's dialect",
        sluice(dialect="anthropic"),
        redacts=True,
        exact=False,
        wire="anthropic",
    ),
    "portkey": Candidate(
        "Portkey's gateway on Node; looks at nothing",
        portkey,
        portkey_folder,
        "npm install @portkey-ai/gateway in a folder, and PORTKEY=/path/to/it",
        share=0.4,
    ),
    "litellm": Candidate(
        "LiteLLM's proxy; looks at nothing", litellm(), litellm_command, _LITELLM, exact=False, share=0.05
    ),
    "litellm-guard": Candidate(
        "LiteLLM's proxy with its own content filter, which masks what is asked",
        litellm(guard=True),
        litellm_command,
        _LITELLM,
        redacts=True,
        masks=True,
        exact=False,
        share=0.05,
    ),
}
