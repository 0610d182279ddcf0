"""Guards of other people's, as tests need them: a webhook, a classifier, a model in a file."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.server.running import serving

MINDED = "zebra"


@dataclass
class Webhook:
    """Minds a word. `answer` makes its answers, `asked` are the bodies and `headers` what came with them."""

    url: str = ""
    decision: str = "block"
    answer: Callable[[], web.StreamResponse] | None = None
    waits: asyncio.Event | None = None
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    async def respond(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.asked.append(body)
        self.headers.append(dict(request.headers))
        if self.waits is not None:
            await self.waits.wait()
        if self.answer is not None:
            return self.answer()
        minds = MINDED in json.dumps(body["texts"])
        if not minds:
            return web.json_response({"decision": "allow"})
        return web.json_response({"decision": self.decision, "threat_type": "animals", "confidence": 0.9})

    async def classify(self, request: web.Request) -> web.StreamResponse:
        """As Hugging Face's servers do."""
        body = await request.json()
        self.asked.append(body)
        score = 0.9 if MINDED in body["inputs"] else 0.1
        return web.json_response(
            [[{"label": "toxic", "score": score}, {"label": "fine", "score": 1 - score}]]
        )

    @property
    def texts(self) -> list[tuple[str, str]]:
        return [(each["source"], each["text"]) for each in self.asked[-1]["texts"]]


@asynccontextmanager
async def webhook(**options: Any) -> AsyncIterator[Webhook]:
    made = Webhook(**options)
    async with serving(made.respond) as made.url:
        yield made


@asynccontextmanager
async def classifier() -> AsyncIterator[Webhook]:
    made = Webhook()
    async with serving(made.classify) as made.url:
        yield made


def onnx_model(path: Path, *, takes_text: bool = False, classes: int = 2) -> str:
    """A model of two classes that knows one word: a text that is it, or tokens of which one is it."""
    import numpy
    from onnx import TensorProto, helper, numpy_helper, save

    def constant(name: str, value: Any) -> Any:
        return numpy_helper.from_array(value, name)

    if takes_text:
        inputs = [helper.make_tensor_value_info("text", TensorProto.STRING, [1])]
        known = constant("known", numpy.array([MINDED], dtype=object))
        name, axis = "text", 0
    else:
        inputs = [
            helper.make_tensor_value_info(each, TensorProto.INT64, [1, "n"])
            for each in ("input_ids", "attention_mask")
        ]
        known = constant("known", numpy.array([1], dtype=numpy.int64))
        name, axis = "input_ids", 1
    nodes = [
        helper.make_node("Equal", [name, "known"], ["is_known"]),
        helper.make_node("Cast", ["is_known"], ["hits"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMax", ["hits", "axis"], ["hit"], keepdims=1),
        helper.make_node("Mul", ["hit", "weights"], ["weighted"]),
        helper.make_node("Add", ["weighted", "bias"], ["logits"]),
    ]
    weights, bias = [-8.0, 8.0, 0.0][:classes], [4.0, -4.0, 0.0][:classes]
    constants = [
        known,
        constant("axis", numpy.array([axis], dtype=numpy.int64)),
        constant("weights", numpy.array(weights, dtype=numpy.float32)),
        constant("bias", numpy.array(bias, dtype=numpy.float32)),
    ]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)]
    graph = helper.make_graph(nodes, "minds", inputs, outputs, constants)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9), str(path))
    return str(path)


def tokenizer(path: Path) -> str:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    made = Tokenizer(WordLevel({"?": 0, MINDED: 1}, "?"))
    made.pre_tokenizer = Whitespace()
    made.save(str(path))
    return str(path)
