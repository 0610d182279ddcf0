"""A client's body in, a typed view of it out, or an error that says where it is wrong.

What the fields mean is the dialects' business; what stood in them is never repeated in an error.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from gateway.errors import InvalidRequest

T = TypeVar("T")
_decode = msgspec.json.Decoder().decode


def json_object(raw: bytes) -> dict[str, Any]:
    """Raises InvalidRequest."""
    try:
        body = _decode(raw)
    except RecursionError:
        raise InvalidRequest("the body is nested too deeply") from None
    except UnicodeDecodeError:
        raise InvalidRequest("the body is not UTF-8") from None
    except msgspec.DecodeError as error:
        raise InvalidRequest(f"the body is not valid JSON: {_where(error)}") from None
    if not isinstance(body, dict):
        raise InvalidRequest("the body must be a JSON object")
    return body


def typed(body: Any, type: type[T], at: str = "") -> T:
    """The body as a struct. Raises InvalidRequest with the field at fault in `param`, below `at`."""
    try:
        return msgspec.convert(body, type)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        param = f"{at}{where.strip('`')}".strip(".") or None
        raise InvalidRequest(f"{what}{f' at {param}' if param else ''}", param=param) from None


def said(holder: dict[str, Any], name: str, kind: Any, at: str = "") -> Any:
    """A field's value if it is of that type, None if it is not said. Raises InvalidRequest."""
    value = holder.get(name)
    return None if value is None else typed(value, kind, f"{at}{name}")


def object_in(holder: dict[str, Any], name: str) -> dict[str, Any]:
    """A field's object, an empty one if it is not said. Raises InvalidRequest, as do the others here."""
    value = holder.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidRequest(f"{name} must be an object", param=name)
    return value


def list_in(holder: dict[str, Any], name: str) -> list[Any]:
    value = holder.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise InvalidRequest(f"{name} must be a list", param=name)
    return value


def dicts_in(holder: dict[str, Any], name: str) -> list[dict[str, Any]]:
    values = list_in(holder, name)
    if not all(isinstance(value, dict) for value in values):
        raise InvalidRequest(f"{name} must be a list of objects", param=name)
    return values


def string_in(holder: dict[str, Any], name: str) -> str:
    value = holder.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidRequest(f"{name} must be a string", param=name)
    return value


def number_in(holder: dict[str, Any], name: str, kind: type[int] | type[float]) -> Any:
    """A field's number, None if it is not said. True is none, and where `kind` is int, 1.0 is not."""
    value = holder.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int if kind is int else int | float):
        raise InvalidRequest(f"{name} must be a number", param=name)
    return value


def _where(error: msgspec.DecodeError) -> str:
    """The decoder's own words without anything it may quote from the text."""
    message = str(error)
    return message if "byte" in message or "truncated" in message else "it cannot be decoded"
