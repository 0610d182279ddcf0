"""A real spaCy pipeline in its process and a real Presidio analyzer beside it, behind a running gateway."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from gateway.config import Model
from gateway.errors import ConfigError, ModelUnavailable
from gateway.guard.policy import Policy
from gateway.server import models
from tests.server import pipeline
from tests.server.conftest import Start
from tests.server.counting import Counted
from tests.server.running import asking, saying, serving

TEXT = "It was Zorblatt Quimby, mail zq@example.com."
SAID = "Please tell Odo Brakspear about it. The parcel for Zuvi Trandel is in Umberfell."


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pipeline.train(tmp_path_factory.mktemp("pipeline") / "ner")


@pytest.fixture(scope="session")
def analyzer(trained: Path) -> Iterator[str]:
    """A Presidio analyzer's URL."""
    command = [sys.executable, str(Path(__file__).with_name("analyzer.py")), str(trained)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        assert port
        yield f"http://127.0.0.1:{port}"
        process.kill()


@contextlib.asynccontextmanager
async def reading(options: Model) -> AsyncIterator[models.Reader]:
    reader = await models.load(options)
    yield reader
    await reader.close()


@pytest.fixture(params=["spacy", "presidio"])
def model(request: pytest.FixtureRequest, trained: Path) -> Model:
    if request.param == "spacy":
        return Model(kind="spacy", path=str(trained))
    return Model(kind="presidio", url=request.getfixturevalue("analyzer"))


def policies(detection: Any, **answer: Any) -> list[Policy]:
    return [Policy("default", detection=detection, answer=answer)]


async def test_each_mode_protects_what_it_says(start: Start, model: Model) -> None:
    """All in one gateway a way: a model takes a second to load."""
    pair = await start(model=model, policies=policies("real-time", PERSON="redact"))
    prompts = {}
    for mode in ("real-time", "balanced", "thorough"):
        answer = await pair.post(asking("sim:echo", TEXT), headers=[("X-Sluice-Mode", mode)])
        assert "Zorblatt Quimby" in text_of(answer.events)  # restored, or never hidden
        prompts[mode] = pair.saw["messages"][0]["content"]
    assert prompts["real-time"] == "It was Zorblatt Quimby, mail [EMAIL_1]."
    assert prompts["balanced"] == prompts["thorough"] == "It was [PERSON_1], mail [EMAIL_1]."

    hidden = "Please tell [PERSON] about it. The parcel for [PERSON] is in Umberfell."
    for mode, expected in (("balanced", SAID), ("thorough", hidden)):
        headers = [("X-Sluice-Mode", mode)]
        streamed = await pair.post(asking(saying(SAID)), headers=headers)
        assert text_of(streamed.events) == expected
        assert streamed.events[-1]["choices"][0]["finish_reason"] == "stop"
        whole = await pair.post(asking(saying(SAID), stream=False), headers=headers)
        assert whole.json()["choices"][0]["message"]["content"] == expected


def text_of(events: list[Any]) -> str:
    return "".join(choice["delta"].get("content") or "" for each in events for choice in each["choices"])


async def test_a_gateway_without_a_model_refuses_the_modes_that_need_one(start: Start) -> None:
    pair = await start()
    answer = await pair.post(asking("sim:echo"), headers=[("X-Sluice-Mode", "balanced")])
    assert answer.status == 400
    assert "needs a model" in answer.error["message"]
    assert pair.simulator.requests == []


# --- what goes wrong --------------------------------------------------------------------------------------


async def test_a_pipeline_that_is_not_there_is_a_mistake_of_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be loaded"):
        await models.load(Model(kind="spacy", path=str(tmp_path)))


async def test_without_spacy_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "spacy.py").write_text("raise ModuleNotFoundError('No module named spacy', name='spacy')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match=r"pip install 'sluice-gateway\[spacy\]'"):
        await models.load(Model(kind="spacy", path="en"))


async def test_a_process_that_died_is_started_again(trained: Path) -> None:
    async with reading(Model(kind="spacy", path=str(trained), timeout_s=50)) as reader:
        first = await reader.read(["It was Odo Brakspear."])
        assert [each.name for each in first["It was Odo Brakspear."]] == ["PERSON"]
        spacy: Any = reader._model
        process = spacy._process
        process.kill()
        await process.wait()
        assert (await reader.read(["Hello Pell Varga"]))["Hello Pell Varga"]


async def test_a_label_that_nobody_explains_is_refused_and_one_that_is_nothing_is_not(trained: Path) -> None:
    with pytest.raises(ConfigError, match=r"model\.labels"):
        await models.load(Model(kind="spacy", path=str(trained), labels={"GPE": "no such thing"}))
    async with reading(Model(kind="spacy", path=str(trained), labels={"PERSON": ""})) as reader:
        (found,) = (await reader.read([SAID])).values()
        assert {each.name for each in found} == {"LOCATION"}


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ((500, "[]"), "status 500"),
        ((200, "<html>"), "not what one answers"),
        ((200, '[{"entity_type": "PERSON", "start": 3, "end": 900, "score": 1}]'), "outside the text"),
        ((200, '[{"entity_type": "SHOE_SIZE", "start": 0, "end": 2, "score": 1}]'), "SHOE_SIZE"),
        (None, "not answered in time"),
    ],
)
async def test_an_analyzer_that_fails_refuses_or_leaves_it_to_the_rules(
    said: tuple[int, str] | None, what: str, counted: Counted
) -> None:
    async def respond(request: web.Request) -> web.Response:
        if said is None:
            await asyncio.sleep(30)
            raise AssertionError
        return web.Response(status=said[0], text=said[1])

    async with serving(respond) as url:
        async with reading(Model(kind="presidio", url=url, timeout_s=0.5)) as reader:
            with pytest.raises(ModelUnavailable, match=what):
                await reader.read(["something"])
        lenient = Model(kind="presidio", url=url, timeout_s=0.5, on_error="rules")
        async with reading(lenient) as reader:
            assert await reader.read(["something"]) == {"something": []}
        assert counted("check_failures_total", check="model") == 2
        assert counted("bypasses_total", reason="model") == 1


