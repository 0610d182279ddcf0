"""The configuration: one TOML file, or only the environment, in; typed structs out.

`load` and `from_environment` give a `Config` that is whole and consistent, or raise ConfigError with the
place (`providers[0].base_url`) and what would be right there; `explain` says what a configuration amounts
to. A secret is read where `env:NAME`, `file:PATH` or `credential:NAME` points and is never shown again, in
errors neither. Nothing here opens a connection.
"""

from __future__ import annotations

from gateway.config.guards import Guard
from gateway.config.loopback import is_loopback
from gateway.config.observability import Audit, Log, Metrics, Traces
from gateway.config.reading import decode, from_environment, load
from gateway.config.routes import Cache, CircuitBreaker, Retries, Route
from gateway.config.secret import Secret
from gateway.config.state import state_of
from gateway.config.summary import explain
from gateway.config.tables import Config, Key, Model, Provider, Server, State, Timeouts
from gateway.providers.proxies import Proxies

__all__ = [
    "Audit",
    "Cache",
    "CircuitBreaker",
    "Config",
    "Guard",
    "Key",
    "Log",
    "Metrics",
    "Model",
    "Provider",
    "Proxies",
    "Retries",
    "Route",
    "Secret",
    "Server",
    "State",
    "Timeouts",
    "Traces",
    "decode",
    "explain",
    "from_environment",
    "is_loopback",
    "load",
    "state_of",
]
