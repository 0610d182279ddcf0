"""Secrets of the configuration: read where the file points, and never shown again, in errors neither."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from gateway.access.keys import PREFIX, digest_of


class Secret:
    """A string that shows itself to nobody who does not ask for it by `reveal`."""

    __slots__ = ("_value", "digest")

    def __init__(self, value: str) -> None:
        self._value = value
        self.digest = digest_of(value)

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)


def resolve(written: str, env: Mapping[str, str], folder: Path) -> str:
    """What stands where `written` points. Raises ValueError, which msgspec gives its place."""
    kind, colon, rest = written.partition(":")
    if kind == "env" and colon:
        # A key pasted here by mistake is not a variable's name, and must not be repeated.
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", rest):
            raise ValueError("env: must be followed by the name of an environment variable")
        if not env.get(rest):
            raise ValueError(f"the environment variable {rest} is not set")
        return _one_line(env[rest], f"the environment variable {rest}")
    if kind == "credential" and colon:
        return _credential(rest, env)
    if kind == "file" and colon:
        try:
            text = (folder / rest).read_text("utf-8")
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not text"
            raise ValueError(f"the file cannot be read ({reason}); its path starts at {folder}") from None
        return _one_line(text.strip(), "the file")
    if written.startswith(PREFIX):
        return _one_line(written, "it")
    raise ValueError(
        "a secret is written as env:NAME, file:PATH or credential:NAME, so that this file can be shown around"
    )


def _credential(name: str, env: Mapping[str, str]) -> str:
    """What systemd's LoadCredential= has put where only the service can read it."""
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", name):
        raise ValueError("credential: must be followed by the name of a credential of the service")
    if not env.get("CREDENTIALS_DIRECTORY"):
        raise ValueError("there are no credentials here: systemd hands them to a service by LoadCredential=")
    try:
        text = (Path(env["CREDENTIALS_DIRECTORY"]) / name).read_text("utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise ValueError(f"the credential {name} cannot be read ({reason})") from None
    return _one_line(text.strip(), f"the credential {name}")


def _one_line(value: str, where: str) -> str:
    if not value:
        raise ValueError(f"{where} is empty")
    if not (value.isascii() and value.isprintable() and " " not in value):
        raise ValueError(f"{where} must hold one word of printable ASCII")
    return value