async def test_a_model_that_fails_refuses_the_request_and_ends_the_answer(start: Start) -> None:
    asked = 0

    async def respond(request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.Response(text="[]", status=200 if asked <= working else 500)

    async with serving(respond) as url:
        pair = await start(model=Model(kind="presidio", url=url), policies=policies("thorough"))
        working = 0
        refused = await pair.post(asking("sim:echo", "Some words."))
        assert (refused.status, refused.error["type"]) == (503, "model_unavailable")
        assert pair.simulator.requests == []
        working = asked + 1
        cut = await pair.post(asking(saying(SAID), "Other words."))
        assert cut.stream_error["type"] == "model_unavailable"
        assert text_of(cut.events[:-1]) == ""


async def test_what_rules_hide_is_not_shown_to_an_analyzer() -> None:
    """Nor is anything asked twice."""
    shown: list[str] = []

    async def respond(request: web.Request) -> web.Response:
        shown.append((await request.json())["text"])
        return web.json_response([])

    from gateway.privacy.redact import in_requests
    from gateway.server.reading import look_ahead

    async with serving(respond) as url, reading(Model(kind="presidio", url=url)) as reader:
        body = {"a": [TEXT, TEXT], "b": '{"mail": "zq@example.com", "n": "Pell"}', "c": "12 !"}
        nature = {"b": "json"}
        for _ in range(2):
            await look_ahead(
                body,
                lambda path, _: nature.get(str(path[0]), "text"),  # type: ignore[arg-type,return-value]
                in_requests(),
                reader,
                0,
            )
    assert sorted(shown) == ["It was Zorblatt Quimby, mail XXXXXXXXXXXXXX.", "Pell", "XXXXXXXXXXXXXX"]
