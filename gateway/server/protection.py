"""How one request is protected: its policy, made stricter as its headers ask, as rules for both directions.

What a policy amounts to is worked out once and kept; the policies of a configuration, when the gateway
starts.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from functools import lru_cache

from msgspec import Struct

from gateway.access.keys import Caller
from gateway.config import Config
from gateway.errors import InvalidRequest
from gateway.guard.policy import Policy, Wishes, choose
from gateway.privacy import custom
from gateway.privacy.actions import IN_ANSWERS, IN_REQUESTS, Actions, actions
from gateway.privacy.entities import UnknownEntity
from gateway.privacy.redact import answer_scan
from gateway.privacy.vault import Vault

# Hashes and lasting ids are keyed with it where the configuration gives no key: they last until the restart.
_OF_THIS_PROCESS = secrets.token_bytes(32)


class Protection(Struct, frozen=True):
    policy: Policy
    request: Actions
    answer: Actions

    def vault(self, secret: bytes | None, tenant: str, *, lasting: bool = False) -> Vault:
        """A new vault. `lasting` asks for ids that mean the same in the tenant's later requests."""
        key = hmac.digest(secret or _OF_THIS_PROCESS, tenant.encode(), hashlib.sha256)
        made = Vault(self.policy.format, key=key, stable_key=key if lasting else None)
        made.hosts.update(host.lower() for host in self.policy.restore_hosts)
        return made


class Protections:
    """The policies of a configuration, and what requests made of them."""

    def __init__(self, config: Config) -> None:
        self._prefix = config.server.header_prefix
        self._policies = {"default": Policy("default"), **{each.name: each for each in config.policies}}
        self._all = tuple(self._policies)
        self._chosen = lru_cache(maxsize=256)(self._choose)
        for name in self._all:
            self._chosen(Wishes(), (name,), False)

    def of(self, headers: Mapping[str, str], caller: Caller) -> Protection:
        """Raises PermissionDenied and InvalidRequest, with the header in `param`."""
        wishes = Wishes(
            policy=headers.get(f"{self._prefix}-Policy", "").strip(),
            mode=headers.get(f"{self._prefix}-Mode", "").strip().lower(),
            format=headers.get(f"{self._prefix}-Format", "").strip().lower(),
            entities=headers.get(f"{self._prefix}-Entities", "").strip(),
        )
        if caller.key is None:  # everyone on this machine, as the one who wrote the configuration
            return self._chosen(wishes, self._all, False)
        return self._chosen(wishes, tuple(caller.key.policies), caller.key.may_loosen)

    def _choose(self, wishes: Wishes, listed: tuple[str, ...], may_loosen: bool) -> Protection:
        policy = choose(wishes, self._policies, listed, may_loosen, self._prefix)
        try:
            return protection(policy)
        except UnknownEntity as error:
            raise InvalidRequest(str(error), param=f"{self._prefix}-Entities") from None


def protection(policy: Policy) -> Protection:
    """What a policy amounts to. Raises UnknownEntity, and ConfigError for a pattern that cannot be used."""
    monitor = policy.enforcement == "monitor"
    own = custom.rows(policy.deny, policy.patterns)
    allowed = custom.allowed(policy.allow, policy.allow_patterns)
    request = actions(policy.request, IN_REQUESTS, monitor=monitor, more=own, allowed=allowed)
    answer = actions(policy.answer, IN_ANSWERS, monitor=monitor, more=own, allowed=allowed)
    # Else the first text that needs a pattern would compile it, and all streams wait.
    for rules in (request.acting, request.flagged, answer.both):
        rules.warm()
    answer_scan(Vault(), answer)
    return Protection(policy, request, answer)
