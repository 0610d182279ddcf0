"""Named-entity models of the user's: loading them, and having them read without holding up the loop.

A spaCy pipeline runs in a process of its own (`spacy_worker`), a Presidio analyzer is asked over HTTP. Texts
in, our findings out. A model that fails or takes too long raises ModelUnavailable; what is done then is the
configuration's choice. No text gets into a message, a log or a cache: what is remembered between requests is
where something was found, under a keyed digest of the text.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import secrets
import sys
from asyncio.subprocess import PIPE, Process
from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from typing import Protocol

import aiohttp
import msgspec

from gateway.config import Model
from gateway.errors import ConfigError, InvalidRequest, ModelUnavailable
from gateway.privacy.entities import UnknownEntity
from gateway.privacy.model import Finding, meaning
from gateway.server import metrics

# What a model calls something: code points from and to, its label, how sure it is.
Raw = tuple[int, int, str, float]

# Loading a large pipeline from a cold disk takes this long at most.
_LOADING_S = 120.0
# Texts for a model are sent so many characters at a time: others get their turn in between.
_BATCH = 32_000
_LARGEST_ANSWER_BYTES = 16 << 20
_REMEMBERED = 4096
_AT_A_TIME = 8


class Asked(Protocol):
    """Something that reads texts."""

    async def ask(self, texts: Sequence[str]) -> list[list[Raw]]: ...

    async def close(self) -> None: ...


class Reader:
    """The configured model."""

    def __init__(self, options: Model, model: Asked) -> None:
        self.options = options
        self._model = model
        self._key = secrets.token_bytes(16)
        self._remembered: OrderedDict[bytes, list[Finding]] = OrderedDict()

    @property
    def shows_raw(self) -> bool:
        """May the model see what the rules hide? One in a process of ours may."""
        return self.options.kind == "spacy" or self.options.send_raw

    async def read(self, texts: Iterable[str]) -> dict[str, list[Finding]]:
        """What the model finds in each text.

        Raises ModelUnavailable, unless `on_error` is "rules": then what could not be read holds nothing.
        """
        found: dict[str, list[Finding]] = {}
        unknown: list[str] = []
        for text in dict.fromkeys(texts):
            known = self._remembered.get(digest := self._digest(text))
            if known is None:
                unknown.append(text)
            else:
                self._remembered.move_to_end(digest)
                found[text] = known
        try:
            async with asyncio.timeout(self.options.timeout_s):
                for batch in _batches(unknown):
                    found.update(zip(batch, await self._ask(batch), strict=True))
        except (ModelUnavailable, TimeoutError) as error:
            metrics.CHECK_FAILURES.labels("model").inc()
            if self.options.on_error == "refuse":
                if isinstance(error, TimeoutError):
                    raise ModelUnavailable("the model has not answered in time") from None
                raise
            metrics.bypass("model")
            return {**{text: [] for text in unknown}, **found}
        return found

    async def _ask(self, texts: Sequence[str]) -> list[list[Finding]]:
        answers = []
        for text, raw in zip(texts, await self._model.ask(texts), strict=True):
            findings = list(self._ours(text, raw))
            self._remembered[self._digest(text)] = findings
            answers.append(findings)
        while len(self._remembered) > _REMEMBERED:
            self._remembered.popitem(last=False)
        return answers

    def _ours(self, text: str, raw: Iterable[Raw]) -> Iterable[Finding]:
        for start, end, label, score in raw:
            if not 0 <= start < end <= len(text):
                raise ModelUnavailable("the model found something outside the text it was given")
            if score < self.options.min_score:
                continue
            try:
                name = meaning(label, self.options.labels)
            except UnknownEntity as error:
                raise ModelUnavailable(
                    f"[model.labels] must say what the model's label means: {error}"
                ) from None
            if name is not None:
                yield Finding(start, end, name, score)

    def _digest(self, text: str) -> bytes:
        return hashlib.blake2b(text.encode(errors="surrogatepass"), key=self._key, digest_size=16).digest()

    async def close(self) -> None:
        await self._model.close()


def _batches(texts: Sequence[str]) -> Iterable[list[str]]:
    batch: list[str] = []
    size = 0
    for text in texts:
        if batch and size + len(text) > _BATCH:
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += len(text)
    if batch:
        yield batch


def required(model: Reader | None) -> Reader:
    """The model that a policy or a header asks for. Raises InvalidRequest if none is configured."""
    if model is None:
        raise InvalidRequest("this detection mode needs a model, and none is configured", param="mode")
    return model


async def load(options: Model) -> Reader:
    """The model, ready to read. Raises ConfigError if it cannot be."""
    if options.kind == "presidio":
        return Reader(options, Presidio(options))
    model = Spacy(options)
    await model.start()
    return Reader(options, model)


class Spacy:
    """A pipeline in a process beside this one, which is started again should it die."""

    def __init__(self, options: Model) -> None:
        self._options = options
        self._process: Process | None = None
        self._listening: asyncio.Task[None] | None = None
        self._waiting: deque[asyncio.Future[bytes]] = deque()  # for one line each, in the order asked
        self._starting = asyncio.Lock()

    async def start(self) -> None:
        """Raises ConfigError."""
        path = self._options.path
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway.server.spacy_worker", path),
            stdin=PIPE,
            stdout=PIPE,
            limit=_LARGEST_ANSWER_BYTES,
            # It runs this gateway's code, wherever the service was started.
            env={**os.environ, "PYTHONPATH": os.pathsep.join(each or os.getcwd() for each in sys.path)},
        )
        self._process = process
        assert process.stdout is not None
        try:
            async with asyncio.timeout(_LOADING_S):
                line = await process.stdout.readline()
            _check(msgspec.json.decode(line, type=dict[str, str | list[str]]), self._options)
        except BaseException as error:
            await self.close()
            if isinstance(error, msgspec.DecodeError | TimeoutError):
                raise ConfigError(
                    f"model.path: {path} cannot be loaded: its process ended or took too long",
                    param="model.path",
                ) from None
            raise
        self._listening = asyncio.create_task(self._listen(process.stdout))

    async def ask(self, texts: Sequence[str]) -> list[list[Raw]]:
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        try:
            async with self._starting:
                dead = self._process is None or self._process.returncode is not None
                if dead or self._listening is None or self._listening.done():
                    await self.close()
                    await self.start()
            assert self._process is not None
            assert self._process.stdin is not None
            self._waiting.append(answer)
            self._process.stdin.write(msgspec.json.encode(texts) + b"\n")
            await self._process.stdin.drain()
            found = msgspec.json.decode(await answer, type=list[list[tuple[int, int, str]]])
        except (
            ConfigError,
            OSError,
            RuntimeError,
            msgspec.DecodeError,
        ):  # uvloop: a closed pipe is the third
            raise ModelUnavailable("the model's process has failed") from None
        return [[(start, end, label, 1.0) for start, end, label in each] for each in found]

    async def _listen(self, stdout: asyncio.StreamReader) -> None:
        """Give each line to who waits for it; nobody may be waiting any more."""
        with contextlib.suppress(ValueError):  # a line that is too long
            while line := await stdout.readline():
                answer = self._waiting.popleft()
                if not answer.done():
                    answer.set_result(line)
        waiting, self._waiting = self._waiting, deque()
        for answer in waiting:
            if not answer.done():
                answer.set_result(b"")

    async def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            if process.returncode is None:
                process.kill()
            await process.wait()
        if self._listening is not None:
            await self._listening


def _check(said: dict[str, str | list[str]], options: Model) -> None:
    """What the worker says first. Raises ConfigError if the pipeline cannot be used."""
    if "missing" in said:
        raise ConfigError(
            "model.kind: spaCy is not installed: pip install 'sluice-gateway[spacy]'", param="model.kind"
        )
    if "error" in said:
        raise ConfigError(f"model.path: {options.path} cannot be loaded: {said['error']}", param="model.path")
    for label in said["labels"]:
        try:
            meaning(label, options.labels)
        except UnknownEntity as error:
            raise ConfigError(
                f'model.labels: say what this label of the pipeline stands for, or "" for nothing: {error}',
                param="model.labels",
            ) from None


class Presidio:
    """An analyzer over HTTP: `POST /analyze`, https://microsoft.github.io/presidio/api-docs/api-docs.html."""

    def __init__(self, options: Model) -> None:
        self._url = options.url.rstrip("/") + "/analyze"
        self._language = options.language
        self._at_a_time = asyncio.Semaphore(_AT_A_TIME)
        self._session: aiohttp.ClientSession | None = None

    async def ask(self, texts: Sequence[str]) -> list[list[Raw]]:
        asked = [asyncio.ensure_future(self._ask(text)) for text in texts]
        try:
            return await asyncio.gather(*asked)
        finally:
            for each in asked:
                each.cancel()

    async def _ask(self, text: str) -> list[Raw]:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        body = msgspec.json.encode({"text": text, "language": self._language})
        headers = {"Content-Type": "application/json"}
        try:
            async with (
                self._at_a_time,
                self._session.post(self._url, data=body, headers=headers, allow_redirects=False) as response,
            ):
                if response.status != 200:
                    raise ModelUnavailable(f"the analyzer answered with status {response.status}")
                raw = bytearray()
                async for data in response.content.iter_chunked(1 << 16):
                    raw += data
                    if len(raw) > _LARGEST_ANSWER_BYTES:
                        raise ModelUnavailable("the analyzer's answer is too long")
                found = msgspec.json.decode(raw, type=list[_Recognized])
        except (aiohttp.ClientError, OSError):
            raise ModelUnavailable("the analyzer cannot be reached") from None
        except msgspec.DecodeError:
            raise ModelUnavailable("what the analyzer answered is not what one answers") from None
        return [(each.start, each.end, each.entity_type, each.score) for each in found]

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


class _Recognized(msgspec.Struct):
    """A RecognizerResult; what else it says is for people."""

    entity_type: str
    start: int
    end: int
    score: float
