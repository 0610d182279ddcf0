"""What an answer's events say beside its lanes: sources, token probabilities, items of one dialect only, and
the stop sequence that was met.
"""

from __future__ import annotations

from gateway.chat import Annotation, Extra, Finish, Logprobs
from gateway.dialects.dialect import Classify, Dialect
from gateway.privacy.redact import restore_body
from gateway.privacy.scanner import Scan
from gateway.stream.lanes import Lanes


def made_safe(
    event: Annotation | Logprobs | Extra | Finish,
    lanes: Lanes,
    scan: Scan,
    provider: Dialect,
    classify: Classify,
) -> bool:
    """Redact and restore what an event says in its own fields; whether it can still be said."""
    if isinstance(event, Extra):
        restore_body(event.data, classify, scan, provider.field_names)
        return True
    if isinstance(event, Finish):
        if event.stop_sequence:
            met = {"stop_sequence": event.stop_sequence}
            restore_body(met, classify, scan)
            event.stop_sequence = met["stop_sequence"]
        return True
    state = lanes.open.get(event.lane)
    changed = state is not None and (state.changed or bool(state.pieces))
    if isinstance(event, Logprobs):
        return not changed  # they spell out the text as the provider wrote it
    said = {"url": event.url, "title": event.title, "quote": event.quote}
    restore_body(said, classify, scan)
    event.url, event.title, event.quote = said["url"], said["title"], said["quote"]
    if changed:
        event.start = event.end = -1
    return True
