"""What was decided of a request, in one word.

In: a `Call` that is over. Metrics and the audit log say the same.
"""

from __future__ import annotations

from typing import Literal

from gateway.server.call import Call

Decision = Literal["allow", "flag", "redact", "block", "refuse"]
DECISIONS: tuple[Decision, ...] = ("allow", "flag", "redact", "block", "refuse")
_REFUSALS = ("authentication_error", "permission_error")


def decision(call: Call) -> Decision | None:
    """The strictest thing that was done; None where a request never got so far."""
    if call.error == "policy_violation":
        return "block"
    if call.error in _REFUSALS and call.source == "client":
        return "refuse"
    if call.entities is None:
        return None
    actions = {action for _, action in call.findings}
    if "redact" in actions or call.hidden or call.withheld:
        return "redact"
    return "flag" if actions or call.flagged else "allow"
