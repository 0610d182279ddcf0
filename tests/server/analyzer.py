"""A Presidio analyzer as its own service offers it: `python analyzer.py PIPELINE` prints its port and serves.

The real engine behind the documented `POST /analyze`, without the recognizers that are patterns: rules are
the gateway's own part, and one of them asks the network for a list of domains.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

from aiohttp import web


def application(pipeline: str) -> web.Application:
    presidio: Any = importlib.import_module("presidio_analyzer")
    nlp: Any = importlib.import_module("presidio_analyzer.nlp_engine")
    recognizers: Any = importlib.import_module("presidio_analyzer.predefined_recognizers")
    models = [{"lang_code": "en", "model_name": pipeline}]
    engine = nlp.NlpEngineProvider(
        nlp_configuration={"nlp_engine_name": "spacy", "models": models}
    ).create_engine()
    registry = presidio.RecognizerRegistry(recognizers=[recognizers.SpacyRecognizer()])
    analyzer = presidio.AnalyzerEngine(registry=registry, nlp_engine=engine)

    async def analyze(request: web.Request) -> web.Response:
        asked = await request.json()
        found = analyzer.analyze(text=asked["text"], language=asked["language"])
        return web.json_response([each.to_dict() for each in found])

    app = web.Application()
    app.router.add_post("/analyze", analyze)
    return app


async def _announce(app: web.Application) -> web.AppRunner:
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    return runner


if __name__ == "__main__":
    import asyncio

    loop = asyncio.new_event_loop()
    loop.run_until_complete(_announce(application(sys.argv[1])))
    loop.run_forever()
