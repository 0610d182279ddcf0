"""What finds entities in a text: our rules, and Presidio's recognizers by pattern.

Presidio runs as it comes, with every predefined recognizer that needs no model: all countries', in any
language, and its context words looked for among spaCy's tokens, in lower case. It is not in the lock file;
where it is not installed, it is left out.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterator
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from benchmarks.accuracy import Found
from gateway import __version__
from gateway.privacy import findings
from gateway.privacy.entities import ENTITIES
from gateway.privacy.rules import compile_rules

Detect = Callable[[str], list[Found]]


def sluice() -> tuple[str, Detect]:
    """Our rules, their name and version first."""
    rules = compile_rules(ENTITIES)
    rules.warm()  # as a gateway does before it serves

    def detect(text: str) -> list[Found]:
        return [
            Found(span.start, span.end, span.entity.name, span.entity.score)
            for span in findings.find_all(text, rules)
        ]

    return f"Sluice {__version__}", detect


def has_presidio() -> bool:
    return find_spec("presidio_analyzer") is not None


def presidio() -> tuple[str, Detect]:
    """Presidio's recognizers by pattern, their name and version first. It must be installed."""
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from tldextract import TLDExtract, tldextract

    # It would download the list of public suffixes; the one that it brings along is the same every day.
    tldextract.TLD_EXTRACTOR = TLDExtract(suffix_list_urls=())

    logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
    registry = RecognizerRegistry(recognizers=list(_recognizers()), supported_languages=["en"])
    engine = AnalyzerEngine(registry=registry, nlp_engine=_tokens_only(), supported_languages=["en"])

    def detect(text: str) -> list[Found]:
        return [
            Found(each.start, each.end, each.entity_type, each.score)
            for each in engine.analyze(text, language="en")
        ]

    return f"Presidio {version('presidio-analyzer')}", detect


def _recognizers() -> Iterator[Any]:
    """Every predefined recognizer that works by patterns, for texts of any language."""
    from presidio_analyzer import PatternRecognizer, predefined_recognizers

    for name in sorted(vars(predefined_recognizers)):
        kind = getattr(predefined_recognizers, name)
        if inspect.isclass(kind) and (
            (issubclass(kind, PatternRecognizer) and kind is not PatternRecognizer)
            or name == "PhoneRecognizer"
        ):
            recognizer: Any = kind()
            recognizer.supported_language = "en"
            yield recognizer


def _tokens_only() -> Any:
    """spaCy's tokenizer, stop words and punctuation, without a model that must be downloaded."""
    import spacy
    from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine

    class Tokens(NlpEngine):
        def __init__(self) -> None:
            self.nlp = spacy.blank("en")

        def load(self) -> None:
            """Nothing to load."""

        def is_loaded(self) -> bool:
            return True

        def process_text(self, text: str, language: str) -> Any:
            tokens = self.nlp(text)
            lemmas = [token.text.lower() for token in tokens]
            return NlpArtifacts([], tokens, [token.idx for token in tokens], lemmas, self, language)

        def process_batch(self, texts: Any, language: str, *_: Any, **__: Any) -> Iterator[Any]:
            return ((text, self.process_text(text, language)) for text in texts)

        def is_stopword(self, word: str, language: str) -> bool:
            return bool(self.nlp.vocab[word].is_stop)

        def is_punct(self, word: str, language: str) -> bool:
            return bool(self.nlp.vocab[word].is_punct)

        def get_supported_entities(self) -> list[str]:
            return []

        def get_supported_languages(self) -> list[str]:
            return ["en"]

    return Tokens()
