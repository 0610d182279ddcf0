"""What the strings of a dialect's bodies are, by where they stand.

In: a dialect's lists of paths. Out: a function from a path to a nature. `*` in a path is an index, `**` at
its end everything below, itself included. What no list names is text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from gateway.chat import Nature, Path


def classifier(
    keep: Iterable[str],
    json: Iterable[str] = (),
    sniff: Iterable[str] = (),
    signed: Iterable[str] = (),
) -> Callable[[Path, str], Nature]:
    """Each argument lists the paths of its nature; a `data:` URL is never text."""
    natures: dict[str, Nature] = {}
    below: dict[str, Nature] = {}
    lists: tuple[tuple[Iterable[str], Nature], ...] = (
        (sniff, "sniff"),
        (json, "json"),
        (signed, "signed"),
        (keep, "keep"),
    )
    for paths, nature in lists:
        for path in paths:
            if path.endswith(".**"):
                below[path[:-3]] = natures[path[:-3]] = nature
            else:
                natures[path] = nature

    def classify(path: Path, text: str = "") -> Nature:
        dotted = ""
        for step in path:
            # A caller's own key cannot pass for a path of ours.
            name = "*" if isinstance(step, int) else step if step != "*" and "." not in step else "?"
            dotted = f"{dotted}.{name}" if dotted else name
            if dotted in below:
                return below[dotted]
        if (nature := natures.get(dotted)) is not None:
            return nature
        return "keep" if text.startswith("data:") and _is_url(path) else "text"

    return classify


def _is_url(path: Path) -> bool:
    return bool(path) and path[-1] in ("url", "image_url", "file_url")


def names(*paths: Iterable[str]) -> frozenset[str]:
    """The field names that paths are made of."""
    return frozenset(name for group in paths for path in group for name in path.split("."))
