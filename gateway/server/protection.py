"""How one request is protected: its policy, made stricter as its headers ask, as rules for both directions.

What a policy amounts to is worked out once and kept; the policies of a configuration, when the gateway
starts.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from gateway.access.keys import Caller
from gateway.config import Config
from gateway.errors import InvalidRequest
from gateway.guard.limits import Limits, floors
from gateway.guard.policy import Policy, Wishes, applying, choose
from gateway.privacy import custom
from gateway.privacy.actions import IN_ANSWERS, IN_REQUESTS, Actions, actions, adding
from gateway.privacy.entities import UnknownEntity
from gateway.privacy.redact import answer_scan, redact_request, restore_body
from gateway.privacy.remembered import Kept, Remembered
from gateway.privacy.vault import Vault

# Hashes and lasting ids are keyed with it where the configuration gives no key: they last until the restart.
_OF_THIS_PROCESS = secrets.token_bytes(32)


# What a request's headers ask for, the policies that its key lists, and whether it may ask for less.
_Choice = tuple[Wishes, tuple[str, ...], bool]
_MOST_CHOICES = 256


class Protection(Struct, frozen=True):
    policy: Policy
    request: Actions
    answer: Actions
    limits: Limits
    remembered: Remembered

    def vault(self, secret: bytes | None, tenant: str, *, lasting: bool = False) -> Vault:
        """A new vault. `lasting` asks for ids that mean the same in the tenant's later requests."""
        key = b""
        if lasting or self.policy.format == "hash":
            key = hmac.digest(secret or _OF_THIS_PROCESS, tenant.encode(), hashlib.sha256)
        made = Vault(self.policy.format, key=key, stable_key=key if lasting else None)
        if self.policy.restore_hosts:
            made.hosts |= {host.lower() for host in self.policy.restore_hosts}
        return made


class Protections:
    """The policies of a configuration, and what requests made of them."""

    def __init__(self, config: Config) -> None:
        self._prefix = config.server.header_prefix
        self._policies = {"default": Policy("default"), **{each.name: each for each in config.policies}}
        self._all = tuple(self._policies)
        self._chosen: dict[_Choice, Protection] = {}
        self._scanned: dict[bytes, Kept] = {}
        self._one_at_a_time = asyncio.Lock()
        for name in self._all:
            self._choose((Wishes(policy=name), (name,), False))
        self.floors = floors(each.limits for each in self._chosen.values())

    @property
    def first(self) -> Protection:
        return next(iter(self._chosen.values()))

    async def of(self, headers: Mapping[str, str], caller: Caller, model: str, path: str) -> Protection:
        """The protection of a request for a model, at a path.

        Raises PermissionDenied and InvalidRequest, with the header in `param`.
        """
        wishes = Wishes(
            policy=headers.get(f"{self._prefix}-Policy", "").strip(),
            mode=headers.get(f"{self._prefix}-Mode", "").strip().lower(),
            format=headers.get(f"{self._prefix}-Format", "").strip().lower(),
            entities=headers.get(f"{self._prefix}-Entities", "").strip(),
        )
        listed, may_loosen = self._all, False  # without keys, everyone on this machine
        if caller.key is not None:
            listed, may_loosen = tuple(caller.key.policies), caller.key.may_loosen
        if not wishes.policy:
            wishes = replace(wishes, policy=applying(self._policies, listed, model, path))
        choice = (wishes, listed, may_loosen)
        if (known := self._chosen.get(choice)) is not None:
            return known
        # A set of entities that nobody has asked for takes a second to compile.
        async with self._one_at_a_time:
            if (known := self._chosen.get(choice)) is None:
                known = await asyncio.to_thread(self._choose, choice)
            return known

    def _choose(self, choice: _Choice) -> Protection:
        wishes, listed, may_loosen = choice
        policy = choose(wishes, self._policies, listed, may_loosen, self._prefix)
        try:
            if asked := [each.strip() for each in wishes.entities.split(",") if each.strip()]:
                own = {*policy.deny, *policy.patterns}
                policy = replace(policy, request=adding(policy.request, asked, own))
            known = next((each for each in self._chosen.values() if each.policy == policy), None)
            made = protection(policy, self._scanned) if known is None else known
        except UnknownEntity as error:
            raise InvalidRequest(str(error), param=f"{self._prefix}-Entities") from None
        while len(self._chosen) >= _MOST_CHOICES:
            del self._chosen[next(iter(self._chosen))]
        self._chosen[choice] = made
        return made


def protection(policy: Policy, scanned: dict[bytes, Kept] | None = None) -> Protection:
    """What a policy amounts to; `scanned` is what its requests remember, together with others'.

    Raises UnknownEntity, and ConfigError for a pattern that cannot be used.
    """
    monitor = policy.enforcement == "monitor"
    own = custom.rows(policy.deny, policy.patterns)
    allowed = custom.allowed(policy.allow, policy.allow_patterns)
    request = actions(policy.request, IN_REQUESTS, monitor=monitor, more=own, allowed=allowed)
    answer = actions(policy.answer, IN_ANSWERS, monitor=monitor, more=own, allowed=allowed)
    # Else the first text that needs a pattern would compile it, and all streams wait.
    for rules in (request.acting, request.flagged, answer.both):
        rules.warm()
    scan = answer_scan(Vault(), answer)
    scan.plan.warm()
    redact_request({}, lambda *_: "text", Vault(), policy=request)
    restore_body({"text": "text"}, lambda *_: "text", scan)
    remembered = Remembered(request, secrets.token_bytes(32), {} if scanned is None else scanned)
    return Protection(policy, request, answer, Limits(policy.threats, policy.tools, monitor), remembered)
