"""What one process remembers from request to request under a configuration: all its requests share it."""

from __future__ import annotations

import secrets

from gateway.access.balance import Balance
from gateway.access.breaker import Breaker
from gateway.access.cache import Cache
from gateway.config import Config
from gateway.server.routing import Chains


class Standing:
    """Who answers what, how providers are doing, and what they have answered.

    `balance` knows candidates by their target, `breakers` providers by name. `cache_secret` keys the digests
    that `cache` is asked by, and dies with the process.
    """

    def __init__(self, config: Config) -> None:
        self.chains = Chains(config)
        self.balance: Balance[str] = Balance()
        self.breakers = {
            each.name: Breaker(each.breaker.failures, each.breaker.window_s, each.breaker.rest_s)
            for each in config.providers
        }
        table = config.cache
        self.cache = None if table is None else Cache(table.max_bytes, table.ttl_s)
        self.cache_secret = secrets.token_bytes(32)
