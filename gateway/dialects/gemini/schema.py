"""Gemini's own kind of schema as JSON Schema.

It is a subset of OpenAPI 3.0: types in capitals, `nullable` instead of a type `null`, counts as strings.

Source: google-genai types (`Schema`), ai.google.dev/api/caching#Schema.
"""

from __future__ import annotations

from typing import Any

# What JSON Schema has no word for, or only for people.
_LEFT_OUT = ("nullable", "propertyOrdering", "property_ordering", "example")
_COUNTS = ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")
_CAMEL = {
    "any_of": "anyOf",
    "min_items": "minItems",
    "max_items": "maxItems",
    "min_length": "minLength",
    "max_length": "maxLength",
    "min_properties": "minProperties",
    "max_properties": "maxProperties",
    "additional_properties": "additionalProperties",
    "defs": "$defs",
    "ref": "$ref",
}


def json_schema(schema: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, value in schema.items():
        name = _CAMEL.get(key, key)
        if key in _LEFT_OUT or value is None:
            continue
        if name == "type" and isinstance(value, str):
            if value != "TYPE_UNSPECIFIED":
                out["type"] = value.lower()
        elif name in ("properties", "$defs") and isinstance(value, dict):
            out[name] = {each: _schema(inner) for each, inner in value.items()}
        elif name in ("items", "additionalProperties"):
            out[name] = _schema(value)
        elif name in ("anyOf", "prefixItems", "prefix_items") and isinstance(value, list):
            out["anyOf" if name == "anyOf" else "prefixItems"] = [_schema(inner) for inner in value]
        elif name in _COUNTS and isinstance(value, str) and value.isdecimal():
            out[name] = int(value)
        elif name == "format" and value == "enum":
            continue
        else:
            out[name] = value
    if schema.get("nullable") is True:
        if isinstance(out.get("type"), str):
            out["type"] = [out["type"], "null"]
            if isinstance(out.get("enum"), list) and None not in out["enum"]:
                out["enum"] = [*out["enum"], None]
        elif "anyOf" in out:
            out["anyOf"].append({"type": "null"})
    return out


def _schema(value: Any) -> Any:
    return json_schema(value) if isinstance(value, dict) else value
