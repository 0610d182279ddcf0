"""The request to a provider: where it goes, with whose key, in whose words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from gateway.access.keys import Caller
from gateway.config import Provider
from gateway.conversation import ChatRequest
from gateway.dialects.dialect import Dialect, Target
from gateway.dialects.registry import DIALECTS
from gateway.errors import AuthenticationFailed, NotFound
from gateway.providers import catalog, endpoints
from gateway.server import headers
from gateway.server.call import Exchange, Gateway
from gateway.server.routing import Candidate


class Outgoing(Struct):
    provider: Provider
    dialect: Dialect
    url: str
    headers: list[tuple[str, str]]
    body: bytes

    async def send(self, gateway: Gateway) -> Exchange:
        sent = self.headers
        authentication = gateway.authentications.get(self.provider.name)
        if authentication is not None and not any(name == "authorization" for name, _ in sent):
            sent = [*sent, *await authentication.headers_for("POST", self.url, sent, self.body)]
        return await gateway.upstream.send(self.url, sent, self.body, self.provider.timeouts)


def prepare(
    chat: ChatRequest,
    client: Dialect,
    caller: Caller,
    sent: Mapping[str, str],
    suffix: str,
    candidate: Candidate,
    own: Sequence[tuple[str, str]] = (),
) -> Outgoing:
    """The request in the dialect that the provider speaks, the client's if it can.

    `sent` are the client's headers, `own` the gateway's; `suffix` goes behind the URL, for what only the
    client's own dialect has.
    Leaves `chat` as it is, for the next candidate. Raises InvalidRequest for what that dialect cannot say.
    """
    provider, model = candidate.provider, candidate.model
    row = provider.row
    name = endpoints.dialect_for(row, provider.dialect, client.name, model)
    dialect = DIALECTS[name]
    target = Target(model, chat.stream, ask_usage=row.usage_in_stream, provider=row.name)
    is_same = dialect.name == client.name
    if suffix and not is_same:
        raise NotFound("the provider of that model has no such operation")
    body = dialect.forward(chat, target) if is_same else dialect.write(client.read(chat), target)
    passed = headers.forwarded(sent, row.site)
    defaults = dialect.headers
    if defaults:
        given = {name for name, _ in passed} | {name.lower() for name in provider.headers}
        defaults = tuple(each for each in defaults if each[0] not in given)
    return Outgoing(
        provider=provider,
        dialect=dialect,
        url=endpoints.url_for(row, provider, name, model, chat.stream) + suffix,
        headers=[
            ("content-type", "application/json"),
            ("accept", dialect.stream_type if chat.stream else "application/json"),
            *defaults,
            *_credential(caller, candidate, row),
            *provider.headers.items(),
            *passed,
            *own,
        ],
        body=body,
    )


def _credential(caller: Caller, candidate: Candidate, row: catalog.Row) -> list[tuple[str, str]]:
    """The provider's key: the caller's own, else the configuration's. A local server may need none."""
    provider = candidate.provider
    keys = provider.keys
    secret = caller.provider_credential or (keys[candidate.key].reveal() if keys else None)
    if secret is None:
        if row.auth in ("aws", "google"):
            return []  # signed, or given a token, when it is sent
        if row.needs_key:
            raise AuthenticationFailed(
                f"no API key for provider {provider.name}: set api_key in its [[providers]] table, "
                "or send yours as X-Provider-API-Key"
            )
        return []
    if row.auth in ("bearer", "aws", "google"):
        return [("authorization", f"Bearer {secret}")]
    return [(row.auth, secret)]
