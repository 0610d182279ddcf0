"""A classifier of the user's in an ONNX file, run beside the loop.

In: a model that takes token ids (with its `tokenizer.json`) or texts, and texts. Out: a `Judgement`. The
model runs in a thread, one text at a time: while it computes, streams go on.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from gateway.config import Guard
from gateway.errors import ConfigError
from gateway.guard.judgements import Judgement, Unusable, of_classes, worst
from gateway.server.webhook import Question, pieces

# What the usual encoders were trained on; longer texts are read in windows that overlap.
_MOST_TOKENS = 512
_OVERLAP_TOKENS = 64


class OnnxClassifier:
    """Load it by `load`, off the loop."""

    def __init__(self, options: Guard) -> None:
        self.options = options
        self.rule = f"guard:{options.name}"
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=self.rule)
        self._session: Any = None
        self._tokenizer: Any = None
        self._inputs: list[Any] = []
        self._numpy: Any = None

    async def load(self) -> None:
        """Raises ConfigError if there is no model, or one that cannot be used."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._load)

    def _load(self) -> None:
        place = f"guards.{self.options.name}"
        try:
            import numpy
            import onnxruntime
        except ImportError:
            raise _missing(place) from None
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = 1  # the other cores have streams to serve
        settings.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(
                self.options.path, settings, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's own classes share no base but this
            raise ConfigError(
                f"{place}.path: the model cannot be loaded ({type(error).__name__})", param=place
            ) from None
        self._numpy = numpy
        self._inputs = self._session.get_inputs()
        takes_text = len(self._inputs) == 1 and self._inputs[0].type == "tensor(string)"
        if self.options.tokenizer:
            self._load_tokenizer(place)
        elif not takes_text:
            raise ConfigError(
                f"{place}.tokenizer: missing option: the model takes tokens, so it needs its tokenizer.json",
                param=f"{place}.tokenizer",
            )
        try:
            self._classify("A sentence to see whether it works.")
        except Unusable as error:
            raise ConfigError(f"{place}: {error}", param=place) from None

    def _load_tokenizer(self, place: str) -> None:
        try:
            from tokenizers import Tokenizer
        except ImportError:
            raise _missing(place) from None
        try:
            self._tokenizer = Tokenizer.from_file(self.options.tokenizer)
        except Exception as error:  # the library raises bare exceptions
            raise ConfigError(
                f"{place}.tokenizer: the file cannot be read ({type(error).__name__})", param=place
            ) from None
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(_MOST_TOKENS, stride=_OVERLAP_TOKENS)

    async def ask(self, question: Question) -> Judgement:
        loop = asyncio.get_running_loop()
        judged = [
            await loop.run_in_executor(self._thread, self._classify, text) for _, text in question.texts
        ]
        return worst(judged)

    async def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    # --- in the thread --------------------------------------------------------------------------------

    def _classify(self, text: str) -> Judgement:
        judged = []
        for given in self._given(text):
            try:
                outputs = self._session.run(None, given)
            except Exception as error:  # as above
                raise Unusable(f"the model failed ({type(error).__name__})") from None
            scores = self._probabilities(outputs)
            options = self.options
            judged.append(of_classes(self.rule, scores, options.classes, options.labels, options.threshold))
        return worst(judged)

    def _given(self, text: str) -> Iterator[dict[str, Any]]:
        """What the model is fed for each piece of the text."""
        array = self._numpy.array
        if self._tokenizer is None:
            shape = (1, 1) if len(self._inputs[0].shape or ()) == 2 else (1,)
            for piece in pieces(text):
                yield {self._inputs[0].name: array([piece], dtype=object).reshape(shape)}
            return
        encoded = self._tokenizer.encode(text)
        for window in (encoded, *encoded.overflowing):
            known = {
                "input_ids": window.ids,
                "attention_mask": window.attention_mask,
                "token_type_ids": window.type_ids,
            }
            given = {}
            for each in self._inputs:
                if each.name not in known:
                    raise Unusable(f"the model has an input that no tokenizer gives: {each.name}")
                number = "int32" if each.type == "tensor(int32)" else "int64"
                given[each.name] = array([known[each.name]], dtype=number)
            yield given

    def _probabilities(self, outputs: Sequence[Any]) -> list[float]:
        """The scores of the classes: the first output that holds a number for each."""
        for output in outputs:
            try:
                scores = [round(float(each), 6) for each in self._numpy.ravel(output)]
            except (TypeError, ValueError):  # labels, as some converters put first
                continue
            if len(scores) == len(self.options.classes) and all(map(math.isfinite, scores)):
                return scores if self.options.scores == "probabilities" else _softmax(scores)
        raise Unusable("the model has another number of classes than the configuration names")


def _softmax(logits: Sequence[float]) -> list[float]:
    """Of one logit: its sigmoid."""
    if len(logits) == 1:
        return [1 / (1 + math.exp(-max(-700.0, min(700.0, logits[0]))))]
    highest = max(logits)
    powers = [math.exp(each - highest) for each in logits]
    total = sum(powers)
    return [each / total for each in powers]


def _missing(place: str) -> ConfigError:
    return ConfigError(
        f"{place}.kind: ONNX models need more packages: pip install 'sluice-gateway[onnx]'",
        param=f"{place}.kind",
    )
