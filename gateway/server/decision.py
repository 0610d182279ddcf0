"""What was decided of a request, in one word.

In: a `Call` that is over. Metrics, the log and the audit log say the same.
"""

from __future__ import annotations

from typing import Literal

from gateway.server.call import Call

Decision = Literal["allow", "flag", "redact", "block", "refuse"]
DECISIONS: tuple[Decision, ...] = ("allow", "flag", "redact", "block", "refuse")
_REFUSALS = ("authentication_error", "permission_error")
_BLOCKS = ("policy_violation", "guard_unavailable", "model_unavailable")


def decision(call: Call) -> Decision | None:
    """The strictest thing that was done, either way; None where a request never got so far."""
    if call.error in _BLOCKS and call.source != "provider":
        return "block"
    if call.error in _REFUSALS and call.source == "client":
        return "refuse"
    if call.entities is None and call.decision is None:
        return None
    done = {call.decision, *(action for _, action in call.findings), *(it.decision for it in call.judgements)}
    if call.hidden or call.withheld:
        done.add("redact")
    if call.flagged:
        done.add("flag")
    return next((each for each in ("block", "redact", "flag") if each in done), "allow")
