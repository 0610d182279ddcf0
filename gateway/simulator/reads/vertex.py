"""What every request to Vertex AI needs, whoever's model it names."""

from __future__ import annotations

from gateway.simulator.asked import Incoming, Refused


def authorize(incoming: Incoming) -> None:
    """An access token, or an API key in express mode."""
    bearer = incoming.headers.get("authorization", "").startswith("Bearer ")
    if not (bearer or incoming.headers.get("x-goog-api-key") or incoming.query.get("key")):
        raise Refused(
            "Request is missing required authentication credential. Expected OAuth 2 access token, "
            "login cookie or other valid authentication credential. See "
            "https://developers.google.com/identity/sign-in/web/devconsole-project.",
            401,
        )


def unknown(incoming: Incoming) -> Refused:
    name = incoming.path.partition("/projects/")[2].rpartition("/")[0]
    name = f"projects/{name}/{incoming.model.partition('?')[0]}"
    return Refused(f"Publisher Model `{name}` not found.", 404)
