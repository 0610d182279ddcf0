"""Other gateways, installed where the user says: they are large, and their dependencies are not ours.

`LITELLM` is the path of the `litellm` command of an environment with `litellm[proxy]` from PyPI; `PORTKEY`
that of a folder in which `npm install @portkey-ai/gateway` was run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.candidates.candidate import Proxy, Start, free_port, program, wait_until_listening
from benchmarks.processor import started

_PATIENCE_S = 120.0  # LiteLLM imports for half a minute on a slow machine

_LITELLM = """\
model_list:
  - model_name: gpt-4o-mini
    litellm_params:
      model: openai/gpt-4o-mini
      api_base: {provider}/v1
      api_key: sk-benchmark
litellm_settings:
  telemetry: false
"""
_LITELLM_ENVIRONMENT = {
    "LITELLM_LOG": "ERROR",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it asks the network for prices
    "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",  # on this machine, for a minute
}
# Its own rules; they mask, and nothing brings a value back.
_LITELLM_GUARD = """\
guardrails:
  - guardrail_name: pii
    litellm_params:
      guardrail: litellm_content_filter
      mode: pre_call
      default_on: true
      patterns:
        - { pattern_type: prebuilt, pattern_name: email, action: MASK }
        - { pattern_type: prebuilt, pattern_name: credit_card, action: MASK }
        - { pattern_type: prebuilt, pattern_name: us_ssn, action: MASK }
"""


def litellm_command() -> str | None:
    return os.environ.get("LITELLM") or program("litellm")


def litellm(*, guard: bool = False) -> Start:
    @contextmanager
    def start(provider: str, folder: Path, core: int | None) -> Iterator[Proxy]:
        port = free_port()
        config, log = folder / "litellm.yaml", folder / "error.log"
        config.write_text(_LITELLM.format(provider=provider) + (_LITELLM_GUARD if guard else ""))
        command = [litellm_command() or "litellm", "--config", str(config), "--host", "127.0.0.1"]
        command += ["--port", str(port), "--num_workers", "1"]
        environment = {**os.environ, **_LITELLM_ENVIRONMENT}
        with (
            log.open("w") as said,
            started(command, core, stdout=said, stderr=said, env=environment) as process,
        ):
            wait_until_listening(port, lambda: process.poll() is not None, log, _PATIENCE_S)
            yield Proxy(f"http://127.0.0.1:{port}/v1", process.pid)

    return start


def portkey_folder() -> str | None:
    folder = os.environ.get("PORTKEY", "")
    return folder if program("node") and (Path(folder) / _PORTKEY_SERVER).exists() else None


_PORTKEY_SERVER = "node_modules/@portkey-ai/gateway/build/start-server.js"
# Node's `fetch` gives headers that may not be changed, and these are: without a copy answers fail.
_PORTKEY_FAULT = "updateHeaders(e,t,a){"
_PORTKEY_COPY = _PORTKEY_FAULT + "e=new Response(e.body,e);"


@contextmanager
def portkey(provider: str, folder: Path, core: int | None) -> Iterator[Proxy]:
    port = free_port()
    log = folder / "error.log"
    installed = Path(portkey_folder() or "")
    server = installed / _PORTKEY_SERVER
    patched = server.with_name("start-server-benchmark.js")
    patched.write_text(server.read_text().replace(_PORTKEY_FAULT, _PORTKEY_COPY))
    headers = (("x-portkey-provider", "openai"), ("x-portkey-custom-host", f"{provider}/v1"))
    command = [program("node") or "node", str(patched), f"--port={port}", "--headless"]
    with log.open("w") as said, started(command, core, stdout=said, stderr=said) as process:
        wait_until_listening(port, lambda: process.poll() is not None, log, _PATIENCE_S)
        yield Proxy(f"http://127.0.0.1:{port}/v1", process.pid, headers)
