"""A spaCy pipeline in a process of its own: `python -m gateway.server.spacy_worker PATH`.

In: one JSON array of texts a line. Out: one JSON line each, for every text its `[start, end, label]`; before
the first the line `{"labels": […]}`, or `{"missing": …}` where spaCy is not installed, `{"error": …}` where
the pipeline cannot be loaded. It ends with its input, so that it never outlives the gateway.
"""

from __future__ import annotations

import importlib
import signal
import sys
from collections.abc import Iterable
from typing import Any

import msgspec


def main(path: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the gateway, which closes our input
    out = sys.stdout.buffer
    sys.stdout = sys.stderr  # a pipeline that prints must not be taken for an answer

    def say(what: Any) -> None:
        out.write(msgspec.json.encode(what) + b"\n")
        out.flush()

    try:
        spacy: Any = importlib.import_module("spacy")
    except ImportError as error:
        say({"missing": error.name or "spacy"})
        return
    try:
        pipeline = spacy.load(path)
        labels = [label for name in pipeline.pipe_names for label in _labels(pipeline, name)]
    except Exception as error:  # whatever a pipeline's own code raises
        say({"error": f"{type(error).__name__}: {error}"})
        return
    say({"labels": labels})
    for line in sys.stdin.buffer:
        docs = pipeline.pipe(msgspec.json.decode(line, type=list[str]))
        say([[(each.start_char, each.end_char, each.label_) for each in doc.ents] for doc in docs])


def _labels(pipeline: Any, name: str) -> Iterable[str]:
    """What a component may call an entity. A tagger has labels too, which are no entities'."""
    if "doc.ents" in pipeline.get_pipe_meta(name).assigns:
        return tuple(getattr(pipeline.get_pipe(name), "labels", ()))
    return ()


if __name__ == "__main__":
    main(sys.argv[1])
