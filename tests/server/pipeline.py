"""A spaCy pipeline of a few sentences: small enough to train in a test, and it finds what they have taught it."""

from __future__ import annotations

import importlib
import random
from pathlib import Path
from typing import Any

PEOPLE = "Zorblatt Quimby,Ysolde Fenwright,Odo Brakspear,Mirela Tansy,Hroth Dunmere,Pell Varga".split(",")
PLACES = "Qarth Hollow,Umberfell,Lower Mizzle,Drumnadrock".split(",")
SAYINGS = (
    "{person} called from {place} this morning.",
    "Please tell {person} about it.",
    "The parcel for {person} is in {place}.",
    "Yesterday {person} and {other} went to {place} together.",
    "It was {person}.",
    "Nothing else happened there at all.",
    "Their card was refused, said {person}.",
    "Hello {person}",
)


def train(folder: Path) -> Path:
    """A pipeline that knows these people and places, in a folder."""
    spacy: Any = importlib.import_module("spacy")
    example: Any = importlib.import_module("spacy.training").Example
    chance = random.Random(1)
    spacy.util.fix_random_seed(1)
    pipeline = spacy.blank("en")
    pipeline.add_pipe("ner")
    examples = []
    for saying in SAYINGS * 12:
        person, other = chance.sample(PEOPLE, 2)
        values = {"person": person, "other": other, "place": chance.choice(PLACES)}
        text = saying.format(**values)
        spans = [
            (text.index(value), text.index(value) + len(value), "GPE" if name == "place" else "PERSON")
            for name, value in values.items()
            if value in text
        ]
        examples.append(example.from_dict(pipeline.make_doc(text), {"entities": spans}))
    optimizer = pipeline.initialize(lambda: examples)
    for _ in range(6):
        chance.shuffle(examples)
        for batch in spacy.util.minibatch(examples, size=8):
            pipeline.update(batch, sgd=optimizer)
    pipeline.to_disk(folder)
    return folder
