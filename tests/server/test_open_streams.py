"""What an open stream keeps alive, and what is left when it is over: laws on objects, not on bytes."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys

import pytest

from gateway.config import Retries
from tests.conftest import ROOT
from tests.server.running import running


@pytest.mark.parametrize("format", ["token", "synthetic"])
def test_while_an_answer_streams_nothing_holds_its_request(format: str) -> None:
    """Neither its body, as text or tree or bytes, nor its headers; nor the headers of the answer."""
    command = [sys.executable, "-m", "tests.server.one_stream", format]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


ENDINGS = {
    "an answer": "sim:say",
    "a refusal": "sim:say?fail=status:429",
    "an error in the middle": "sim:say?fail=error_mid",
    "broken off": "sim:say?fail=drop",
    "no JSON": "sim:say?fail=malformed",
    "nothing": "sim:say?fail=empty",
}


@pytest.mark.parametrize("model", ENDINGS.values(), ids=ENDINGS)
@pytest.mark.parametrize("stream", [True, False])
async def test_a_request_that_is_over_is_freed_without_the_collector(model: str, stream: bool) -> None:
    """Else what it held stays for as long as the collector takes to come by: many times what is open."""
    async with running("direct", retries=Retries(most=1, first_wait_s=0.001)) as gateway:
        await gateway.chat(model, stream=stream)
        gc.freeze()  # what is there by now is not looked at
        gc.disable()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            await gateway.chat(model, stream=stream)
            await asyncio.sleep(0)
            gc.collect()
            left = {f"{type(each).__module__}.{type(each).__qualname__}" for each in gc.garbage}
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()
            gc.unfreeze()
    assert [each for each in sorted(left) if each.startswith("gateway.") and "simulator" not in each] == []
